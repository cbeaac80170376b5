"""Tasks with their done files, and outcomes of tasks."""

import json
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from crossner_hf.atomic_write import write_text
from crossner_hf.json_file import read_json_object


@dataclass(frozen=True)
class EngineTask:
    """A function to call in another process, and the file that shows that the call has ended.

    The function must write each file under a temporary name and rename it, since it is called again if it was stopped.

    Args:
        name: Unique among the tasks of one call.
        function: Found by its name when it is unpickled; its result is dropped.
        arguments: Its positional arguments, which can be pickled.
        done: The done file. Completion is this file alone, never the memory of the engine.
        key: Hash of input and parameters, which the engine writes into the done file; a task whose done file holds
            another key is not done. None where the function writes the done file itself, as its last act.
        needs: Names of tasks that must be done first.
        progress: Gives a number that grows with what the task has saved. A task whose process dies is tried again for
            as long as this number grows.
    """

    name: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    done: Path
    key: str | None = None
    needs: tuple[str, ...] = ()
    progress: Callable[[], int] | None = None

    def is_done(self) -> bool:
        """Whether the done file is there, with this task's key."""
        if self.key is None:
            return self.done.is_file()
        try:
            return bool(read_json_object(self.done).get("key") == self.key)
        except (OSError, ValueError):
            return False


@dataclass(frozen=True)
class Outcome:
    """The outcome of a task."""

    name: str
    state: Literal["done", "skipped", "failed", "died"]  # skipped: it was done before; died: between two attempts
    reason: str = ""  # of a failure, in one sentence
    traceback: str = ""  # of an exception
    seconds: float = 0.0  # how long the call took


def perform(task: EngineTask) -> Outcome:
    """Call the task's function in this process; an exception becomes an outcome."""
    begun = time.monotonic()
    try:
        task.function(*task.arguments)
        seconds = time.monotonic() - begun
        if task.key is not None:
            write_text(task.done, json.dumps({"task": task.name, "key": task.key, "seconds": round(seconds, 1)}) + "\n")
        elif not task.done.is_file():
            raise FileNotFoundError(f"the task ended without its done file {task.done}")
    except (Exception, SystemExit) as error:
        return Outcome(task.name, "failed", in_one_sentence(error), traceback.format_exc(), time.monotonic() - begun)
    return Outcome(task.name, "done", seconds=seconds)


def in_one_sentence(error: BaseException) -> str:
    """The message of an error on one line, with the error's type where the message is not written for users."""
    message = " ".join(str(error).split())
    is_for_users = isinstance(error, ValueError | OSError) and message
    return message if is_for_users else f"{type(error).__name__}: {message}".rstrip(": ")
