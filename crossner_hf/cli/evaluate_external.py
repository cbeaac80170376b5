"""crossner-hf evaluate of a system made elsewhere: options, and what is printed."""

import argparse
from typing import TYPE_CHECKING, Any

from crossner_hf.display import say

if TYPE_CHECKING:
    from crossner_hf.external.evaluation import ExternalRun

OPTIONS = {"name": "", "setting": "elsewhere", "seed": 0, "type_map": None, "key": None, "last_included": False}


def add_external_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of predictions made elsewhere."""
    group = parser.add_argument_group("predictions made elsewhere")
    group.add_argument("--name", default="", help="of the system, in reports; default: that of the file")
    group.add_argument(
        "--setting",
        choices=("direct", "pre_train_then_fine_tune", "joint", "no_training", "elsewhere"),
        default="elsewhere",
        help="how it was trained, for reports; no_training: a zero-shot system",
    )
    group.add_argument("--seed", type=int, default=0, help="of its training, for means over seeds (default: 0)")
    group.add_argument(
        "--type-map",
        metavar="FILE",
        help='JSON from its names of types to those of the domain: {"PER": "person", "DATE": null}; null leaves a name '
        'out, whole tags work too ({"LABEL_1": "B-song"}). Other spellings of the domain\'s types need no map',
    )
    group.add_argument(
        "--key", help="key of the entities in JSON lines; default: entities, predictions, spans, tags, …"
    )
    group.add_argument("--last-included", action="store_true", help="ends of spans are their last word or character")


def given_options(args: argparse.Namespace) -> list[str]:
    """Name the options of predictions made elsewhere that were given."""
    return [f"--{name.replace('_', '-')}" for name, default in OPTIONS.items() if getattr(args, name) != default]


def score_file(args: argparse.Namespace) -> int:
    """Score a file of predictions, and print what became of them and the scores."""
    from crossner_hf.external.evaluation import ExternalSystem, evaluate_predictions
    from crossner_hf.external.type_names import read_type_map
    from crossner_hf.schema import get_domain

    options: dict[str, Any] = {name: getattr(args, name) for name in OPTIONS if name != "type_map"}
    system = ExternalSystem(
        **options, type_map=read_type_map(args.type_map, get_domain(args.domain)) if args.type_map else {}
    )
    split, verify = args.split or "test", not args.no_verify
    run = evaluate_predictions(
        args.predictions, args.domain, split, system=system, data_dir=args.data_dir, verify=verify
    )
    show(run)
    if not run.record.is_crossner:
        say("This is no CrossNER score: the data is not the official CrossNER data.")
    if args.output:
        run.write(args.output)
        say(f"record: {args.output}")
    return 0


def show(run: "ExternalRun") -> None:
    """Print what became of the entities, the scores of types and those under all conventions."""
    from crossner_hf.results.score_table import convention_table, score_table

    external, scores = run.record.external, run.record.scores[run.split]
    assert external is not None  # of the kind "predictions"
    total, n = sum(external.entities.values()), len(run.predictions)
    where = f"{run.domain.name}/{run.split}, {run.record.encoder.name}"
    say(f"{where}: {total:,} entities in {n:,} sentences ({external.form})")
    for reason, number in external.entities.items():
        if reason not in ("scored", "left out"):
            say(f"counted as wrong: {number:,} {reason}")
    if external.left_out_types:
        names = ", ".join(f"{name} {number:,}" for name, number in external.left_out_types.items())
        say(f"left out, as their types are none of the domain's: {external.entities['left out']:,} ({names})")
    if external.type_names:
        say(f"types: {', '.join(f'{name} = {ours}' for name, ours in external.type_names.items())}")
    say(score_table({"conlleval": scores["conlleval"]}), convention_table(scores), sep="\n\n")
