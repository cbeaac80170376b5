"""crossner-hf experiment report."""

import argparse
import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from crossner_hf.cli.options import CommandParser
from crossner_hf.display import say

EPILOG = """FOLDER holds runs of `crossner-hf experiment run` or `crossner-hf train` (record.json, predictions.json), or
records that were collected (NAME.json with NAME.predictions.json).

OUTPUT then holds report.html (one page that needs no network and nothing beside it), report.md with figures/, and
main_table.csv, runs.csv, per_type.csv, few_shot.csv, corpus_size.csv, significance.csv, confusion.csv.

Scores alone give the tables and curves. Confusion, significance and the hardest sentences also need predictions and
the test sentences: those of the official files and of domains of your own under --data-dir; the samples are here.

examples:
  crossner-hf experiment report exp/smoke --output exp/smoke/report
  crossner-hf experiment report exp/main exp/few --data-dir ner_data my_domain --output report --convention pooled"""


def main(argv: Sequence[str]) -> int:
    args = _parser().parse_args(list(argv))
    with _no_garbage_collection():
        from crossner_hf.experiments.report.build import write_report

        report = write_report(
            args.folders,
            args.output,
            data_dirs=args.data_dir or (),
            convention=args.convention,
            with_plots=not args.no_plots,
            resamples=args.resamples,
        )
    say(f"{report.runs} runs, {report.systems} systems, test splits: {', '.join(report.eval_sets)} ({args.convention})")
    for shown, reason in report.set_aside:
        say(f"set aside: {shown}: {reason}")
    for reason in report.missing:
        say(f"left out: {reason}")
    say(f"{report.folder / 'report.html'}  (and report.md, CSV files)")
    return 0


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Records are kept to the end; to look through them for garbage, again and again, takes a tenth of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _parser() -> argparse.ArgumentParser:
    from crossner_hf.metric.crossner.span_f1 import DEFAULT_CONVENTIONS

    parser = CommandParser(
        prog="crossner-hf experiment report",
        description="Tables, curves, errors and significance from the records of runs, as one page, Markdown and CSV.",
        epilog=EPILOG,
    )
    parser.add_argument("folders", nargs="+", metavar="FOLDER", help="folders with records, at any depth")
    parser.add_argument("--output", required=True, metavar="FOLDER", help="where the report is written")
    parser.add_argument(
        "--data-dir",
        nargs="+",
        metavar="FOLDER",
        help="of the official files (music/test.txt …; else CROSSNER_DATA_DIR, else those downloaded before), and of "
        "domains of your own",
    )
    parser.add_argument(
        "--convention", choices=DEFAULT_CONVENTIONS, default="conlleval", help="of the scores (default: conlleval)"
    )
    parser.add_argument("--no-plots", action="store_true", help="leave the plots out; they need the extra: report")
    parser.add_argument("--resamples", type=int, default=10_000, help="of the bootstrap (default: 10000)")
    return parser
