"""The command `crossner-hf`: each subcommand parses, calls one library function, prints."""

import errno
import importlib
import os
import sys
from collections.abc import Sequence

from crossner_hf import __version__

DISK_FULL = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)  # EDQUOT: the user's quota
# Name: (module of this folder, description for `--help`). A module is imported only when its command runs.
COMMANDS = {
    "data": ("data", "show, check and export the labelled data"),
    "dapt": ("dapt", "pre-train an encoder further on raw text of a domain"),
    "train": ("train", "fine-tune an encoder on a domain, score it, save it with its record"),
    "experiment": ("experiment", "grids of runs, and the report on their records"),
    "overlap": ("overlap", "how many frequent words domains and corpora share"),
    "evaluate": ("evaluate", "score a saved tagger on a domain's split"),
    "predict": ("predict", "tag text, CoNLL columns or JSON lines"),
    "push": ("push", "push a data set, a model, the metric or results to the Hub"),
    "demo": ("demo", "train, score and tag with the packaged sample and encoder, offline"),
}


HELP = (
    f"crossner-hf {__version__}: CrossNER, named entity recognition across domains.\n\n"
    "usage: crossner-hf COMMAND …    (crossner-hf COMMAND --help describes each)\n\n"
    + "".join(f"  {name:<12}{text}\n" for name, (_, text) in COMMANDS.items())
    + "\nstart here: crossner-hf demo\n"
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status: 0, 2 for a user's error, 130 after Ctrl-C."""
    for name in ("stdout", "stderr"):  # None where the caller closed it
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 open to the end
    argv = list(sys.argv[1:] if argv is None else argv)
    if not argv or argv[0] in ("-h", "--help"):
        print(HELP, end="")
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
        print("\ncrossner-hf: stopped; no file is left incomplete", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output has ended, as with `| head`
        sys.stderr.close()
        return 0
    except (ValueError, OSError, ImportError) as error:
        full = isinstance(error, OSError) and error.errno in DISK_FULL
        hint = f"; free some room (downloads are kept in {_cache()}), then run the same command again" if full else ""
        print(f"crossner-hf {argv[0]}: error: {one_line(error)}{hint}", file=sys.stderr)
        return 2


def _cache() -> str:
    from huggingface_hub.constants import HF_HOME

    return HF_HOME


def one_line(error: BaseException) -> str:
    """Return an error's message without line breaks."""
    return " ".join(str(error).split()) or type(error).__name__
