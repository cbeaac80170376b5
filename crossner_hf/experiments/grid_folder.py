"""The folder of a grid: which grid it is, where each run lies, and what is known of it."""

import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from crossner_hf.atomic_write import write_text
from crossner_hf.experiments.claims import Claims
from crossner_hf.experiments.grid import Grid, Run
from crossner_hf.experiments.grid_entries import Dapt
from crossner_hf.finetuning.arguments import FineTuningArguments
from crossner_hf.finetuning.settings import WORD_TAGGERS
from crossner_hf.finetuning.word_taggers import vectors_name
from crossner_hf.packaged_encoder import encoder_name
from crossner_hf.pretraining.arguments import DaptArguments
from crossner_hf.results.record_files import GRID_FILE, RECORD_FILE, RUN_FILE, read_record
from crossner_hf.results.records import SCHEMA_VERSION, FewShotSample, RunRecord
from crossner_hf.results.text_records import DaptRecord
from crossner_hf.schema import get_domain
from crossner_hf.training.run_arguments import recorded_arguments

SOURCES = "sources"  # a folder of source stages, which runs share


class GridFolder:
    """`runs/NAME` and `dapt/NAME` hold what training leaves; `failed/NAME.json` a failure; `sources` source stages."""

    def __init__(self, folder: Path, grid: Grid):
        self.folder, self.grid = folder, grid

    def tasks(self) -> list[Run | Dapt]:
        """Checkpoints to be made, then the runs."""
        return [*self.grid.dapts(), *self.grid.runs()]

    def of(self, task: Run | Dapt) -> Path:
        return self.folder / ("runs" if isinstance(task, Run) else "dapt") / task.name

    def open(self, claims: Claims, *, extend: bool = False) -> None:
        """Make the folder this grid's. Raises ValueError where it holds another grid, or anything else."""
        self.check(extend=extend)
        while True:
            with claims.held("grid") as lost:
                if lost is not None:
                    self.check(extend=extend)
                    asked = {"schema_version": SCHEMA_VERSION, **self._asked()}
                    if asked != self._before():
                        text = json.dumps(asked, indent=1, ensure_ascii=False)
                        write_text(self.folder / GRID_FILE, text + "\n")
                    return
            time.sleep(claims.seconds / 20)

    def check(self, *, extend: bool = False) -> None:
        """Raise ValueError where the folder is not this grid's; writes nothing."""
        path = self.folder / GRID_FILE
        if self.folder.exists() and not self.folder.is_dir():
            raise ValueError(f"{self.folder}: is a file; choose another folder")
        before, now = self._before(), self._asked()
        if before is None:
            others = [p.name for p in self.folder.iterdir()] if self.folder.is_dir() else []
            if [name for name in others if name != "claims" and not name.startswith(f".{GRID_FILE}.")]:
                raise ValueError(f"{self.folder}: is not empty and holds no grid; choose another folder")
            return
        if before["grid"] == now["grid"] and before["runs"] == now["runs"]:
            return
        old, new = before["runs"], now["runs"]
        gone = [name for name in old if name not in new]
        changed = [name for name in old if name in new and old[name] != new[name]]
        if gone or changed:
            raise ValueError(f"{path}: is of another grid ({_said(before, now, changed)}); choose another folder")
        if not extend:
            raise ValueError(
                f"{path}: is of a grid of {len(old)} runs, to which this one adds {len(new) - len(old)} "
                f"({_said(before, now, changed)}); add --extend, or choose another folder"
            )

    def _asked(self) -> dict[str, Any]:
        runs = {run.name: {"of": run.domain, **run.arguments} for run in self.grid.runs()}
        return json.loads(json.dumps({"grid": self.grid.as_json(), "runs": runs}))

    def _before(self) -> dict[str, Any] | None:
        path = self.folder / GRID_FILE
        try:
            before = json.loads(path.read_text(encoding="utf-8"))
            if not all(isinstance(before[key], dict) for key in ("grid", "runs")):
                raise ValueError("it lacks the grid or its runs")
            return before
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path}: cannot be read as a grid ({error}); choose another folder") from error

    def has_record(self, task: Run | Dapt) -> bool:
        return (self.of(task) / RECORD_FILE).is_file()

    def record(self, task: Run | Dapt) -> tuple[RunRecord | DaptRecord | None, str | None]:
        """The record, or what is wrong with it."""
        try:
            return read_record(self.of(task) / RECORD_FILE, RunRecord if isinstance(task, Run) else DaptRecord), None
        except ValueError as error:
            return None, str(error)

    def is_of_another_version(self, task: Run | Dapt) -> bool:
        """Whether the record is whole, but in the form of another version of this package."""
        try:
            found = json.loads((self.of(task) / RECORD_FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        return isinstance(found, dict) and found.get("schema_version", SCHEMA_VERSION) > SCHEMA_VERSION

    def set_broken_record_aside(self, task: Run | Dapt) -> str | None:
        """Rename a record that cannot be read, and say so; None where there is none."""
        path = self.of(task) / RECORD_FILE
        if not path.is_file():
            return None
        _, wrong = self.record(task)
        os.replace(path, path.with_name(f"{RECORD_FILE}.broken"))
        return f"{wrong}; it is now {RECORD_FILE}.broken"

    def failure(self, task: Run | Dapt) -> dict[str, Any] | None:
        """Why the run failed at last: `id` of that failure, `reason` in a sentence, `traceback`; None if it has not."""
        path = self._failure(task)
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            return {"id": str(found["id"]), "reason": str(found["reason"])}
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError):
            return {"id": "unreadable", "reason": f"{path} cannot be read"}

    def note_failure(self, task: Run | Dapt, content: Mapping[str, Any]) -> None:
        text = json.dumps({"run": task.name, **content}, indent=1, ensure_ascii=False)
        write_text(self._failure(task), text + "\n")

    def forget_failure(self, task: Run | Dapt) -> None:
        self._failure(task).unlink(missing_ok=True)

    def _failure(self, task: Run | Dapt) -> Path:
        return self.folder / "failed" / f"{task.name}.json"

    def state(self, task: Run | Dapt, sums: Callable[[str], Mapping[str, str]]) -> str:
        """'finished', 'resumable', 'failed before' or 'to do'; and what is wrong with a record, if anything is."""
        if self.has_record(task):
            record, wrong = self.record(task)
            if record is None:
                return "another version" if self.is_of_another_version(task) else "broken record"
            wrong = difference(task, record, sums)
            return "finished" if wrong is None else "holds another run"
        if self.failure(task):
            return "failed before"
        return "resumable" if (self.of(task) / RUN_FILE).is_file() else "to do"


def difference(
    task: Run | Dapt, record: RunRecord | DaptRecord, sums: Callable[[str], Mapping[str, str]]
) -> str | None:
    """In what a record differs from the run that is asked for; None where it is that run's.

    sums: gives the SHA-256 of each file of a domain
    """
    kind = DaptArguments if isinstance(task, Dapt) else FineTuningArguments
    told, usual = kind(output_dir="grid", **task.arguments), kind(output_dir="grid").to_dict()
    arguments = usual | json.loads(json.dumps(recorded_arguments(told)))
    asked: dict[str, Any] = {"encoder": _encoder(task.model)}
    found: dict[str, Any] = {"encoder": record.encoder.name}
    if isinstance(task, Run):
        size = FewShotSample(sentences=task.size, draw=task.arguments["few_shot_draw"]) if task.size else None
        asked = {
            "domain": get_domain(task.domain).name,
            "setting": task.setting,
            "seed": task.seed,
        }
        name = vectors_name(task.model, told.tagger_choice()) if told.tagger in WORD_TAGGERS else _encoder(task.model)
        asked |= {"few_shot": size, "encoder": name, "data_sha256": dict(sums(task.domain))}
        if task.setting != "direct":
            asked["source_sha256"] = dict(sums(told.source))
        found |= {key: getattr(record, key) for key in ("domain", "setting", "seed", "few_shot", "data_sha256")}
        found["source_sha256"] = record.source and record.source.data_sha256
    if asked["encoder"] is None:
        asked["encoder"] = found["encoder"]
    there = usual | record.arguments.given()
    compared = [(key, found.get(key), value) for key, value in asked.items()]
    compared += [(key, value, arguments.get(key)) for key, value in there.items()]
    for key, is_there, wanted in compared:
        if is_there != wanted:
            if key == "data_sha256":
                return "it was trained and scored on other data"
            if key == "source_sha256":
                return "its source data were others"
            return f"{key} is {is_there!r} there, and {wanted!r} is asked for"
    return None


def _encoder(model: str | Dapt) -> str | None:
    if isinstance(model, Dapt):
        return model.name
    try:
        return encoder_name(model)
    except ImportError:  # the extra with the packaged encoder is not here; its finished runs are none the worse
        return None


def _said(before: Mapping[str, Any], now: Mapping[str, Any], changed: list[str]) -> str:
    old, new = before["grid"], now["grid"]
    keys = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    if keys:
        return "; ".join(f"{key} was {_short(old.get(key))}, now {_short(new.get(key))}" for key in keys[:4])
    name = changed[0]
    was, is_now = before["runs"][name], now["runs"][name]
    keys = [key for key in {**was, **is_now} if was.get(key) != is_now.get(key)]
    return "; ".join(f"{key} of {name} was {was.get(key)!r}, now {is_now.get(key)!r}" for key in keys[:4])


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 100 else f"{text[:97]}…"
