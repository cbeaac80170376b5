"""crossner-hf overlap: how many frequent words domains and corpora share."""

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from crossner_hf.cli.options import CommandParser, add_data_options, add_settings
from crossner_hf.display import csv_cell, say

if TYPE_CHECKING:
    from crossner_hf.results.text_records import OverlapRecord

EPILOG = """A STREAM is one of these; NAME= before it gives it a name:
  a domain      music, conll2003, sample_music, …, or the folder of your own: the words of its labelled sentences
  raw text      a file or folder of text (documents between blank lines), JSON lines or Parquet
  a data set    of the Hub, by its id; read as a stream
A domain's name wins over a file of that name; write ./music for the file.

A word counts if it has a letter and is no stop word. Two streams are compared by their TOP_K most frequent words, by as
many as the smaller has where that is fewer; words as frequent as the last one are taken in the order of the alphabet.

examples:
  crossner-hf overlap conll2003 politics science music literature ai --top-k 1000
  crossner-hf overlap music jazz=articles/jazz.jsonl wiki=wiki.parquet --plot overlap.png --to json > overlap.json"""


def main(argv: Sequence[str]) -> int:
    from crossner_hf.corpora.overlap import OverlapArguments, notes, overlap
    from crossner_hf.corpora.overlap_plot import check_plot, plot_overlap
    from crossner_hf.corpora.word_streams import StreamOptions, open_stream
    from crossner_hf.schema import SPLITS

    args = _parser().parse_args(argv)
    settings = OverlapArguments(args.top_k, args.stop_words, args.casing)
    if args.plot:
        check_plot(args.plot)  # before hours of counting
    options = StreamOptions(
        splits=("train",) if args.split == "train" else SPLITS,
        data_dir=args.data_dir,
        verify=not args.no_verify,
        splitter=args.splitter,
        text_column=args.text_column,
        config=args.corpus_config,
        corpus_split=args.corpus_split,
    )
    record = overlap([open_stream(text, options) for text in args.streams], settings)
    say({"table": as_table, "csv": as_csv, "json": as_json}[args.to](record), flush=True)
    for note in notes(record):
        say(f"note: {note}", file=sys.stderr)
    if args.plot:
        plot_overlap(record, args.plot)
    return 0


def _parser() -> argparse.ArgumentParser:
    from crossner_hf.corpora.overlap import CASINGS, OverlapArguments
    from crossner_hf.tagger.word_splitter import DEFAULT_SPLITTER, SPLITTERS

    parser = CommandParser(
        prog="crossner-hf overlap",
        description="Percent of words that the most frequent words of two or more streams share.",
        epilog=EPILOG,
    )
    parser.add_argument("streams", nargs="+", metavar="STREAM", help="two or more; see below")
    add_settings(parser, OverlapArguments, {"casing": CASINGS}, stop_words={"metavar": "english|none|FILE"})
    parser.add_argument("--split", choices=("train", "all"), default="all", help="of domains (default: all)")
    parser.add_argument("--to", choices=("table", "csv", "json"), default="table", help="json: the record")
    parser.add_argument("--plot", metavar="FILE", help="a heat map too, as .png or .svg (extra: report)")
    parser.add_argument(
        "--splitter",
        choices=tuple(SPLITTERS),
        default=DEFAULT_SPLITTER,
        help=f"word splitter for raw text (default: {DEFAULT_SPLITTER}); words of domains are as in their files",
    )
    parser.add_argument("--text-column", default="text", help="column of the text in JSON lines, Parquet and data sets")
    parser.add_argument("--corpus-config", help="configuration of a Hub data set")
    parser.add_argument("--corpus-split", default="train", help="its split (default: train)")
    add_data_options(parser)
    return parser


def as_table(record: "OverlapRecord") -> str:
    from crossner_hf.corpora.overlap_plot import caption
    from crossner_hf.display import table

    labels = [stream.label for stream in record.streams]
    percents = zip(labels, record.matrix.percent, strict=True)
    shared = table(("", *labels), [(label, *(f"{value:.1f}" for value in row)) for label, row in percents])
    counts = ((s.label, s.words, s.counted, s.distinct, s.top, s.least_count, s.tied) for s in record.streams)
    header = ("stream", "words", "counted", "distinct", "compared", "least count", "words with it")
    sizes = table(header, [(label, *(f"{number:,}" for number in numbers)) for label, *numbers in counts])
    return "\n\n".join((": ".join(caption(record)), shared, sizes))


def as_csv(record: "OverlapRecord") -> str:
    import pandas as pd

    labels = [csv_cell(stream.label) for stream in record.streams]
    matrix = pd.DataFrame(record.matrix.percent, labels, labels)
    return matrix.to_csv(index_label="stream", float_format="%.2f", lineterminator="\n").rstrip("\n")


def as_json(record: "OverlapRecord") -> str:
    return record.as_json().rstrip()
