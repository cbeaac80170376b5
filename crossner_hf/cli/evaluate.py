"""crossner-hf evaluate: score a saved tagger, a gazetteer or predictions, or check what a tagger's card states."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from crossner_hf.cli.evaluate_external import add_external_options, options_problem, score_external
from crossner_hf.cli.options import (
    CommandParser,
    add_data_options,
    add_dtype,
    add_trust_remote_code,
    domain_help,
    quiet,
    wants_colour,
)
from crossner_hf.display import say

if TYPE_CHECKING:
    from crossner_hf.results.records import EvaluationRecord, RunRecord

CONVENTIONS = ("conlleval", "strict", "pooled")
EPILOG = """examples:
  crossner-hf evaluate --model runs/music --domain music
  crossner-hf evaluate --model USER/NAME --domain politics_dedup --split validation --output politics-dev.json
  crossner-hf evaluate --model runs/music --domain music --errors 20    # the sentences with most mistakes
  crossner-hf evaluate --model USER/NAME --check                       # check the scores on its card
  crossner-hf evaluate --gazetteer names.tsv --domain music            # how far names alone go
  crossner-hf evaluate --predictions gpt.jsonl --domain music          # predictions made elsewhere
  crossner-hf evaluate --model urchade/gliner_small-v2.1 --library gliner --domain music --setting no_training

The table shows conlleval (a stray I- opens an entity; sentence by sentence). strict and pooled (the official script's)
stand below it. Further conventions: --conventions conlleval no_misc token string_set.

predictions: CoNLL columns (the last has the tags), or JSON lines with "tokens" or "text" of a sentence and its tags,
spans of words, spans of characters, or strings:
  {"tokens": ["Miles", "Davis"], "entities": [{"start": 0, "end": 2, "label": "musical artist"}]}
  {"text": "Miles Davis", "entities": [{"start": 0, "end": 11, "label": "musical artist"}]}
  {"text": "Miles Davis", "entities": {"musical artist": ["Miles Davis"]}}"""


def main(argv: Sequence[str]) -> int:
    parser = CommandParser(
        prog="crossner-hf evaluate",
        description="Score a saved tagger (a folder or Hub id), a gazetteer, or predictions, on a domain's split.",
        epilog=EPILOG,
    )
    scored = parser.add_mutually_exclusive_group(required=True)
    scored.add_argument("--model", help="folder or Hub id of a token-classification model")
    scored.add_argument(
        "--gazetteer",
        nargs="+",
        metavar="FILE",
        help="files of names with types (TSV, JSON lines, DBpedia, Wikidata), or the folder of a saved gazetteer: "
        "tag the leftmost longest names of the domain. With --output, the labels are written beside the record",
    )
    scored.add_argument("--predictions", metavar="FILE", help="predictions for the split that another program made")
    parser.add_argument("--domain", help=domain_help())
    parser.add_argument(
        "--split", choices=("train", "validation", "test"), help="default: test; of a gazetteer, validation and test"
    )
    parser.add_argument("--conventions", nargs="+", help=f"the first is shown; default: {' '.join(CONVENTIONS)}")
    parser.add_argument(
        "--check",
        action="store_true",
        help="score again all that the model's record or card states; show the differences, and exit with 1 if any. "
        "--domain is then only needed for a domain of your own",
    )
    parser.add_argument("--output", help="write the record of this evaluation to a JSON file")
    add_external_options(parser)
    add_data_options(parser)
    add_dtype(parser)
    add_trust_remote_code(parser)
    parser.add_argument("--errors", type=int, default=0, metavar="N", help="of a model, show the N worst sentences")
    parser.add_argument("--color", choices=("auto", "always", "never"), default="auto", help="of these sentences")
    args = parser.parse_args(argv)
    if args.errors and (args.check or not args.model):
        parser.error("--errors goes with --model, without --check")
    if not args.check and not args.domain:
        parser.error("--domain is needed, or --check for what the model's card states")
    if args.check and (args.split or args.conventions or args.output or args.no_verify or args.dtype):
        parser.error(
            "--check takes splits, conventions, data and dtype from the model's record or card, so leave those out"
        )
    if not args.model and (args.check or args.trust_remote_code or args.dtype):
        other = "--gazetteer" if args.gazetteer else "--predictions"
        parser.error(f"--check, --trust-remote-code and --dtype are about a model, so leave them out with {other}")
    if message := options_problem(args):
        parser.error(message)
    if args.gazetteer or args.predictions:
        return _score_gazetteer(args) if args.gazetteer else score_external(args)

    quiet()
    if args.library:
        return score_external(args)
    return _check(args) if args.check else _score(args)


def _check(args: argparse.Namespace) -> int:
    from crossner_hf.display import table
    from crossner_hf.hub.verify_scores import check_scores, stated_scores

    stated = stated_scores(args.model)
    given = {"domain": args.domain, "data_dir": args.data_dir, "trust_remote_code": args.trust_remote_code}
    differences = check_scores(args.model, stated, **given)
    where = f"{stated.domain} ({', '.join(stated.splits)}), {args.model}"
    if not differences:
        say(f"{where}: all {len(stated.scores)} stated scores hold")
        return 0
    say(f"{where}: {len(differences)} of {len(stated.scores)} stated scores do not hold")
    say(table(("score", "stated", "measured"), [(str(d.score), d.stated, d.measured or "none") for d in differences]))
    return 1


def _score(args: argparse.Namespace) -> int:
    import torch

    from crossner_hf.cli.errors import worst_sentences
    from crossner_hf.finetuning.evaluation import evaluation_record, tagged_split
    from crossner_hf.metric.crossner.span_f1 import check_conventions
    from crossner_hf.results.score_table import score_table
    from crossner_hf.schema import get_domain
    from crossner_hf.tagger.tagger import Tagger

    domain, split, conventions = get_domain(args.domain), args.split or "test", args.conventions or CONVENTIONS
    conventions, verify = check_conventions(conventions, has_tokens=True), not args.no_verify
    tagger = Tagger.from_pretrained(args.model, trust_remote_code=args.trust_remote_code)
    if args.dtype:
        tagger.model.to(getattr(torch, args.dtype))
    tagged = tagged_split(tagger, domain, split, data_dir=args.data_dir, verify=verify)
    record = evaluation_record(tagger, tagged, split, verify=verify, conventions=conventions)
    say(f"{domain.name}/{split}, {args.model}")
    say(score_table(record.scores[split], conventions[0]))
    for line in worst_sentences(tagged, args.errors, colour=wants_colour(args.color)):
        print(line)
    _finish(args.output, record)
    return 0


def _score_gazetteer(args: argparse.Namespace) -> int:
    from crossner_hf.corpora.gazetteer import Gazetteer
    from crossner_hf.corpora.gazetteer_tagger import evaluate_gazetteer
    from crossner_hf.results.predictions import write_predictions
    from crossner_hf.results.record_files import predictions_beside
    from crossner_hf.results.score_table import score_table
    from crossner_hf.schema import get_domain

    domain, conventions = get_domain(args.domain), args.conventions or CONVENTIONS
    gazetteer = Gazetteer.read(args.gazetteer, domains=[domain] if domain.folder else [])
    splits = (args.split,) if args.split else ("validation", "test")
    verify = not args.no_verify
    run = evaluate_gazetteer(gazetteer, domain, splits, data_dir=args.data_dir, verify=verify, conventions=conventions)
    for split in splits:
        say(f"{domain.name}/{split}, {run.record.encoder.name}: {len(gazetteer):,} names")
        say(score_table(run.record.scores[split], conventions[0]))
    if args.output and "test" in splits:
        write_predictions(predictions_beside(Path(args.output)), domain, {"test": run.predictions["test"]})
    _finish(args.output, run.record)
    return 0


def _finish(output: str | None, record: "EvaluationRecord | RunRecord") -> None:
    from crossner_hf.results.record_files import write_record

    if not record.is_crossner:
        say("This is no CrossNER score: the data is not the official CrossNER data.")
    if output:
        write_record(output, record)
        say(f"record: {output}")
