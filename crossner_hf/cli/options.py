"""Options that several commands share."""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any, TextIO


class CommandParser(argparse.ArgumentParser):
    """Parser of a command: options may not be abbreviated, and `--data_dir` is the same option as `--data-dir`.

    Options are declared in kebab-case, which `--help` shows.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        kwargs = {"formatter_class": argparse.RawDescriptionHelpFormatter, "allow_abbrev": False, **kwargs}
        super().__init__(*args, **kwargs)

    def parse_known_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:
        return super().parse_known_args(kebab_case(sys.argv[1:] if args is None else args), namespace)


def kebab_case(arguments: Sequence[str]) -> list[str]:
    """Command-line arguments with dashes for the underscores in names of options, up to a bare `--`."""
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
    parser.add_argument(
        "--no-verify", action="store_true", help="take official files even where their checksums differ"
    )


def domain_help() -> str:
    from crossner_hf.schema import BUILT_IN, DOMAIN_FILE

    return f"{', '.join(BUILT_IN)}, or a folder with a domain of your own: {DOMAIN_FILE}, train.txt, dev.txt, test.txt"


def wants_colour(choice: str, stream: TextIO | None = None) -> bool:
    """auto: on a terminal, unless NO_COLOR is set."""
    stream = sys.stdout if stream is None else stream
    return choice == "always" or (choice == "auto" and stream.isatty() and not os.environ.get("NO_COLOR"))


def quiet() -> None:
    """Leave the terminal to our own lines: no bars and no reports of the libraries below."""
    from transformers.utils import logging

    quiet_datasets()
    logging.set_verbosity_error()
    logging.disable_progress_bar()


def quiet_datasets() -> None:
    """No bar for each small file that `datasets` writes. To be called before it is imported."""
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
