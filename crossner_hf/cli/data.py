"""The command `crossner-hf data verify | stats | show | export | import | audit`."""

import argparse
import sys
from collections.abc import Sequence

from crossner_hf.cli.options import CommandParser, add_data_options, domain_help, quiet_datasets, wants_colour
from crossner_hf.display import say

EPILOG = """examples:
  crossner-hf data verify --data-dir ner_data
  crossner-hf data stats music politics
  crossner-hf data show sample_music --split test --max 5
  crossner-hf data import project-1.json --output legal/    (annotations of your own; data import --help)
  crossner-hf data export crossner/ music ai    (then: load_dataset("crossner/", "music"), with no package needed)"""


def main(argv: Sequence[str]) -> int:
    if argv and argv[0] in ("import", "audit"):
        from crossner_hf.cli import data_audit, data_import

        return {"import": data_import, "audit": data_audit}[argv[0]].main(argv[1:])
    parser = CommandParser(prog="crossner-hf data", description="The labelled data.", epilog=EPILOG)
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="verify | stats | show | export | import | audit"
    )
    verify = commands.add_parser("verify", help="check sizes and checksums of the official files")
    stats = commands.add_parser("stats", help="sentences, words and entities of each split and type")
    show = commands.add_parser("show", help="sentences with their entities, in colour on a terminal")
    export = commands.add_parser("export", help="a folder of Parquet files and a card, which load_dataset reads")
    commands.add_parser("import", help="make the folder of a domain from the files of annotation tools")
    commands.add_parser("audit", help="find repeats, contradictions and likely errors")
    verify.add_argument("domains", nargs="*", help="default: the five domains and conll2003")
    stats.add_argument("domains", nargs="*", help=f"default: those whose files are there; {domain_help()}")
    show.add_argument("domain", help=domain_help())
    show.add_argument("--split", default="train", choices=("train", "validation", "test"))
    show.add_argument("--max", type=int, default=10, help="how many sentences; 0: all")
    show.add_argument("--color", choices=("auto", "always", "never"), default="auto")
    export.add_argument("folder", help="an empty or new folder")
    export.add_argument("domains", nargs="*", help="default: the five domains and conll2003")
    for command in (verify, stats, show, export):
        add_data_options(command)
    args = parser.parse_args(argv)
    if args.command == "show" and args.max < 0:
        parser.error(f"--max must be 0 (all) or more, got {args.max}")
    return {"verify": run_verify, "stats": run_stats, "show": run_show, "export": run_export}[args.command](args)


def run_verify(args: argparse.Namespace) -> int:
    """Print one line for each file; exit status 2 if one is missing or differs."""
    from crossner_hf.data.sources import FILES, check_file, data_root, is_official, official_name
    from crossner_hf.schema import get_domain

    domains = [get_domain(name) for name in args.domains]
    for domain in domains:
        if not is_official(domain):
            raise ValueError(f"{domain.name} has no published checksums; `crossner-hf data stats` reads and checks it")
    wanted = {official_name(domain) for domain in domains}
    root = data_root(args.data_dir)
    bad = 0
    for name, expected in FILES.items():
        if wanted and name.split("/")[0] not in wanted:
            continue
        problem = check_file(root / name, expected)
        bad += problem is not None
        say(f"{'BAD' if problem else 'ok '}  {name:<22}{expected.size:>10,} bytes  {problem or ''}".rstrip())
    say(f"{root}: " + ("all as published" if not bad else f"{bad} file(s) missing or not as published"))
    return 2 if bad else 0


def run_stats(args: argparse.Namespace) -> int:
    from crossner_hf.data.first_report import first_report
    from crossner_hf.data.statistics import present_domains, statistics_table
    from crossner_hf.schema import get_domain

    names = args.domains or present_domains(args.data_dir)
    for number, name in enumerate(names):
        say(("\n" if number else "") + statistics_table(name, data_dir=args.data_dir, verify=not args.no_verify))
        if get_domain(name).folder:
            say(first_report(name))
    return 0


def run_show(args: argparse.Namespace) -> int:
    from crossner_hf.data.builder import load
    from crossner_hf.display import marked_sentence
    from crossner_hf.schema import get_domain
    from crossner_hf.tagger.iob2 import spans

    domain = get_domain(args.domain)
    dataset = load(args.domain, split=args.split, data_dir=args.data_dir, verify=not args.no_verify)
    colour = wants_colour(args.color)
    for row in dataset.select(range(min(args.max or len(dataset), len(dataset)))):
        tags = [domain.labels[i] for i in row["ner_tags"]]
        print(f"{row['id']:>5}  {marked_sentence(row['tokens'], spans(tags), colour=colour)}")
    return 0


def run_export(args: argparse.Namespace) -> int:
    quiet_datasets()
    from crossner_hf.hub.dataset_repository import write_dataset_repository
    from crossner_hf.schema import DOMAINS, SOURCE

    wanted = args.domains or [SOURCE.name, *DOMAINS]
    names = write_dataset_repository(args.folder, wanted, data_dir=args.data_dir, verify=not args.no_verify)
    say(f'{args.folder}: {len(names)} configuration(s); load_dataset("{args.folder}", "{names[-1]}") reads it')
    if any(name.startswith(SOURCE.name) for name in names):
        say("the text of conll2003 is under Reuters' terms: for your own use, not to be passed on", file=sys.stderr)
    return 0
