"""crossner-hf adapt: a tagger for a new domain from types in words, few labelled sentences and raw text."""

from collections.abc import Sequence
from shlex import quote
from typing import TYPE_CHECKING

from crossner_hf.cli.options import add_data_dir, domain_help, quiet
from crossner_hf.cli.run_options import add_resume, interrupted, parse_run, run_parser
from crossner_hf.display import say, table

if TYPE_CHECKING:
    from crossner_hf.results.records import RunRecord

EPILOG = """examples:
  crossner-hf adapt legal/ --raw judgments/ --output runs/legal
  crossner-hf adapt legal/ --num-sentences 0 --raw judgments/ --output runs/legal-0
  crossner-hf adapt music --num-sentences 10 --raw music.txt --gazetteer names.tsv --source conll2003 --output runs/a

Steps: the tagger that descriptions make; teachers on the labelled sentences, which the source's may precede; weak
labels on raw text, by the teachers and the gazetteer; a student on these; the labelled sentences again. OUTPUT then
holds the tagger, record.json with the gain of each step, and the steps."""


def main(argv: Sequence[str]) -> int:
    from crossner_hf.concepts.adapt_arguments import AdaptArguments

    parser, task = run_parser(
        AdaptArguments,
        "adapt",
        usage="crossner-hf adapt DOMAIN [--raw FOLDER …] --output FOLDER [--num-sentences K] [OPTION …]",
        description="Make a tagger for a domain of which few sentences are labelled, or none.",
        epilog=EPILOG,
    )
    task.add_argument("domain", metavar="DOMAIN", help=domain_help())
    task.add_argument("--raw", nargs="+", metavar="FOLDER", help="raw text of the domain, as dapt reads it")
    task.add_argument("--gazetteer", nargs="+", metavar="FILE", help="names with types of the domain")
    add_resume(task)
    add_data_dir(task)
    args, given = parse_run(parser, task, AdaptArguments, {}, argv)
    quiet()
    from crossner_hf.concepts.adapt import adapt
    from crossner_hf.corpora.corpus import Corpus
    from crossner_hf.corpora.gazetteer import Gazetteer
    from crossner_hf.schema import get_domain

    domain = get_domain(given.domain)
    corpus = Corpus(tuple(given.raw)) if given.raw else None
    own = [domain] if domain.folder else []
    gazetteer = Gazetteer.read(given.gazetteer, domains=own) if given.gazetteer else None
    try:
        record = adapt(domain, args, corpus=corpus, gazetteer=gazetteer, data_dir=given.data_dir, resume=given.resume)
    except KeyboardInterrupt:
        return interrupted(args)
    print_result(record, args.output_dir)
    return 0


def print_result(record: "RunRecord", output: str) -> None:
    from crossner_hf.results.score_table import score_table

    rows = [
        (
            step.name,
            f"{100 * step.dev_f1['conlleval']:.2f}" if step.dev_f1 else "",
            "" if step.gain is None else f"{100 * step.gain:+.2f}",
            ", ".join(f"{name} {number:,}" for name, number in step.counts.items()),
        )
        for step in record.recipe
    ]
    say(table(("step", "dev F1", "gain", ""), rows))
    for split, scores in record.scores.items():
        say(f"\n{record.domain}/{split}, seed {record.seed}")
        say(score_table(scores))
        if split in record.dev_choice:
            say(f"with the step that dev chooses: F1 {100 * record.dev_choice[split]['conlleval'].overall.f1:.2f}")
    if not record.is_crossner:
        say("\nThis is no CrossNER score: the data is not the official CrossNER data.")
    say(f"\nmodel and record: {output}  (crossner-hf predict --model {quote(output)} TEXTFILE)")
