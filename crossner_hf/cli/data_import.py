"""The command `crossner-hf data import`."""

from collections.abc import Sequence

from crossner_hf.cli.options import CommandParser, quiet_datasets
from crossner_hf.display import say

EPILOG = """forms (--from; by default detected):
  conll         words and tags in columns, tabs or spaces; IOB1, IOB2, BIOES, BILOU, BMES or types alone; CoNLL-U
  jsonl         {"tokens": […], "tags": […]} or {"text": "…", "spans": [[start, end, "type"]]} on each line
  label-studio  JSON or JSON-MIN      doccano  JSONL      prodigy  `prodigy db-out`
  brat          a folder of .txt and .ann files           spacy    a DocBin, .spacy
  datasets      an id of the Hub, a folder of save_to_disk, a Parquet file

A folder's files belong to the splits that their names say (train, dev, test); what a source does not have is drawn from
train, document by document, so that train has every type.

examples:
  crossner-hf data import project-1.json --output legal/
  crossner-hf data import ner.tsv --words 2 --tags 4 --output legal/
  crossner-hf data import rows.jsonl --text body --spans marks --rename PER=person --rename DATE= --output legal/
  crossner-hf data import user/legal-ner --tags labels --output legal/"""


def main(argv: Sequence[str]) -> int:
    quiet_datasets()
    from crossner_hf.data.importing.documents import CUT_WORD_CHOICES, SENTENCE_CHOICES, SPLIT_UNITS, ImportOptions
    from crossner_hf.data.importing.formats import FORMATS
    from crossner_hf.tagger.word_splitter import DEFAULT_SPLITTER, SPLITTERS

    parser = CommandParser(
        prog="crossner-hf data import",
        description="Make the folder of a domain from annotations of any form.",
        epilog=EPILOG,
    )
    parser.add_argument("source", metavar="SOURCE", help="a file, a folder of files, or the id of a data set")
    parser.add_argument("--output", required=True, metavar="FOLDER", help="a new or empty folder")
    parser.add_argument("--from", dest="source_format", choices=tuple(FORMATS), help="form of the source")
    parser.add_argument("--name", help="name of the domain; default: the folder's")
    columns = parser.add_argument_group("columns (a number from 1 for CoNLL, else a name)")
    columns.add_argument("--words", metavar="COLUMN")
    columns.add_argument("--tags", metavar="COLUMN")
    columns.add_argument("--text", metavar="NAME", help="the text, where entities are spans of characters")
    columns.add_argument("--spans", metavar="NAME")
    columns.add_argument("--config", metavar="NAME", help="configuration of a data set")
    texts = parser.add_argument_group("texts with spans")
    texts.add_argument("--splitter", choices=SPLITTERS, default=DEFAULT_SPLITTER, help="word splitter")
    texts.add_argument(
        "--sentences",
        choices=SENTENCE_CHOICES,
        default="split",
        help="split texts at line ends and sentence ends (default), or leave them whole",
    )
    texts.add_argument(
        "--cut-words",
        choices=CUT_WORD_CHOICES,
        default="extend",
        help="a span that cuts a word: extend it to the word (default), or drop it",
    )
    splits = parser.add_argument_group("splits that the source does not have")
    splits.add_argument("--dev-share", type=float, default=0.1)
    splits.add_argument("--test-share", type=float, default=0.1)
    splits.add_argument("--split-by", choices=SPLIT_UNITS, default="document")
    splits.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--rename",
        action="append",
        default=[],
        metavar="OLD=NEW",
        help="rename or join types; 'OLD=' leaves the entities out; repeatable",
    )
    args = vars(parser.parse_args(argv))
    pairs = [pair.partition("=") for pair in args.pop("rename")]
    if odd := [old for old, equals, _ in pairs if not (old and equals)]:
        parser.error(f"--rename expects OLD=NEW, got {odd[0]!r}")
    source, output = args.pop("source"), args.pop("output")
    shares = (args.pop("dev_share"), args.pop("test_share"))

    from crossner_hf.data.first_report import first_report
    from crossner_hf.data.importing.import_domain import import_domain
    from crossner_hf.data.statistics import statistics_table

    options = ImportOptions(**args, shares=shares, renamed={old: new for old, _, new in pairs})
    for line in import_domain(source, output, options).lines():
        say(line)
    say(f"\n{statistics_table(output)}\n{first_report(output)}")
    return 0
