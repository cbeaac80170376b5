"""A run's output folder: which run it belongs to, the checkpoint to resume from, and the model written whole."""

import json
import logging
import os
import re
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout
from safetensors import SafetensorError

from crossner_hf.atomic_write import write_text
from crossner_hf.json_file import read_json_object
from crossner_hf.results.record_files import RECORD_FILE, RUN_FILE, NewerRecordError, read_record
from crossner_hf.results.records import Record
from crossner_hf.training.manifest import MANIFEST_FILE, damage, settle_files

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

logger = logging.getLogger(__name__)

LOCK_FILE = ".lock"  # exists while a process is at work


class FolderInUse(ValueError):
    """The output folder holds something that this run must not touch."""


def open_run(folder: Path, settings: Mapping[str, Any], *, resume: bool) -> Record | None:
    """Claim the folder for the run that `settings` define; return its record if that run is already finished.

    Raises FolderInUse if it holds another run, or anything else; without `resume` also where it holds this one.
    """
    try:
        previous = read_json_object(folder / RUN_FILE, "a run")
    except FileNotFoundError:
        previous = None
    except (OSError, ValueError) as error:
        raise FolderInUse(f"{error}; choose another folder") from error
    if previous is None:
        if folder.is_dir() and not {path.name for path in folder.iterdir() if not _is_ours(path)} <= {LOCK_FILE}:
            raise FolderInUse(f"{folder}: is not empty and holds no run to resume; choose another folder")
        write_text(folder / RUN_FILE, _settings_text(settings))
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


def _settings_text(settings: Mapping[str, Any]) -> str:
    return json.dumps(settings, indent=1, ensure_ascii=False) + "\n"


def _is_ours(path: Path) -> bool:
    """Whether this is left from a process that was killed while it wrote `run.json`."""
    return path.name.startswith(f".{RUN_FILE}.") and path.suffix == ".part"


@contextmanager
def locked(folder: Path, *, wait: bool = False) -> Iterator[None]:
    """Keep other processes out of the folder. If one is at work there, wait for it or raise FolderInUse."""
    new, lock = False, FileLock(folder / LOCK_FILE)
    while not lock.is_locked:
        new = new or not folder.exists()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock.acquire(timeout=-1 if wait else 0)
        except FileNotFoundError:  # the process before this one ended and removed the folder, which was empty
            continue
        except FileExistsError as error:
            if os.path.islink(error.filename):  # to nowhere
                raise
            if not _is_folder_or_gone(error.filename):
                raise FolderInUse(f"{error.filename}: is a file; choose another folder") from None
        except Timeout:
            raise FolderInUse(
                f"{folder}: another process is at work on this run; wait, or choose another folder"
            ) from None
    try:
        yield
    finally:
        (folder / LOCK_FILE).unlink(missing_ok=True)
        lock.release()
        if new:
            with suppress(OSError):  # it holds something, such as the lock of the next process
                folder.rmdir()


def _is_folder_or_gone(path: str) -> bool:
    """Ask once: another process may remove the folder between two questions."""
    with suppress(FileNotFoundError):
        return stat.S_ISDIR(os.lstat(path).st_mode)
    return True


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


def last_checkpoint(folder: Path, *, with_best: bool) -> Path | None:
    """Return the newest whole checkpoint; newer ones, which are incomplete or damaged, are removed with a warning.

    `with_best`: the run ends with its best checkpoint, so that this one must be whole, too.
    """
    problems = []
    for path in reversed(_checkpoints(folder)):
        problem = _checkpoint_damage(path, with_best=with_best)
        if problem is None:
            break
        problems.append(problem)
        shutil.rmtree(path)
    else:
        path = None
    if problems:
        start = f"from {path.name}" if path else "from the start"
        logger.warning("%s: %s; training resumes %s", folder, "; ".join(problems), start)
    return path


def _checkpoint_damage(path: Path, *, with_best: bool) -> str | None:
    problem = damage(path)
    if problem is None and with_best:
        best = path.with_name(f"checkpoint-{trainer_state(path)['best_global_step'] or 0}")
        if best.name not in (path.name, "checkpoint-0"):
            path, problem = best, damage(best)
    return problem and f"{path.name} {problem}"


def remove_oldest(folder: Path, limit: int | None, best_step: int | None) -> None:
    """Remove all but the `limit` newest checkpoints by step; the best one counts and stays."""
    checkpoints = _checkpoints(folder)
    if not limit or limit < 0:
        return
    kept = {checkpoints[-1].name, f"checkpoint-{best_step}"}
    removable = [path for path in checkpoints if path.name not in kept]
    room = max(0, limit - (len(checkpoints) - len(removable)))
    for path in removable[: len(removable) - room]:
        shutil.rmtree(path, ignore_errors=True)


def _checkpoints(folder: Path) -> list[Path]:
    steps = {path: re.fullmatch(r"checkpoint-(\d+)", path.name) for path in folder.glob("checkpoint-*")}
    return sorted((path for path, step in steps.items() if step), key=lambda path: int(path.name.rpartition("-")[2]))


@contextmanager
def writing(target: Path, what: str) -> Iterator[None]:
    """Remove the file or folder `target` if writing it fails, and raise OSError that says what failed and what is left.

    torch raises a RuntimeError, and safetensors an error of its own, that name no file.
    """
    try:
        yield
    except (OSError, RuntimeError, SafetensorError) as error:
        if target.is_dir():
            shutil.rmtree(target, ignore_errors=True)
        else:
            target.unlink(missing_ok=True)
        folder, reason = target.parent, (str(error).strip() or type(error).__name__).splitlines()[0]
        free = shutil.disk_usage(folder).free / 1e6
        whole = [path.name for path in _checkpoints(folder) if (path / MANIFEST_FILE).is_file()]
        left = f"{whole[-1]} is whole" if whole else "no checkpoint was written before"
        raise OSError(
            f"{folder}: {what} could not be written ({reason}; {free:,.0f} MB are free there); {left}: make room "
            "there, then resume with --resume"
        ) from error


def trainer_state(checkpoint: Path) -> dict[str, Any]:
    """Read the Trainer's state at a checkpoint."""
    return read_json_object(checkpoint / "trainer_state.json", "a trainer's state")


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
    with writing(temporary, "the model"):
        model.save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)
        settle_files(temporary)
    for path in sorted(temporary.iterdir(), key=lambda path: path.suffix == ".safetensors"):
        os.replace(path, folder / path.name)
    temporary.rmdir()


def mend(folder: Path, settings: Mapping[str, Any]) -> None:
    """Prepare a folder, whose name says whose it is, to be trained again if it is damaged: rename its record."""
    record, text = folder / RECORD_FILE, _settings_text(settings)
    if record.is_file():
        problem = damage(folder)
        try:
            read_record(record)
        except NewerRecordError:
            raise
        except ValueError as error:
            problem = problem or str(error).removeprefix(f"{record}: ")
        if problem:
            record.replace(record.with_name(f"{record.name}.broken"))
            logger.warning("%s: the model kept there %s; it is trained again", folder, problem)
    if not (folder / RUN_FILE).is_file() or (folder / RUN_FILE).read_bytes() != text.encode():
        write_text(folder / RUN_FILE, text)


def remove_checkpoints(folder: Path) -> None:
    """Remove all checkpoints of the run, after the disk has the record and the model that replace them."""
    checkpoints = list(folder.glob("checkpoint-*"))
    if checkpoints:
        settle_files(folder)
    for path in checkpoints:
        shutil.rmtree(path)
