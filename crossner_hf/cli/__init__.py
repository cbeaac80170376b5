"""The command `crossner-hf`: each subcommand parses, calls one library function, prints."""

import errno
import importlib
import logging
import os
import select
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from crossner_hf import __version__
from crossner_hf.cli.options import signals_as_ctrl_c
from crossner_hf.display import plain, say

# What the user can mend: values and files, refusals of the system, missing extras. All else is our fault.
USER_ERRORS = (ValueError, OSError, ImportError, MemoryError)
OF_PATHLIB = ("Symlink loop from", "Could not determine home directory")
FAULT = 70  # exit status EX_SOFTWARE of sysexits.h
READER_ENDED = 141  # exit status of a program that SIGPIPE ends, in a shell: 128 + 13
TRACEBACK = "CROSSNER_HF_TRACEBACK"
DISK_FULL = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)  # EDQUOT: the user's quota
NO_ACCESS = (errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.EPERM, errno.EROFS)
LONGEST = 1_000  # characters of a message: a value from a file may have any length
# Name: (module of this folder, description for `--help`). A module is imported only when its command runs.
COMMANDS = {
    "data": ("data", "show, check and export the labelled data"),
    "corpus": ("corpus", "raw text of a domain at four levels, for pre-training"),
    "dapt": ("dapt", "pre-train an encoder further on raw text of a domain"),
    "concepts": ("concepts", "data of what things are, and pre-training on them for types in words"),
    "adapt": ("adapt", "a tagger for a new domain from types in words, few sentences and raw text"),
    "train": ("train", "fine-tune an encoder on a domain, score it, save it with its record"),
    "experiment": ("experiment", "grids of runs, and the report on their records"),
    "overlap": ("overlap", "how many frequent words domains and corpora share"),
    "evaluate": ("evaluate", "score a saved tagger on a domain's split"),
    "view": ("view", "a local page with a tagger's test sentences, right and wrong, and a box for text"),
    "predict": ("predict", "tag text, CoNLL columns or JSON lines"),
    "export": ("export", "a saved tagger as an ONNX model, in float32 or 8 bits"),
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
    """Run the command line and return its status.

    It is 0, 2 for a user's error, 70 for a fault of ours, 130 after Ctrl-C, 141 where the reader of our output ended.
    """
    _open_closed_streams()
    argv = list(sys.argv[1:] if argv is None else argv)
    if logging.lastResort:
        logging.lastResort.setFormatter(PlainFormatter())
    try:
        return _run(argv)
    except KeyboardInterrupt:
        _tell("\ncrossner-hf: stopped; no file is left incomplete")
        return 130
    except Exception as error:
        if isinstance(error, BrokenPipeError) and any(map(_has_lost_its_reader, (sys.stdout, sys.stderr))):
            return READER_ENDED
        _tell(f"crossner-hf {argv[0]}: error: {_explained(error)}")
        if os.environ.get(TRACEBACK):
            raise
        return 2 if _is_users(error) else FAULT
    finally:
        os.environ.pop("CROSSNER_HF_COMMAND", None)  # for records; see crossner_hf.results.environment
        _drop_what_cannot_be_written()


def _run(argv: Sequence[str]) -> int:
    """Run a command, or print the help or the version, up to the last byte of its output."""
    try:
        if not argv or argv[0] in ("-h", "--help"):
            print(HELP, end="")
        elif argv[0] == "--version":
            print(f"crossner-hf {__version__}")
        elif argv[0] in COMMANDS:
            with signals_as_ctrl_c():
                return importlib.import_module(f"crossner_hf.cli.{COMMANDS[argv[0]][0]}").main(argv[1:]) or 0
        else:
            import difflib

            near = difflib.get_close_matches(argv[0], COMMANDS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(COMMANDS)}"
            say(f"crossner-hf: unknown command {argv[0]!r}; {hint}", file=sys.stderr)
            return 2
        return 0
    finally:
        try:
            sys.stdout.flush()
        except OSError as error:
            raise type(error)(error.errno, error.strerror, "standard output") from None


class PlainFormatter(logging.Formatter):
    """Formats warnings without codes for terminals: they name files and labels."""

    def format(self, record: logging.LogRecord) -> str:
        return plain(super().format(record))


def _open_closed_streams() -> None:
    """Open the null device in the place of standard streams that the caller closed, for which Python has None."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            stream = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 open to the end
            os.set_inheritable(stream.fileno(), stream.fileno() <= 2)  # for processes that run parts of the work
            setattr(sys, name, stream)


def _tell(text: str) -> None:
    with suppress(OSError):  # nobody reads it
        say(text, file=sys.stderr)


def _has_lost_its_reader(stream: TextIO) -> bool:
    """Whether the reader of a stream has ended, as with `| head`. Other pipes than our output may be broken, too."""
    if not hasattr(select, "poll"):  # Windows
        return True
    try:
        poll = select.poll()
        poll.register(stream.fileno(), 0)
    except (OSError, ValueError):  # no file of the system
        return False
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))


def _drop_what_cannot_be_written() -> None:
    """Lead a stream that fails into the null device; Python would try again at its end, and complain."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _is_users(error: BaseException) -> bool:
    if isinstance(error, RuntimeError) and str(error).startswith(OF_PATHLIB):
        return True
    return isinstance(error, USER_ERRORS) or type(error).__name__ == "OutOfMemoryError"  # of torch


def _explained(error: Exception) -> str:
    """The error in one sentence that says what to do."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return f"out of memory ({one_line(error)}); take smaller batches, a smaller --max-length or a smaller model"
    if not _is_users(error):
        return (
            f"this is a fault of crossner-hf ({type(error).__name__}: {one_line(error)}); please report it with the "
            f"command and its traceback, which {TRACEBACK}=1 before the command shows"
        )
    return one_line(error) + (_advice(error) if isinstance(error, OSError) else "")


def _advice(error: OSError) -> str:
    """What to do about an error of the system, where its message does not say it."""
    from huggingface_hub.constants import HF_HOME

    path = Path(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes) else None
    if error.errno in DISK_FULL:
        return f"; free some room (downloads are kept in {HF_HOME}), then run the same command again"
    if path is not None and path.is_symlink() and not os.path.exists(path):
        return f"; this symbolic link leads to {os.readlink(path)}, where nothing is: remove it, or name another path"
    if path is not None and error.errno in NO_ACCESS and (path == Path(HF_HOME) or path in Path(HF_HOME).parents):
        return "; downloads and prepared data are kept under HOME: set HF_HOME to a folder that you may write to"
    return ""


def one_line(error: BaseException) -> str:
    """Return an error's message without line breaks; of a very long one, both ends."""
    message = " ".join(str(error).split()) or type(error).__name__
    return message if len(message) <= LONGEST else f"{message[: LONGEST * 3 // 4]} … {message[-LONGEST // 5 :]}"
