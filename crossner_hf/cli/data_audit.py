"""The command `crossner-hf data audit`."""

from collections.abc import Sequence

from crossner_hf.cli.options import CommandParser, add_data_options, domain_help, quiet
from crossner_hf.display import say

EPILOG = """examples:
  crossner-hf data audit legal/                               repeats and contradictions, without a model
  crossner-hf data audit legal/ --model runs/legal            what a trained tagger contradicts on dev and test
  crossner-hf data audit legal/ --model minilm --folds 5      what taggers contradict in sentences they did not see
  crossner-hf data audit music --predictions runs/a runs/b    what most of several runs contradict on test"""


def main(argv: Sequence[str]) -> int:
    parser = CommandParser(
        prog="crossner-hf data audit",
        description="Find repeats, contradictions and likely errors in labelled data; the report is Markdown.",
        epilog=EPILOG,
    )
    parser.add_argument("domains", nargs="+", metavar="DOMAIN", help=domain_help())
    parser.add_argument("--predictions", nargs="+", default=[], metavar="FOLDER", help="folders with runs and records")
    parser.add_argument("--model", help="a trained tagger; with --folds the encoder to fine-tune")
    parser.add_argument("--folds", type=int, default=0, help="folds of a cross-validation (preset small)")
    parser.add_argument("--tagger", default="crf", help="tagger of the cross-validation (default: crf)")
    parser.add_argument("--work-folder", default="runs/audit", help="where the runs of the folds are kept and resume")
    parser.add_argument("--min-confidence", type=float, default=0.9, help="above 0.5 (default: 0.9)")
    parser.add_argument("--max", type=int, default=20, help="cases of each kind that are shown (default: 20)")
    parser.add_argument("--output", metavar="FILE", help="where the report is written; default: standard output")
    add_data_options(parser)
    args = parser.parse_args(argv)
    quiet()
    from crossner_hf.atomic_write import write_text
    from crossner_hf.finetuning.audit import AuditOptions, audit

    options = AuditOptions(
        predictions=args.predictions,
        model=args.model,
        folds=args.folds,
        tagger=args.tagger,
        work_folder=args.work_folder,
        min_confidence=args.min_confidence,
        most_shown=args.max,
    )
    page = audit(args.domains, options, data_dir=args.data_dir, verify=not args.no_verify)
    if args.output:
        write_text(args.output, page)
        say(args.output)
    else:
        say(page, end="")
    return 0
