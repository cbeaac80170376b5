"""One process at work on a grid: it takes what nobody has, notes failures, and waits for what others have."""

import re
import secrets
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

from crossner_hf.display import in_words
from crossner_hf.experiments.claims import Claims
from crossner_hf.experiments.grid import Run
from crossner_hf.experiments.grid_entries import Dapt
from crossner_hf.experiments.grid_folder import SOURCES, GridFolder, difference
from crossner_hf.experiments.job import Superseded
from crossner_hf.results.record_files import RECORD_FILE
from crossner_hf.results.records import Record, RunRecord
from crossner_hf.results.text_records import DaptRecord
from crossner_hf.training.run_folder import FolderInUse, locked

FINISHED = 10**9  # more than the steps of any source stage
MAX_ATTEMPTS = 3  # begun, none of them ended, and no new checkpoint: then the run is taken to kill its process

Job = Callable[[Run | Dapt, Path, Event], Any]


@dataclass(frozen=True)
class Summary:
    """What became of a grid: names of runs and checkpoints, and of the failed ones the reason."""

    finished: tuple[str, ...]
    failed: Mapping[str, str]
    done_here: tuple[str, ...]
    seconds: float


class Worker:
    """One process at work on a grid."""

    def __init__(self, place: GridFolder, claims: Claims, job: Job, costs: Mapping, say, sums):
        self.place, self.claims, self.job, self.say, self.sums = place, claims, job, say, sums
        self.tasks = place.tasks()
        known = all(costs.get(task.name) for task in self.tasks)
        self.costs = {task.name: costs[task.name] if known else 1.0 for task in self.tasks}
        self.records: dict[str, RunRecord | DaptRecord] = {}  # of finished ones
        self.failed: dict[str, str] = {}  # name to reason, of those that are not tried again
        self.before = {task.name: found["id"] for task in self.tasks if (found := place.failure(task))}
        self.done_here: list[str] = []

    def work(self) -> Summary:
        begun, told = time.monotonic(), None
        while True:
            tried, waiting = 0, []
            for task in self.tasks:
                state = self._state(task)
                if state == "open" and self._try(task):
                    tried += 1
                elif state in ("open", "blocked"):
                    waiting.append(task.name)
            if not tried and not waiting:
                break
            if not tried:
                if told != waiting:
                    self.say(f"waiting for {len(waiting)} that other processes have: {', '.join(waiting[:3])}")
                told = waiting
                time.sleep(min(5.0, self.claims.seconds / 10))
        finished = tuple(task.name for task in self.tasks if task.name in self.records)
        return Summary(finished, self.failed, tuple(self.done_here), time.monotonic() - begun)

    def _state(self, task: Run | Dapt) -> str:
        """'over', 'blocked' until its checkpoint is made, or 'open'."""
        if task.name in self.records or task.name in self.failed:
            return "over"
        if self.place.has_record(task):
            record, wrong = self.place.record(task)
            if record is not None:
                wrong = difference(task, record, self.sums)
                if wrong is None:
                    self.records[task.name] = record
                else:
                    self.failed[task.name] = f"{self.place.of(task)} holds another run: {wrong}"
                return "over"
            if self.place.is_of_another_version(task):
                self.failed[task.name] = f"{wrong}; choose another folder"
                return "over"
            return "open"  # whoever claims it sets the broken record aside
        failure = self.place.failure(task)
        if failure and failure["id"] != self.before.get(task.name):
            self.failed[task.name] = failure["reason"]
            return "over"
        needs = task.model if isinstance(task, Run) and isinstance(task.model, Dapt) else None
        if needs is not None and needs.name in self.failed:
            self.failed[task.name] = f"its checkpoint {needs.name} could not be made"
            return "over"
        return "open" if needs is None or needs.name in self.records else "blocked"

    def _try(self, task: Run | Dapt) -> bool:
        """Do the run if nobody else has it; whether there is news."""
        with self.claims.held(task.name) as lost:
            if lost is None:
                return False
            folder = self.place.of(task)
            if _in_use(folder):
                return False
            if self._state(task) == "over":
                return True  # since we looked
            broken = self.place.set_broken_record_aside(task)
            if broken:
                self.say(f"{task.name}: {broken}; the run begins anew")
            attempts = self.claims.count_attempt(task.name, self._progress(task, folder))
            if attempts > MAX_ATTEMPTS:
                reason = (
                    f"its process died {MAX_ATTEMPTS} times without getting to a new checkpoint; out of memory? "
                    "(smaller batches: per_device_train_batch_size)"
                )
                self._fail(task, reason, "")
                return True
            return self._do(task, folder, lost)

    def _progress(self, task: Run | Dapt, folder: Path) -> int:
        """A number that grows with what is saved: checkpoints of the run and, where it needs one, of source stages."""
        steps = _step(folder)
        if isinstance(task, Run) and task.setting == "pre_train_then_fine_tune":
            for stage in (self.place.folder / SOURCES).glob("*"):
                steps += FINISHED if (stage / RECORD_FILE).is_file() else _step(stage)
        return steps

    def _do(self, task: Run | Dapt, folder: Path, lost: Event) -> bool:
        begun = time.monotonic()
        try:
            self.job(task, folder, lost)
            record, wrong = self.place.record(task)
            if record is None:
                raise ValueError(wrong)
        except Superseded:
            self.say(f"{task.name}: another process has taken it over while this one gave no sign of life")
            return True
        except KeyboardInterrupt:
            self.claims.end_attempts(task.name)
            raise
        except Exception as error:
            if lost.is_set():
                self.say(f"{task.name}: left to the process that has taken it over ({_sentence(error)})")
                return True
            self._fail(task, _sentence(error), traceback.format_exc())
            return True
        self.records[task.name] = record
        self.done_here.append(task.name)
        if not lost.is_set():
            self.place.forget_failure(task)
            self.claims.end_attempts(task.name)
        self._report(task.name, f"{_scores(record)}  {in_words(time.monotonic() - begun)}")
        return True

    def _fail(self, task: Run | Dapt, reason: str, trace: str) -> None:
        self.failed[task.name] = reason
        self.place.note_failure(task, {"id": secrets.token_hex(8), "reason": reason, "traceback": trace})
        self.claims.end_attempts(task.name)
        self._report(task.name, f"failed: {reason}")

    def _report(self, name: str, text: str) -> None:
        for task in self.tasks:  # what other processes have finished meanwhile
            self._state(task)
        over = len(self.records) + len(self.failed)
        left = self._seconds_left()
        tail = f"  about {in_words(left)} left" if left else ""
        self.say(f"[{over}/{len(self.tasks)}] {name}  {text}{tail}")

    def _seconds_left(self) -> float | None:
        """From what the finished ones cost in FLOP and took in seconds, all processes counted."""
        took = {name: r.wall_seconds for name, r in self.records.items() if r.wall_seconds}
        left = sum(cost for name, cost in self.costs.items() if name not in self.records and name not in self.failed)
        if not took or not left:
            return None
        rate = sum(self.costs[name] for name in took) / sum(took.values())
        return left / rate / max(1, self.claims.at_work())


def _in_use(folder: Path) -> bool:
    """Whether somebody trains there with no claim: one that lost it but lives, or `crossner-hf train`."""
    if not folder.is_dir():
        return False
    try:
        with locked(folder):
            return False
    except FolderInUse:
        return True


def _step(folder: Path) -> int:
    """The step of the last checkpoint in a folder, or 0."""
    return max(
        (int(m[1]) for path in folder.glob("checkpoint-*") if (m := re.search(r"-(\d+)$", path.name))), default=0
    )


def _sentence(error: BaseException) -> str:
    said = " ".join(str(error).split())
    return said if isinstance(error, ValueError | OSError) and said else f"{type(error).__name__}: {said}".rstrip(": ")


def _scores(record: Record) -> str:
    if not isinstance(record, RunRecord):
        return "done"
    names = {"validation": "dev", "test": "test"}
    f1 = {split: record.scores[split]["conlleval"].overall.f1 for split in names if split in record.scores}
    return "  ".join(f"{names[split]} F1 {100 * value:.2f}" for split, value in f1.items())
