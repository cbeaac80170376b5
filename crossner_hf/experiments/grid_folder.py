"""The folder of a grid: its grid.json, the place of each run, and the state in which each run is."""

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from crossner_hf.atomic_write import write_text
from crossner_hf.engine.tasks import Outcome
from crossner_hf.experiments.grid import Grid, Run, SourceStage
from crossner_hf.experiments.grid_entries import Dapt
from crossner_hf.finetuning.arguments import FineTuningArguments
from crossner_hf.finetuning.settings import starts_from_vectors
from crossner_hf.finetuning.word_taggers import vectors_name
from crossner_hf.json_file import read_json_object
from crossner_hf.packaged_encoder import encoder_name
from crossner_hf.pretraining.arguments import DaptArguments
from crossner_hf.results.record_files import GRID_FILE, RECORD_FILE, RUN_FILE, NewerRecordError, read_record
from crossner_hf.results.records import SCHEMA_VERSION, FewShotSample, RunRecord
from crossner_hf.results.text_records import DaptRecord
from crossner_hf.schema import get_domain
from crossner_hf.training.run_arguments import recorded_arguments
from crossner_hf.training.run_folder import LOCK_FILE, FolderInUse, locked

SOURCES = "sources"  # a folder of source stages, which runs share
FINISHED = 10**9  # more than the steps of any source stage

GridTask = Run | Dapt | SourceStage
Checksums = Callable[[str], Mapping[str, str]]  # of a domain's files, by split


class Standing(NamedTuple):
    """How a run or checkpoint stands in the folder."""

    state: str  # finished, broken record, holds another run, not readable, failed before, resumable, to do
    record: RunRecord | DaptRecord | None = None
    reason: str = ""  # what is wrong with the record


class GridFolder:
    """`runs/NAME` and `dapt/NAME` hold what training leaves; `failed/NAME.json` a failure; `sources` source stages."""

    def __init__(self, folder: Path, grid: Grid):
        self.folder, self.grid = folder, grid

    def tasks(self) -> list[Run | Dapt]:
        return [*self.grid.dapts(), *self.grid.runs()]

    def of(self, task: GridTask) -> Path:
        if isinstance(task, SourceStage):
            return self.folder / SOURCES
        return self.folder / ("runs" if isinstance(task, Run) else "dapt") / task.name

    def done_file(self, task: GridTask) -> Path:
        return self.of(task) / (f"{task.name}.done.json" if isinstance(task, SourceStage) else RECORD_FILE)

    def progress(self, task: GridTask) -> int:
        """A number that grows with what is saved of a task: the step of its last checkpoint."""
        if not isinstance(task, SourceStage):
            return _last_step(self.of(task))
        stages = [path for path in self.of(task).glob("*") if path.is_dir()]
        return sum(FINISHED if (path / RECORD_FILE).is_file() else _last_step(path) for path in stages)

    @contextmanager
    def opened(self, *, extend: bool) -> Iterator[None]:
        """Make the folder this grid's, and keep other processes out of it for the length of the block."""
        self.check(extend=extend)
        try:
            with locked(self.folder):
                self.check(extend=extend)
                content = {"schema_version": SCHEMA_VERSION, **self._content()}
                if content != self._before():
                    write_text(self.folder / GRID_FILE, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
                yield
        except FolderInUse as error:
            raise ValueError(f"{self.folder}: another process runs this grid; wait for its end") from error

    def check(self, *, extend: bool) -> None:
        """Raise ValueError where the folder is not this grid's; writes nothing."""
        path = self.folder / GRID_FILE
        if self.folder.exists() and not self.folder.is_dir():
            raise ValueError(f"{self.folder}: is a file; choose another folder")
        before, now = self._before(), self._content()
        if before is None:
            others = [p.name for p in self.folder.iterdir()] if self.folder.is_dir() else []
            if [name for name in others if name != LOCK_FILE and not name.startswith(f".{GRID_FILE}.")]:
                raise ValueError(f"{self.folder}: is not empty and holds no grid; choose another folder")
            return
        if before["grid"] == now["grid"] and before["runs"] == now["runs"]:
            return
        old, new = before["runs"], now["runs"]
        changed = [name for name in old if old[name] != new.get(name)]
        if changed:
            raise ValueError(f"{path}: is of another grid ({_changes(before, now, changed)}); choose another folder")
        if not extend:
            raise ValueError(
                f"{path}: is of a grid of {len(old)} runs, to which this one adds {len(new) - len(old)} "
                f"({_changes(before, now, changed)}); add --extend, or choose another folder"
            )

    def _content(self) -> dict[str, Any]:
        runs = {run.name: {"of": run.domain, **run.arguments} for run in self.grid.runs()}
        return {"grid": self.grid.as_json(), "runs": json.loads(json.dumps(runs))}

    def _before(self) -> dict[str, Any] | None:
        path = self.folder / GRID_FILE
        try:
            before = read_json_object(path, "a grid")
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise ValueError(f"{error}; choose another folder") from None
        parts = [before.get("grid"), runs := before.get("runs"), *(runs.values() if isinstance(runs, dict) else ())]
        if not all(isinstance(part, dict) for part in parts):
            raise ValueError(f"{path}: cannot be read as a grid: it lacks the grid or its runs; choose another folder")
        return before

    def standing(self, task: Run | Dapt, checksums: Checksums) -> Standing:
        folder = self.of(task)
        if not (folder / RECORD_FILE).is_file():
            if self._failure(task.name).is_file():
                return Standing("failed before")
            return Standing("resumable" if (folder / RUN_FILE).is_file() else "to do")
        try:
            path = folder / RECORD_FILE
            record = read_record(path, RunRecord) if isinstance(task, Run) else read_record(path, DaptRecord)
        except (OSError, NewerRecordError) as error:
            return Standing("not readable", reason=str(error))
        except ValueError as error:
            return Standing("broken record", reason=str(error))
        if reason := difference(task, record, checksums):
            return Standing("holds another run", reason=f"{folder} holds another run: {reason}")
        return Standing("finished", record)

    def set_broken_record_aside(self, task: Run | Dapt) -> str:
        path = self.of(task) / RECORD_FILE
        os.replace(path, path.with_name(f"{RECORD_FILE}.broken"))
        return f"{RECORD_FILE}.broken"

    def note_failure(self, outcome: Outcome) -> None:
        content = {"run": outcome.name, "reason": outcome.reason, "traceback": outcome.traceback}
        write_text(self._failure(outcome.name), json.dumps(content, indent=1, ensure_ascii=False) + "\n")

    def forget_failure(self, name: str) -> None:
        self._failure(name).unlink(missing_ok=True)

    def _failure(self, name: str) -> Path:
        return self.folder / "failed" / f"{name}.json"


def difference(task: Run | Dapt, record: RunRecord | DaptRecord, checksums: Checksums) -> str | None:
    """In what a record differs from the run of the grid; None where it is that run's."""
    args = DaptArguments(output_dir="grid", **task.arguments) if isinstance(task, Dapt) else task.settings()
    there: dict[str, Any] = {"encoder": record.encoder.name}
    wanted: dict[str, Any] = {"encoder": _encoder(task, args) or record.encoder.name}
    if isinstance(task, Run) and isinstance(record, RunRecord):
        there |= {key: getattr(record, key) for key in ("domain", "setting", "seed", "few_shot", "data_sha256")}
        there["source_sha256"] = record.source and record.source.data_sha256
        draw = task.size and FewShotSample(sentences=task.size, draw=task.arguments["few_shot_draw"])
        wanted |= {"domain": get_domain(task.domain).name, "setting": task.setting, "seed": task.seed, "few_shot": draw}
        wanted["data_sha256"] = checksums(task.domain)
        wanted["source_sha256"] = None if task.setting == "direct" else checksums(args.source)
    defaults = type(args)(output_dir="grid").to_dict()
    there = defaults | record.arguments.given() | there
    wanted = defaults | json.loads(json.dumps(recorded_arguments(args))) | wanted
    key = next((key for key in there if there[key] != wanted.get(key)), None)
    if key in ("data_sha256", "source_sha256"):
        return f"it was made with other data ({key})"
    return key and f"{key} is {there[key]!r} there, and {wanted.get(key)!r} in the grid"


def _encoder(task: Run | Dapt, args: FineTuningArguments | DaptArguments) -> str | None:
    """Name the encoder as a record does; None where the extra with the packaged one is not installed."""
    if isinstance(task.model, Dapt):
        return task.model.name
    try:
        if isinstance(args, FineTuningArguments) and starts_from_vectors(args.tagger, task.model):
            return vectors_name(task.model, args.tagger_choice())
        return encoder_name(task.model)
    except ImportError:
        return None


def _last_step(folder: Path) -> int:
    return max(
        (int(m[1]) for path in folder.glob("checkpoint-*") if (m := re.search(r"-(\d+)$", path.name))), default=0
    )


def _changes(before: Mapping[str, Any], now: Mapping[str, Any], changed: list[str]) -> str:
    old, new, whose = before["grid"], now["grid"], ""
    if old == new:
        old, new, whose = before["runs"][changed[0]], now["runs"].get(changed[0], {}), f" of {changed[0]}"
    keys = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    return "; ".join(f"{key}{whose} was {_short(old.get(key))}, now {_short(new.get(key))}" for key in keys[:4])


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 100 else f"{text[:97]}…"
