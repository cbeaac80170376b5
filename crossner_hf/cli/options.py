"""The parser of all commands, and options that several of them share."""

import argparse
import os
import signal
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from types import FrameType
from typing import Any, NoReturn

from crossner_hf.display import is_terminal, plain


class CommandParser(argparse.ArgumentParser):
    """Parser of a command: options may not be abbreviated, and `--data_dir` is the same option as `--data-dir`.

    Options are declared in kebab-case, which `--help` shows. What was parsed is the command that records name.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        kwargs = {"formatter_class": argparse.RawDescriptionHelpFormatter, "allow_abbrev": False, **kwargs}
        super().__init__(*args, **kwargs)

    def parse_known_args(self, args: Iterable[str] | None = None, namespace: Any = None) -> Any:
        from crossner_hf.results.environment import remember_command

        given = super().parse_known_args(kebab_case(sys.argv[1:] if args is None else list(args)), namespace)
        remember_command(self.prog, self._arguments(given[0]))
        return given

    def error(self, message: str) -> NoReturn:
        super().error(plain(message))

    def _arguments(self, namespace: Any) -> Iterator[tuple[str, str | None, list[str]]]:
        """Name, option and values of each argument that differs from its default, in the order of `--help`."""
        shown = {"help"}
        for action in (action for group in self._action_groups for action in group._group_actions):
            if action.dest in shown or isinstance(action, argparse._SubParsersAction):
                continue
            shown.add(action.dest)  # the first: a second one is `--no-…`
            value, default = getattr(namespace, action.dest, None), action.default
            if value == (self._get_value(action, default) if isinstance(default, str) else default):
                continue
            values = [] if action.nargs == 0 else value if isinstance(value, list) else [value]
            yield action.dest, action.option_strings[-1] if action.option_strings else None, [*map(str, values)]


def kebab_case(arguments: Sequence[str]) -> list[str]:
    """Replace underscores by dashes in names of options, up to a bare `--`."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    names = [argument.partition("=") if argument.startswith("--") else ("", "", argument) for argument in arguments]
    changed = [name.replace("_", "-") + equals + value for name, equals, value in names]
    return [*changed[:end], *arguments[end:]]


def add_data_dir(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--data-dir", help="folder of the files (music/train.txt …); else CROSSNER_DATA_DIR, else download"
    )


def add_data_options(parser: argparse._ActionsContainer) -> None:
    add_data_dir(parser)
    parser.add_argument("--no-verify", action="store_true", help="accept official files whose checksums differ")


def add_trust_remote_code(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--trust-remote-code",
        action="store_true",
        help="run the code that comes with the model; read it before you trust it",
    )


def add_dtype(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--dtype",
        choices=("float32", "bfloat16", "float16"),
        help="numbers of the model, default: as saved. bfloat16 is about twice as fast on processors with AMX; a few "
        "labels in ten thousand change",
    )


def add_settings(
    group: argparse._ActionsContainer, settings: type, choices: Mapping[str, Sequence[str]], **more: Mapping[str, Any]
) -> None:
    """Add an option for each field of a settings class that has a help text.

    `choices` has the values that fields may have, `more` further arguments of `add_argument`, both by the names of
    fields.
    """
    for option in (option for option in fields(settings) if "help" in option.metadata):
        flag, text = f"--{option.name.replace('_', '-')}", option.metadata["help"]
        if option.default is False:
            group.add_argument(flag, action="store_true", help=text)
            continue
        given = {"type": type(option.default), "choices": choices.get(option.name), **more.get(option.name, {})}
        shown = "off" if option.default is None else option.default
        text = f"{text} (default: {shown})"
        group.add_argument(flag, default=option.default, help=text, **given)


def domain_help() -> str:
    from crossner_hf.schema import BUILT_IN, DOMAIN_FILE

    return f"{', '.join(BUILT_IN)}, or a folder with a domain of your own: {DOMAIN_FILE}, train.txt, dev.txt, test.txt"


def wants_colour(choice: str) -> bool:
    """Return whether to use colour; 'auto' means on a terminal, unless NO_COLOR is set."""
    return choice == "always" or (choice == "auto" and is_terminal(sys.stdout) and not os.environ.get("NO_COLOR"))


@contextmanager
def signals_as_ctrl_c() -> Iterator[None]:
    """Let SIGTERM, with which Slurm ends a job, and SIGHUP, of a closed terminal, do what Ctrl-C does.

    A signal that is ignored, as `nohup` does, stays ignored. Only the main thread can do this.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]  # Windows has no SIGHUP
    before = {number: signal.getsignal(number) for number in (getattr(signal, name) for name in names)}
    changed = {number: handler for number, handler in before.items() if handler == signal.SIG_DFL}
    for number in changed:
        signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number, handler in changed.items():
            signal.signal(number, handler)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def quiet() -> None:
    """Turn off progress bars and reports of the libraries, so that only our own lines appear."""
    from transformers.utils import logging

    quiet_datasets()
    logging.set_verbosity_error()
    logging.disable_progress_bar()


def quiet_datasets() -> None:
    """Turn off the progress bars of `datasets`; must be called before it is imported."""
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
