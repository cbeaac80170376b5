"""Options that several commands share."""

import argparse
import os
import sys


def add_data_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data_dir", help="folder of the files (music/train.txt …); else CROSSNER_DATA_DIR, else download"
    )
    parser.add_argument(
        "--no_verify", action="store_true", help="take official files even where their checksums differ"
    )


def domain_help() -> str:
    from crossner_hf.schema import BUILT_IN, DOMAIN_FILE

    return f"{', '.join(BUILT_IN)}, or a folder with a domain of your own: {DOMAIN_FILE}, train.txt, dev.txt, test.txt"


def wants_colour(choice: str, stream=None) -> bool:
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
