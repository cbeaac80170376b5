"""The records of fine-tuning runs below some folders, with the predictions that lie beside them."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from crossner_hf.results.record_files import (
    COLLECTED_PREDICTIONS,
    GRID_FILE,
    PREDICTIONS_FILE,
    RECORD_FILE,
    RUN_FILE,
    STEPS_FOLDER,
    predictions_beside,
    read_record,
)
from crossner_hf.results.records import RunRecord
from crossner_hf.results.scores import ConventionScores


@dataclass(frozen=True)
class RunResult:
    """A finished run whose test split was scored. shown: its path below the named folder, for people to read."""

    shown: str
    record: RunRecord
    predictions: Path | None = None

    @property
    def seed(self) -> int:
        return self.record.seed

    def scores(self, convention: str) -> ConventionScores:
        return self.record.scores["test"][convention]


class SetAside(NamedTuple):
    """A file that a report leaves out, and why."""

    shown: str
    reason: str


@dataclass
class Collected:
    """Runs in the order of their paths; `others` counts records of other kinds by kind."""

    runs: list[RunResult] = field(default_factory=list)
    set_aside: list[SetAside] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)


def collect(folders: Sequence[str | Path]) -> Collected:
    """Read all runs with scores on a test split below some folders; unusable records are set aside with the reason.

    A folder may hold folders of runs (record.json, predictions.json) or collected records (NAME.json,
    NAME.predictions.json). Raises ValueError if one does not exist, or if no record can be used.
    """
    collected, seen = Collected(), set()
    for folder in map(Path, folders):
        if not folder.exists():
            raise ValueError(f"{folder}: no such folder; name one that `crossner-hf experiment run` or `train` wrote")
        root = folder.resolve()
        for path in _candidates(root):
            if path not in seen:
                seen.add(path)
                _add(collected, path, f"{root.name}{str(path).removeprefix(str(root))}")
    if not collected.runs:
        raise ValueError(_no_runs(folders, collected))
    return collected


def _candidates(folder: Path) -> Iterator[Path]:
    """Files that may be records; of a run folder that has none, its run.json."""
    if folder.is_file():
        yield folder
        return
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "checkpoint-")))
        if RECORD_FILE in files or RUN_FILE in files:
            yield Path(place, RECORD_FILE if RECORD_FILE in files else RUN_FILE)
            folders[:] = [name for name in folders if name != STEPS_FOLDER]
            continue
        others = (".", PREDICTIONS_FILE, GRID_FILE)
        for name in sorted(files):
            if name.endswith(".json") and not name.startswith(others) and not name.endswith(COLLECTED_PREDICTIONS):
                yield Path(place, name)


def _add(collected: Collected, path: Path, shown: str) -> None:
    if path.name == RUN_FILE:
        collected.set_aside.append(SetAside(shown, "a run that has begun and left no record yet"))
        return
    if path.name != RECORD_FILE and not _looks_like_a_record(path):
        return
    try:
        record = read_record(path)
        if not isinstance(record, RunRecord):
            collected.others[record.kind] += 1
            return
        if "test" not in record.scores:
            raise ValueError("its test split was not scored")
    except (OSError, ValueError) as error:
        collected.set_aside.append(SetAside(shown, str(error).removeprefix(f"{path}: ")))
        return
    beside = predictions_beside(path)
    collected.runs.append(RunResult(shown, record, beside if beside.is_file() else None))


def _looks_like_a_record(path: Path) -> bool:
    """Whether a JSON file may be a record, and not one of a model or a grid; an empty one may be a damaged record."""
    try:
        text = path.read_bytes()
    except OSError:
        return True  # read_record will say what is wrong
    return not text.strip() or b'"schema_version"' in text


def _no_runs(folders: Sequence[str | Path], collected: Collected) -> str:
    message = f"{', '.join(map(str, folders))}: no record of a fine-tuning run to report on"
    if collected.others:
        message += f" (only of {', '.join(f'{kind}: {number}' for kind, number in collected.others.items())})"
    if collected.set_aside:
        first, *others = collected.set_aside
        more = f" and {len(others)} more" if others else ""
        message += f"; set aside: {first.shown} ({first.reason}){more}"
    return f"{message}; make some with `crossner-hf experiment run --grid smoke --output exp/smoke`"
