"""crossner-hf concepts: data of what things are, and pre-training on them."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from crossner_hf.cli.options import CommandParser, add_data_dir, quiet
from crossner_hf.display import say
from crossner_hf.packaged_encoder import CONCEPTS

if TYPE_CHECKING:
    from crossner_hf.engine.tasks import Outcome

EPILOG = """Concepts are what Wikipedia's first sentences say. "Miles Davis was an American trumpeter" makes
every "Miles Davis" in text a mention of "trumpeter". An encoder that was trained on such
mentions reads descriptions of types:

  crossner-hf concepts build --source simplewiki.xml.bz2 --output concept-data/
  crossner-hf concepts train --data concept-data/ --model minilm --max-tokens 1000000 --output runs/concepts
  crossner-hf predict --model runs/concepts --types "court, judge, statute" articles.txt
  crossner-hf concepts describe --domain legal/ --choose
  crossner-hf train --domain music --model runs/concepts --tagger crf --preset small --output runs/music

The model `concepts` comes with this package (extra: offline)."""


def main(argv: Sequence[str]) -> int:
    """Run one of the commands."""
    if argv and argv[0] == "train":
        return run_train(argv[1:])
    parser = CommandParser(
        prog="crossner-hf concepts", description="Concept data and concept pre-training.", epilog=EPILOG
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    build = commands.add_parser("build", help="make concept data from Wikipedia in any form that corpora are built of")
    _add_build_options(build)
    commands.add_parser("train", help="pre-train an encoder on concept data", add_help=False)
    describe = commands.add_parser("describe", help="how the descriptions of a domain's types do on labelled sentences")
    _add_describe_options(describe)
    args = parser.parse_args(argv)
    return {"build": run_build, "describe": run_describe}[args.command](args)


def _add_build_options(build: argparse.ArgumentParser) -> None:
    build.add_argument(
        "--source",
        nargs="+",
        required=True,
        help="files or folders of pages with titles; links of MediaWiki dumps are mentions",
    )
    build.add_argument("--output", required=True, metavar="FOLDER", help="where the data go")
    build.add_argument("--text-column", default="text", help="column of the text (default: text)")
    build.add_argument("--title-column", default="title", help="column of the title (default: title)")
    build.add_argument("--exclude-titles", metavar="FILE", help="pages that give no sentences, one title on each line")
    build.add_argument(
        "--evaluation",
        nargs="*",
        metavar="DOMAIN",
        help="no sentence shares eight words in a row with a dev or test sentence of these (default: CrossNER's five)",
    )
    build.add_argument("--data-dir", help="folder of the official files")
    build.add_argument("--workers", type=int, help="processes (default: one for each core)")
    build.add_argument("--executor", choices=("local", "ray"), default="local", help="ray: the cluster's machines")


def _add_describe_options(describe: argparse.ArgumentParser) -> None:
    describe.add_argument("--domain", required=True, help="a domain, or the folder of your own")
    describe.add_argument("--model", default=CONCEPTS, help="encoder pre-trained on concepts (default: concepts)")
    describe.add_argument(
        "--split", choices=("train", "validation"), default="train", help="labelled sentences (default: train)"
    )
    describe.add_argument("--data-dir", help="folder of the official files")
    describe.add_argument(
        "--choose", action="store_true", help="look for better descriptions among the nouns of each type (minutes)"
    )


def run_describe(args: argparse.Namespace) -> int:
    """Print what each description finds, and better ones if asked."""
    quiet()
    from crossner_hf.concepts.descriptions import DescribedSentences, choose_descriptions
    from crossner_hf.display import table
    from crossner_hf.schema import get_domain

    domain = get_domain(args.domain)
    sentences = DescribedSentences(domain, args.model, args.split, args.data_dir)
    descriptions = {entity_type: domain.phrases(entity_type) for entity_type in domain.entity_types}
    if args.choose:
        candidates = {entity_type: domain.nouns_of(entity_type) for entity_type in domain.entity_types}
        descriptions = choose_descriptions(sentences, descriptions, candidates)
    rows = [
        (
            entity_type,
            ", ".join(descriptions[entity_type]),
            f"{report.mentions:,}",
            f"{report.ranked_first:.0%}",
            report.taken_for or "",
            f"{100 * report.f1:.1f}",
        )
        for entity_type, report in sentences.report(descriptions).items()
    ]
    say(table(("type", "description", "mentions", "ranked first", "taken for", "F1"), rows))
    f1 = 100 * sentences.f1(descriptions)
    say(f"\n{args.split}, no training: F1 {f1:.2f} (whole spans, decoded by the rules of IOB2)")
    if args.choose:
        changed = {t: ", ".join(p) for t, p in descriptions.items() if p != domain.phrases(t)}
        say(f'better in domain.json: "descriptions": {json.dumps(changed, ensure_ascii=False)}')
    return 0


def run_build(args: argparse.Namespace) -> int:
    """Make concept data and print what they hold."""
    quiet()
    from crossner_hf.concepts.build import ConceptRules, Running, build_concepts
    from crossner_hf.corpora.documents import ReaderOptions
    from crossner_hf.data.lines import first_columns
    from crossner_hf.schema import DOMAINS, get_domain

    evaluation = [*DOMAINS] if args.evaluation is None else args.evaluation
    exclude = frozenset(first_columns(args.exclude_titles)) if args.exclude_titles else frozenset()
    rules = ConceptRules(exclude=exclude, evaluation=tuple(map(get_domain, evaluation)))
    about = build_concepts(
        args.source,
        args.output,
        rules,
        options=ReaderOptions(text_column=args.text_column, title_column=args.title_column),
        data_dir=args.data_dir,
        running=Running(args.executor, args.workers, _report),
    )
    say(
        f"{about.get('pages', 0):,} pages, {about.get('excluded', 0):,} of them excluded, {about['names']:,} names; "
        f"{about.get('sentences', 0):,} sentences with {about.get('mentions', 0):,} mentions; {about['leaks']:,} "
        "sentences left out that share eight words in a row with an evaluation sentence"
    )
    say(f"next: crossner-hf concepts train --data {quote(args.output)} --model minilm --output FOLDER")
    return 0


def _report(outcome: "Outcome", workers: int) -> None:
    say(f"{outcome.name}: {outcome.state}  {outcome.seconds:.0f} s  {outcome.reason}".rstrip(), file=sys.stderr)


def run_train(argv: Sequence[str]) -> int:
    """Pre-train and print what was seen."""
    from crossner_hf.cli.run_options import add_resume, interrupted, parse_run, run_parser
    from crossner_hf.concepts.arguments import ConceptArguments

    parser, task = run_parser(
        ConceptArguments,
        "concepts train",
        usage="crossner-hf concepts train --data FOLDER --model MODEL --output FOLDER [OPTION …]",
        description="Concept pre-training: an encoder learns what the names in text are.",
        epilog=EPILOG,
    )
    task.add_argument("--data", required=True, metavar="FOLDER", help="what `crossner-hf concepts build` made")
    task.add_argument(
        "--model",
        required=True,
        help="encoder: a folder, a Hub id, or minilm or concepts (extra: offline); one with a concept head keeps it",
    )
    add_data_dir(task)
    add_resume(task)
    args, given = parse_run(parser, task, ConceptArguments, {}, argv)
    quiet()
    from crossner_hf.concepts.pretrain import pretrain_concepts

    try:
        record = pretrain_concepts(given.data, given.model, args, data_dir=given.data_dir, resume=given.resume)
    except KeyboardInterrupt:
        return interrupted(args)
    if args.should_save:
        say(
            f"\n{record.tokens_seen:,} tokens in {record.steps:,} steps; {record.sentences:,} sentences, "
            f"{record.mentions:,} mentions, {record.phrases:,} phrases; last loss {record.final_loss or 0:.3f}"
        )
        output = quote(str(Path(args.output_dir)))
        say(f"checkpoint and record: {output}  (crossner-hf predict --model {output} --types 'TYPE, …' FILE)")
    return 0
