"""Options of commands that train: every field of an arguments class, sorted for `--help`, with presets."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from crossner_hf.cli.options import CommandParser
from crossner_hf.display import say

if TYPE_CHECKING:
    from transformers import TrainingArguments


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Shows the default of an option behind its help, where there is one to show."""

    def _get_help_string(self, action: argparse.Action) -> str:
        shown = action.nargs != 0 and action.default not in (None, "", argparse.SUPPRESS)
        return f"{action.help or ''} (default: %(default)s)" if shown else action.help or ""


def run_parser(arguments_class: type, command: str, **texts: str) -> tuple[Any, argparse._ArgumentGroup]:
    """Return a parser of all fields of `arguments_class`, and its first group, for the command's own options."""
    from transformers import HfArgumentParser

    class RunParser(CommandParser, HfArgumentParser):
        """Takes every option in kebab-case, as all commands do."""

    parser = RunParser(arguments_class, prog=f"crossner-hf {command}", formatter_class=HelpFormatter, **texts)
    return parser, parser.add_argument_group("the task")


def add_preset(task: argparse._ArgumentGroup, presets: Mapping[str, dict[str, Any]]) -> None:
    small = ", ".join(f"{name} {value}" for name, value in presets["small"].items())
    task.add_argument(
        "--preset",
        choices=sorted(presets),
        default="published",
        help=f"recipe: values for the options that you do not set; small: {small}",
    )


def add_resume(task: argparse._ArgumentGroup) -> None:
    task.add_argument("--resume", action="store_true", help="resume from the last checkpoint in OUTPUT")


def parse_run(
    parser: Any,
    task: argparse._ArgumentGroup,
    arguments_class: type,
    presets: Mapping[str, dict[str, Any]],
    argv: Sequence[str],
) -> tuple[Any, argparse.Namespace]:
    """Return the arguments and the command's own options. Exits on an unknown option or `--help`."""
    of_us = takewhile(lambda base: base.__name__ not in ("TrainingArguments", "object"), arguments_class.__mro__)
    ours = [name for base in of_us for name in vars(base).get("__annotations__", ())]
    _sort_for_help(parser, task, ours, "defaults: the published one" if presets else None)
    first = CommandParser(add_help=False)
    first.add_argument("--preset", default="published")
    chosen, _ = first.parse_known_args(argv)
    if chosen.preset in presets:
        parser.set_defaults(**presets[chosen.preset])
    args, given, unknown = parser.parse_args_into_dataclasses(
        list(argv), look_for_args_file=False, return_remaining_strings=True
    )
    if unknown:
        parser.error(f"unknown option {unknown[0]}; {parser.prog} --help lists them")
    return args, given


def interrupted(args: "TrainingArguments") -> int:
    say(f"\nstopped; the same command with --resume resumes ({args.output_dir})", file=sys.stderr)
    return 130


def _sort_for_help(
    parser: argparse.ArgumentParser, task: argparse._ArgumentGroup, ours: list[str], defaults: str | None
) -> None:
    """Show the task first, then our arguments in their order, then those of transformers."""
    recipe = parser.add_argument_group("the recipe", defaults)
    rest = parser.add_argument_group("everything else that transformers.TrainingArguments takes")
    every, parser._optionals._group_actions = parser._optionals._group_actions, []
    for action in sorted(every, key=lambda action: ours.index(action.dest) if action.dest in ours else len(ours)):
        dashed = [option for option in action.option_strings if "_" not in option]
        action.option_strings = dashed[-1:]  # what is shown
        if action.dest == "output_dir":
            action.option_strings, action.metavar = ["--output"], "FOLDER"
            action.required, action.default = True, None
            task._group_actions.insert(2, action)
        elif action.dest == "help":
            parser._optionals._group_actions.append(action)
        else:
            (recipe if action.dest in ours else rest)._group_actions.append(action)
