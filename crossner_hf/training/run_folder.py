"""A run's output folder: which run it belongs to, the checkpoint to resume from, and the model written whole."""

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from crossner_hf.atomic_write import write_text
from crossner_hf.results.record_files import RECORD_FILE, RUN_FILE, read_record
from crossner_hf.results.records import Record

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

LOCK_FILE = ".lock"  # exists while a process is at work


class FolderInUse(ValueError):
    """The output folder holds something that this run must not touch."""


def open_run(folder: Path, settings: Mapping[str, Any], *, resume: bool) -> Record | None:
    """Claim the folder for the run that `settings` define; return its record if that run is already finished.

    Raises:
        FolderInUse: The folder holds another run, or anything else; without `resume` also where it holds this one.
    """
    try:
        previous = json.loads((folder / RUN_FILE).read_text(encoding="utf-8"))
        if not isinstance(previous, dict):
            raise ValueError(f"holds {str(previous)[:40]}")
    except FileNotFoundError:
        previous = None
    except (OSError, ValueError) as error:
        raise FolderInUse(f"{folder}: {RUN_FILE} cannot be read ({error}); choose another folder") from error
    if previous is None:
        if folder.is_dir() and not {path.name for path in folder.iterdir() if not _is_ours(path)} <= {LOCK_FILE}:
            raise FolderInUse(f"{folder}: is not empty and holds no run to resume; choose another folder")
        write_text(folder / RUN_FILE, json.dumps(settings, indent=1, ensure_ascii=False) + "\n")
        return None
    before, now = _flat(previous), _flat(settings)
    differing = sorted(key for key in {*before, *now} if before.get(key) != now.get(key))
    if differing:
        changes = "; ".join(f"{key} was {before.get(key)!r}, now {now.get(key)!r}" for key in differing[:4])
        raise FolderInUse(f"{folder}: holds another run ({changes}); choose another folder")
    if not resume:
        state = "finished" if (folder / RECORD_FILE).is_file() else "begun"
        raise FolderInUse(f"{folder}: holds this same run, already {state}; add --resume, or choose another folder")
    return read_record(folder / RECORD_FILE) if (folder / RECORD_FILE).is_file() else None


def _is_ours(path: Path) -> bool:
    """Whether this is left from a process that was killed while it wrote `run.json`."""
    return path.name.startswith(f".{RUN_FILE}.") and path.suffix == ".part"


@contextmanager
def locked(folder: Path, *, wait: bool = False) -> Iterator[None]:
    """Keep other processes out of the folder. If one is at work there, wait for it or raise FolderInUse."""
    if folder.exists() and not folder.is_dir():
        raise FolderInUse(f"{folder}: is a file; choose another folder")
    new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK_FILE)
    try:
        lock.acquire(timeout=-1 if wait else 0)
    except Timeout:
        raise FolderInUse(f"{folder}: another process is at work on this run; wait, or choose another folder") from None
    try:
        yield
    finally:
        (folder / LOCK_FILE).unlink(missing_ok=True)
        lock.release()
        if new and not any(folder.iterdir()):
            folder.rmdir()


def release(folder: Path) -> None:
    """Remove the claim on a folder if the run left nothing else in it."""
    if [path.name for path in folder.iterdir() if path.name != LOCK_FILE] == [RUN_FILE]:
        (folder / RUN_FILE).unlink()


def _flat(settings: Any) -> dict[str, Any]:
    """Settings as JSON holds them, with flat names: `{"arguments": {"seed": 1}}` gives `{"arguments.seed": 1}`."""
    flat: dict[str, Any] = {}
    for key, value in json.loads(json.dumps(settings)).items():
        flat |= {f"{key}.{k}": v for k, v in value.items()} if isinstance(value, dict) else {key: value}
    return flat


def last_checkpoint(folder: Path) -> Path | None:
    """Return the newest complete checkpoint; newer ones, left incomplete by a kill, are removed.

    The Trainer writes a checkpoint's state file last: without it, or with half of it, a checkpoint is incomplete.
    """
    numbered = [(int(m[1]), path) for path in folder.glob("checkpoint-*") if (m := re.search(r"-(\d+)$", path.name))]
    for _, path in sorted(numbered, reverse=True):
        try:
            trainer_state(path)
            return path
        except (OSError, ValueError):
            shutil.rmtree(path)
    return None


def trainer_state(checkpoint: Path) -> dict[str, Any]:
    """Read the Trainer's state at a checkpoint. Raises OSError or ValueError if it is missing or incomplete."""
    return json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))


def has_ended(state: Mapping[str, Any]) -> bool:
    """Return whether training was over when this trainer state was written: all steps done, or stopped early."""
    if state["global_step"] >= state["max_steps"]:
        return True
    stopping = state["stateful_callbacks"].get("EarlyStopping")
    if not isinstance(stopping, dict):
        return False
    return stopping["attributes"]["early_stopping_patience_counter"] >= stopping["args"]["early_stopping_patience"]


def put_model(folder: Path, model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase") -> None:
    """Save model and tokenizer into a temporary folder, then move the files, the weights last."""
    temporary = folder / ".model.part"
    shutil.rmtree(temporary, ignore_errors=True)
    model.save_pretrained(temporary)
    tokenizer.save_pretrained(temporary)
    for path in sorted(temporary.iterdir(), key=lambda path: path.suffix == ".safetensors"):
        os.replace(path, folder / path.name)
    temporary.rmdir()


def remove_checkpoints(folder: Path) -> None:
    """Remove all checkpoints of the run."""
    for path in folder.glob("checkpoint-*"):
        shutil.rmtree(path)
