"""The command `crossner-hf`: each subcommand parses, calls one library function, prints."""

import argparse
import errno
import importlib
import sys
from collections.abc import Sequence

from crossner_hf import __version__

FULL = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)  # of errors: the disk, or what a user may have of it
# Name: (module of this folder, what `--help` says of it). A module is imported only when its command is asked for.
COMMANDS = {
    "data": ("data", "look at, check and export the labelled data"),
    "dapt": ("dapt", "pre-train an encoder further on raw text of a domain"),
    "train": ("train", "fine-tune an encoder on a domain, score it, save it with its record"),
    "experiment": ("experiment", "grids of runs, and the report on their records"),
    "overlap": ("overlap", "how many frequent words domains and corpora share"),
    "evaluate": ("evaluate", "score a saved tagger on a domain's split"),
    "predict": ("predict", "tag text, CoNLL columns or JSON lines"),
    "push": ("push", "push a data set, a model, the metric or results to the Hub"),
    "demo": ("demo", "the whole way on the packaged sample and encoder, offline"),
}


class CommandParser(argparse.ArgumentParser):
    """A parser that passes `--help` and everything else of a subcommand on to that subcommand's own parser."""

    def format_help(self) -> str:
        return (
            f"crossner-hf {__version__}: CrossNER, named entity recognition across domains.\n\n"
            "usage: crossner-hf COMMAND …    (crossner-hf COMMAND --help teaches each)\n\n"
            + "".join(f"  {name:<12}{text}\n" for name, (_, text) in COMMANDS.items())
            + "\nstart here: crossner-hf demo\n"
        )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status: 0, 2 for a user's error, 130 after Ctrl-C."""
    argv = list(sys.argv[1:] if argv is None else argv)
    parser = CommandParser(prog="crossner-hf", add_help=False)
    if not argv or argv[0] in ("-h", "--help"):
        parser.print_help()
        return 0
    if argv[0] == "--version":
        print(f"crossner-hf {__version__}")
        return 0
    if argv[0] not in COMMANDS:
        import difflib

        near = difflib.get_close_matches(argv[0], COMMANDS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(COMMANDS)}"
        print(f"crossner-hf: unknown command {argv[0]!r}; {hint}", file=sys.stderr)
        return 2
    try:
        return importlib.import_module(f"crossner_hf.cli.{COMMANDS[argv[0]][0]}").main(argv[1:]) or 0
    except KeyboardInterrupt:
        print("\ncrossner-hf: stopped; nothing half-written is left", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output has gone, as with `| head`
        sys.stderr.close()
        return 0
    except (ValueError, OSError, ImportError) as error:
        full = isinstance(error, OSError) and error.errno in FULL
        hint = f"; free some room (downloads are kept in {_cache()}), then run the same again" if full else ""
        print(f"crossner-hf {argv[0]}: error: {one_line(error)}{hint}", file=sys.stderr)
        return 2


def _cache() -> str:
    from huggingface_hub.constants import HF_HOME

    return HF_HOME


def one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
