"""crossner-hf evaluate of a system made elsewhere: options, and what is printed."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crossner_hf.display import say
from crossner_hf.external.adapters import LIBRARIES

if TYPE_CHECKING:
    from crossner_hf.external.evaluation import ExternalRun

OPTIONS: dict[str, Any] = {
    **{"name": "", "setting": "elsewhere", "seed": 0, "type_map": None},
    **{"labels": None, "threshold": 0.5, "key": None, "last_included": False},
}


def add_external_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("systems made elsewhere: --predictions, or --model with --library")
    group.add_argument(
        "--library",
        choices=LIBRARIES,
        help="the library of the model; transformers: a token classifier with other labels than the domain's. It reads "
        "the model's files as it does by itself, and may unpickle them: load only models that you trust",
    )
    group.add_argument("--name", default="", help="in reports; default: that of the file or model")
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
    group.add_argument("--labels", help="types that GLiNER is asked for; default: the domain's in words, without misc")
    group.add_argument("--threshold", type=float, default=0.5, help="least score of GLiNER's entities (default: 0.5)")
    group.add_argument(
        "--key", help="key of the entities in JSON lines; default: entities, predictions, spans, tags, …"
    )
    group.add_argument("--last-included", action="store_true", help="ends of spans are their last word or character")


def options_problem(args: argparse.Namespace) -> str | None:
    given = [f"--{name.replace('_', '-')}" for name, default in OPTIONS.items() if getattr(args, name) != default]
    if not (args.predictions or args.library) and given:
        return f"{' and '.join(given)} go with --predictions, or with --model and --library"
    if args.library and (not args.model or args.check or args.dtype):
        return "--library goes with --model, without --check and --dtype"
    if (args.predictions or args.library) and args.conventions:
        return "systems made elsewhere are shown under all conventions, so leave out --conventions"
    return None


def score_external(args: argparse.Namespace) -> int:
    from crossner_hf.external.adapters import load_model
    from crossner_hf.external.evaluation import ExternalSystem, evaluate_predictions
    from crossner_hf.external.models import evaluate_tagger
    from crossner_hf.external.type_names import read_type_map
    from crossner_hf.schema import get_domain

    domain = get_domain(args.domain)
    options = {name: getattr(args, name) for name in OPTIONS}
    options["type_map"] = read_type_map(args.type_map, domain) if args.type_map else {}
    options["labels"] = tuple(label for name in (args.labels or "").split(",") if (label := name.strip()))
    given: dict[str, Any] = {"split": args.split or "test", "data_dir": args.data_dir, "verify": not args.no_verify}
    if args.library:
        options["name"] = args.name or (Path(args.model).resolve().name if Path(args.model).exists() else args.model)
        model = load_model(args.model, args.library, options["type_map"], domain, args.trust_remote_code)
        run = evaluate_tagger(model, domain, system=ExternalSystem(**options), **given)
    else:
        run = evaluate_predictions(args.predictions, domain, system=ExternalSystem(**options), **given)
    show(run)
    if not run.record.is_crossner:
        say("This is no CrossNER score: the data is not the official CrossNER data.")
    if args.output:
        run.write(args.output)
        say(f"record: {args.output}")
    return 0


def show(run: "ExternalRun") -> None:
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
