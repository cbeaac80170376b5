"""crossner-hf train"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from crossner_hf.cli.options import add_data_options, domain_help, quiet

EPILOG = """examples:
  crossner-hf train --domain music --model bert-base-cased --output runs/music
  crossner-hf train --domain politics --model DIR --preset small --seed 666 --output runs/politics-666
  crossner-hf train --domain my_domain/ --model bert-base-cased --output runs/mine
  torchrun --nproc_per_node 2 -m crossner_hf train --domain music --model bert-base-cased --output runs/music

The defaults are the published recipe; --preset small suits encoders of about 20 M parameters. Every field of
transformers.TrainingArguments is an option too. OUTPUT then holds the model of the best dev epoch, run.json and
record.json with the scores of dev and test."""


def main(argv: Sequence[str]) -> int:
    """Parse, fine-tune, print the scores."""
    from transformers import HfArgumentParser

    from crossner_hf.training.arguments import PRESETS, FineTuningArguments, preset

    parser = HfArgumentParser(
        FineTuningArguments,
        prog="crossner-hf train",
        usage="crossner-hf train --domain DOMAIN --model MODEL --output FOLDER [--preset small] [--seed N] [OPTION …]",
        description="Fine-tune an encoder on a domain's training sentences, choose the epoch on dev, score test once.",
        epilog=EPILOG,
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    task = parser.add_argument_group("the task")
    task.add_argument("--domain", required=True, help=domain_help())
    task.add_argument("--model", required=True, help="encoder: a folder, a Hub id, or minilm (extra: offline)")
    task.add_argument(
        "--preset",
        choices=sorted(PRESETS),
        default="published",
        help=f"values for what you do not set yourself; small: {_shown(preset('small'))}",
    )
    task.add_argument("--resume", action="store_true", help="go on from the last checkpoint in OUTPUT")
    task.add_argument("--random_weights", action="store_true", help="the encoder's architecture with fresh weights")
    task.add_argument("--no_test", action="store_true", help="leave the test split unscored, as when tuning on dev")
    add_data_options(task)
    _group(parser, task, list(FineTuningArguments.__annotations__))
    chosen, _ = _preset_parser().parse_known_args(argv)
    if chosen.preset in PRESETS:
        parser.set_defaults(**preset(chosen.preset))
    args, given, unknown = parser.parse_args_into_dataclasses(
        list(argv), look_for_args_file=False, return_remaining_strings=True
    )
    if unknown:
        parser.error(f"unknown option {unknown[0]}; crossner-hf train --help lists them")
    quiet()
    from crossner_hf.training.fine_tune import fine_tune

    try:
        record = fine_tune(
            given.domain,
            given.model,
            args,
            data_dir=given.data_dir,
            verify=not given.no_verify,
            random_weights=given.random_weights,
            test=not given.no_test,
            resume=given.resume,
        )
    except KeyboardInterrupt:
        print(f"\nstopped; the same command with --resume goes on ({args.output_dir})", file=sys.stderr)
        return 130
    if args.should_save:
        print_result(record, Path(args.output_dir))
    return 0


def _preset_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--preset", default="published")
    return parser


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Shows the default of an option behind its help, where there is one to show."""

    def _get_help_string(self, action: argparse.Action) -> str:
        shown = action.nargs != 0 and action.default not in (None, "", argparse.SUPPRESS)
        return f"{action.help or ''} (default: %(default)s)" if shown else action.help or ""


def _group(parser: argparse.ArgumentParser, task, ours: list[str]) -> None:
    """Sort the options for `--help`: the task, then our arguments in their order, then those of transformers."""
    recipe = parser.add_argument_group("the recipe", "defaults: the published one")
    rest = parser.add_argument_group("everything else that transformers.TrainingArguments takes")
    every, parser._optionals._group_actions = parser._optionals._group_actions, []
    for action in sorted(every, key=lambda action: ours.index(action.dest) if action.dest in ours else len(ours)):
        action.option_strings = action.option_strings[:1]  # what is shown; the spelling with dashes works too
        if action.dest == "output_dir":
            action.option_strings, action.metavar = ["--output"], "FOLDER"
            action.required, action.default = True, None
            task._group_actions.insert(2, action)
        elif action.dest == "help":
            parser._optionals._group_actions.append(action)
        else:
            (recipe if action.dest in ours else rest)._group_actions.append(action)


def _shown(values: dict) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def print_result(record: dict, output: Path) -> None:
    from crossner_hf.display import score_table

    chosen = record["best_epoch"] or record["epochs"]  # with no dev scoring the last epoch's model is kept
    for split, scores in record["scores"].items():
        print(f"\n{record['domain']}/{split}, epoch {chosen:g} of {record['epochs']:g}, seed {record['seed']}")
        print(score_table(scores))
    if not record["is_crossner"]:
        print("\nThis is no CrossNER score: the data is not the official CrossNER data.")
    print(f"\nmodel and record: {output}  (crossner-hf predict --model {output} TEXTFILE)")
