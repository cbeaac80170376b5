"""crossner-hf corpus: corpora of raw text at four levels."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from crossner_hf.cli.options import CommandParser, add_data_dir, wants_colour
from crossner_hf.display import say

EPILOG = """examples:
  crossner-hf corpus build --help
  crossner-hf corpus stats corpora/
  crossner-hf corpus show corpora/ --html corpora.html"""


def main(argv: Sequence[str]) -> int:
    if argv and argv[0] == "build":
        from crossner_hf.cli import corpus_build

        return corpus_build.main(argv[1:])
    args = _parser().parse_args(list(argv))
    return {"stats": run_stats, "show": run_show}[args.command](args)


def run_stats(args: argparse.Namespace) -> int:
    from crossner_hf.corpora.corpus_sizes import sizes_of, sizes_table

    if args.gold is not None:
        _count_gold(args)
    say(sizes_table(sizes_of(args.folder)))
    return 0


def _count_gold(args: argparse.Namespace) -> None:
    """Write into the record which share of the gold mentions each level contains."""
    from crossner_hf.corpora.corpus_sizes import read_corpus
    from crossner_hf.corpora.gold_coverage import with_coverage
    from crossner_hf.results.record_files import RECORD_FILE, write_record
    from crossner_hf.schema import DOMAINS, get_domain

    record = read_corpus(args.folder)
    names = args.gold or [name for name in record.domains if name in DOMAINS]
    counted = with_coverage(record, args.folder, [get_domain(name) for name in names], args.data_dir)
    write_record(Path(args.folder) / RECORD_FILE, counted)


def run_show(args: argparse.Namespace) -> int:
    from crossner_hf.atomic_write import write_text
    from crossner_hf.corpora.corpus_page import corpus_page
    from crossner_hf.corpora.corpus_samples import dropped_sentences, kept_sentences
    from crossner_hf.corpora.corpus_sizes import read_corpus
    from crossner_hf.display import marked_text

    if args.html:
        write_text(args.html, corpus_page(args.folder))
        say(args.html)
        return 0
    folder, record, colour = Path(args.folder), read_corpus(args.folder), wants_colour(args.color)
    for name in record.domains:
        for sentence in kept_sentences(folder, record, name, args.max):
            names = [
                {**entity, "entity_group": entity["type"], "word": sentence.text[entity["start"] : entity["end"]]}
                for entity in sentence.entities
            ]
            levels = ", ".join(("domain", *sentence.levels))
            print(f"{name} ({levels}): {marked_text(sentence.text, names, colour=colour)}")
        for dropped in dropped_sentences(folder, name, max(1, args.max // 5)):
            say(f"{name}, dropped ({dropped.reason}): {dropped.text}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser(prog="crossner-hf corpus", description="Corpora of raw text at four levels.", epilog=EPILOG)
    commands = parser.add_subparsers(dest="command", required=True, metavar="build | stats | show")
    commands.add_parser("build", help="make corpora from documents and a gazetteer")
    stats = commands.add_parser("stats", help="sizes of the levels, beside the published ones")
    stats.add_argument("folder", help="of `corpus build`, or with the authors' files (music_domainlevel.txt …)")
    text = "count the gold mentions of the test split that each level contains, and keep it in record.json; of these "
    text += "domains, or folders of domains (default: those of CrossNER)"
    stats.add_argument("--gold", nargs="*", metavar="DOMAIN", help=text)
    add_data_dir(stats)
    show = commands.add_parser("show", help="kept and dropped sentences, with names in colour")
    show.add_argument("folder", help="of `corpus build`")
    show.add_argument("--html", metavar="FILE", help="write a page with sizes and sentences instead")
    show.add_argument("--max", type=int, default=20, help="how many sentences of each domain (default: 20)")
    show.add_argument("--color", choices=("auto", "always", "never"), default="auto")
    return parser
