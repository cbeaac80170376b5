"""The command `crossner-hf data audit`."""

import argparse
from collections.abc import Sequence

from crossner_hf.cli.options import add_data_options, domain_help, quiet
from crossner_hf.cli.run_options import run_parser
from crossner_hf.display import say

EPILOG = """examples:
  crossner-hf data audit legal/                               repeats and contradictions, without a model
  crossner-hf data audit legal/ --model runs/legal            what a trained tagger contradicts on dev and test
  crossner-hf data audit legal/ --model minilm --folds 5      what taggers contradict in sentences they did not see
  crossner-hf data audit music --predictions runs/a runs/b    what most of several runs contradict on test

With --folds, every option of `crossner-hf train` that concerns the training is an option too (--tagger linear,
--num-train-epochs 5, --bf16 True --use-cpu True, …)."""


def main(argv: Sequence[str]) -> int:
    from crossner_hf.finetuning.arguments import FineTuningArguments

    parser, _ = run_parser(
        FineTuningArguments,
        "data audit",
        description="Find repeats, contradictions and likely errors in labelled data; the report is Markdown.",
        epilog=EPILOG,
        conflict_handler="resolve",  # --output and --no-verify are those of the audit
    )
    of_training = [action for action in parser._actions if action.dest != "help"]
    for action in of_training:
        action.default, action.help = None, argparse.SUPPRESS
    parser.add_argument("domains", nargs="+", metavar="DOMAIN", help=domain_help())
    parser.add_argument("--predictions", nargs="+", metavar="FOLDER", help="folders with runs and records")
    parser.add_argument("--model", help="a trained tagger; with --folds the encoder to fine-tune")
    parser.add_argument("--folds", type=int, default=0, help="folds of a cross-validation (a CRF, preset small)")
    parser.add_argument("--work-folder", default="runs/audit", help="where the runs of the folds are kept and resume")
    parser.add_argument("--min-confidence", type=float, default=0.9, help="above 0.5")
    parser.add_argument("--max", type=int, default=20, help="cases of each kind that are shown")
    parser.add_argument("--output", metavar="FILE", help="where the report is written; default: standard output")
    add_data_options(parser)
    args = parser.parse_args(argv)
    if args.output_dir is not None:
        parser.error("unknown option --output-dir; --work-folder is the folder of the runs")
    training = {action.dest: getattr(args, action.dest) for action in of_training}
    quiet()
    from crossner_hf.atomic_write import write_text
    from crossner_hf.finetuning.audit import AuditOptions, audit

    options = AuditOptions(
        predictions=args.predictions or (),
        model=args.model,
        folds=args.folds,
        training={name: value for name, value in training.items() if value is not None},
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
