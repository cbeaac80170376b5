"""crossner-hf corpus build."""

import argparse
import sys
from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING

from crossner_hf.cli.options import CommandParser, add_data_dir, add_settings
from crossner_hf.display import say

if TYPE_CHECKING:
    from crossner_hf.corpora.build_plan import BuildInput, BuildPlan
    from crossner_hf.corpora.selection import DomainSelector
    from crossner_hf.engine.tasks import Outcome

EPILOG = """A SOURCE is a file or folder of documents: Parquet, JSON lines (as of WikiExtractor), plain text, a
MediaWiki dump (….xml.bz2); or the id of a data set of the Hub, such as wikimedia/wikipedia. A GAZETTEER is a file of
names with types (name, type, domain between tabs; or JSON lines, DBpedia's N-Triples, an export of Wikidata).

examples:
  crossner-hf corpus build --domain music --source simplewiki.parquet --gazetteer names.tsv --output corpora/
  crossner-hf corpus build --domain all --source enwiki.xml.bz2 --gazetteer types.nt.bz2 labels.nt.bz2 \\
      --categories music=Music politics=Politics --depth 5 --output corpora/
  crossner-hf corpus build --domain my_domain/ --whole-source --source reports/ --gazetteer names.tsv --output corpora/
  crossner-hf corpus stats corpora/
  crossner-hf corpus show corpora/ --html corpora.html
  crossner-hf overlap conll2003 corpora/music/domain corpora/politics/domain
  crossner-hf dapt --corpus corpora/music/integrated --masking span --model bert-base-cased --output runs/music

OUTPUT then holds DOMAIN/LEVEL/ for the levels domain, entity, task and integrated, DOMAIN/README.md, with which
load_dataset("OUTPUT/DOMAIN", "LEVEL") reads it, dropped.jsonl with some dropped sentences, and record.json, the
manifest, written last. Stopped or killed, the same command goes on."""

BUILD_OPTIONS = ("max_lower_case", "near_duplicates", "keep_labelled", "drop_articles", "format")


def main(argv: Sequence[str]) -> int:
    args = _parser().parse_args(list(argv))
    from crossner_hf.corpora.build import build_corpus
    from crossner_hf.corpora.build_job import BuildSettings
    from crossner_hf.corpora.build_plan import plan_build
    from crossner_hf.corpora.corpus_sizes import sizes_table
    from crossner_hf.corpora.levels import LevelRules

    rules = LevelRules(**{option.name: getattr(args, option.name) for option in fields(LevelRules)})
    settings = BuildSettings(levels=rules, **{name: getattr(args, name) for name in BUILD_OPTIONS})
    plan = plan_build(_input(args), args.output, _selectors(args), settings)
    if args.dry_run:
        return _dry_run(plan)
    try:
        record = build_corpus(
            plan,
            executor=args.executor,
            workers=args.workers,
            keep_work=args.keep_work,
            overwrite=args.overwrite,
            report=_report,
        )
    except KeyboardInterrupt:
        say(f"\nstopped; the same command goes on ({args.output})", file=sys.stderr)
        return 130
    say(sizes_table({name: domain.levels for name, domain in record.domains.items()}))
    say(f"{args.output}  (crossner-hf corpus show {args.output} --html corpus.html)")
    return 0


def _input(args: argparse.Namespace) -> "BuildInput":
    from crossner_hf.corpora.build_plan import BuildInput
    from crossner_hf.corpora.documents import ReaderOptions

    reader = ReaderOptions(
        text_column=args.text_column,
        title_column=args.title_column,
        categories_column=args.categories_column,
        score_column=args.score_column,
        config=args.corpus_config,
        split=args.corpus_split,
    )
    return BuildInput(tuple(args.source), tuple(args.gazetteer), reader, args.depth, args.data_dir)


def _selectors(args: argparse.Namespace) -> "list[DomainSelector]":
    """One selector for each domain; options name the domain before '=' where there are several."""
    from crossner_hf.corpora.selection import DomainSelector
    from crossner_hf.data.lines import first_columns
    from crossner_hf.schema import DOMAINS, canonical, get_domain

    domains = list(DOMAINS.values()) if args.domain == ["all"] else [get_domain(name) for name in args.domain]
    names = [domain.name for domain in domains]
    options = (args.categories, "--categories"), (args.titles, "--titles"), (args.types, "--types")
    categories, titles, types = (_by_domain(values, names, option) for values, option in options)
    selectors = []
    for domain in domains:
        chosen = frozenset(categories[domain.name])
        listed = frozenset(title for path in titles[domain.name] for title in first_columns(path))
        has_criterion = chosen or listed or args.whole_source or args.min_score is not None
        selectors.append(
            DomainSelector(
                domain,
                categories=chosen,
                titles=listed,
                by_type=bool(types[domain.name]) or not has_criterion if args.by_type is None else args.by_type,
                entity_types=tuple(map(canonical, types[domain.name])),
                min_score=args.min_score,
                whole_source=args.whole_source,
                combine=args.combine,
            )
        )
    return selectors


def _by_domain(values: Iterable[str], names: Sequence[str], option: str) -> dict[str, list[str]]:
    """Sort `music=Music` by domain; the name may be left out where there is one domain."""
    sorted_values: dict[str, list[str]] = {name: [] for name in names}
    for value in values:
        name, equals, rest = value.partition("=")
        if equals and name in sorted_values:
            sorted_values[name].append(rest)
        elif len(names) == 1:
            sorted_values[names[0]].append(value)
        else:
            raise ValueError(f"{option} {value}: with several domains say which, as in {names[0]}={value}")
    return sorted_values


def _report(outcome: "Outcome", progress: str) -> None:
    text = f"failed: {outcome.reason}" if outcome.reason else f"{outcome.seconds:.0f} s"
    say(f"[{progress}] {outcome.name}: {text}", file=sys.stderr, flush=True)


def _dry_run(plan: "BuildPlan") -> int:
    for described in plan.selection():
        given = {name: value for name, value in described.items() if value and name not in ("domain", "titles_sha256")}
        if given["combine"] == "any":
            del given["combine"]
        texts = (f"{name} {', '.join(value) if isinstance(value, list) else value}" for name, value in given.items())
        say(f"{described['domain']['name']}: {', '.join(texts)}")
    say(*(f"  {path.name} (to be unpacked)" for path in plan.dumps), *(f"  {s.name}" for s in plan.shards), sep="\n")
    say(f"{len(plan.dumps)} dumps, {len(plan.shards)} other shards; nothing was written")
    return 0


def _parser() -> argparse.ArgumentParser:
    from crossner_hf.corpora.build_job import FORMATS, BuildSettings
    from crossner_hf.corpora.levels import LevelRules
    from crossner_hf.engine.run import EXECUTORS

    parser = CommandParser(
        prog="crossner-hf corpus build",
        description="Make corpora of raw text at four levels from documents and a gazetteer.",
        epilog=EPILOG,
    )
    parser.add_argument("--domain", nargs="+", required=True, help="names or folders of domains, or all: the five")
    parser.add_argument("--source", nargs="+", required=True, metavar="SOURCE", help="documents; see below")
    parser.add_argument("--gazetteer", nargs="+", required=True, metavar="FILE", help="names with types; see below")
    parser.add_argument("--output", required=True, metavar="FOLDER", help="a new folder")
    select = parser.add_argument_group("which documents belong to a domain")
    text = "those in these categories, or in paths below them; with several domains: DOMAIN=CATEGORY"
    select.add_argument("--categories", nargs="+", action="extend", default=[], metavar="CATEGORY", help=text)
    select.add_argument(
        "--depth", type=int, default=3, help="of dumps: so many steps below the categories (default: 3)"
    )
    text = "those with these titles, one on each line; with several domains: DOMAIN=FILE"
    select.add_argument("--titles", nargs="+", action="extend", default=[], metavar="FILE", help=text)
    text = "those whose first sentence says that they are of a type of the domain; the default if nothing else is asked"
    select.add_argument("--by-type", action=argparse.BooleanOptionalAction, default=None, help=text)
    text = "the types for --by-type; default: those that no other domain has; with several domains: DOMAIN=TYPE"
    select.add_argument("--types", nargs="+", action="extend", default=[], metavar="TYPE", help=text)
    select.add_argument("--min-score", type=float, metavar="X", help="those with at least this in the score column")
    select.add_argument("--whole-source", action="store_true", help="all documents")
    select.add_argument("--combine", choices=("any", "all"), default="any", help="of these (default: any)")
    read = parser.add_argument_group("columns of the source")
    for column in ("text", "title", "categories"):
        read.add_argument(f"--{column}-column", default=column, metavar="NAME", help=f"(default: {column})")
    read.add_argument("--score-column", metavar="NAME")
    read.add_argument("--corpus-config", help="configuration of a Hub data set")
    read.add_argument("--corpus-split", default="train", help="its split (default: train)")
    sentences = parser.add_argument_group("sentences and names")
    add_settings(sentences, BuildSettings, {"format": FORMATS}, near_duplicates={"type": float})
    add_settings(parser.add_argument_group("levels"), LevelRules, {})
    run = parser.add_argument_group("how it is run; nothing here changes the result")
    run.add_argument("--workers", type=int, metavar="N", help="tasks at once; default: the cores")
    run.add_argument("--executor", choices=EXECUTORS, default="local", help="this machine (default), or a cluster")
    run.add_argument("--keep-work", action="store_true", help="keep what was read, for a build with other levels")
    run.add_argument("--overwrite", action="store_true", help="replace the corpus that OUTPUT holds")
    run.add_argument("--dry-run", action="store_true", help="show what would be done; nothing is written")
    add_data_dir(run)
    return parser
