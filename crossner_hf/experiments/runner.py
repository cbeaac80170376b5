"""Runs a grid in a folder: finished runs are skipped, begun ones resume, and each failure is listed with its reason."""

import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

from crossner_hf.data.download import domain_files
from crossner_hf.data.sources import sha256_of
from crossner_hf.display import in_words
from crossner_hf.engine.run import ExecutorName, check_executor, run_tasks
from crossner_hf.engine.tasks import EngineTask, Outcome
from crossner_hf.experiments.grid import Grid, Run, SourceStage, source_stage_of
from crossner_hf.experiments.grid_entries import Dapt
from crossner_hf.experiments.grid_folder import Checksums, GridFolder, GridTask
from crossner_hf.experiments.job import train
from crossner_hf.results.records import RunRecord
from crossner_hf.results.text_records import DaptRecord
from crossner_hf.schema import get_domain

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class GridOptions:
    """How a grid is run.

    Args:
        data_dir: Folder of the official files; else CROSSNER_DATA_DIR, else they are downloaded.
        verify: Whether their checksums must be the published ones.
        extend: Whether the grid may add runs to those of the grid that the folder holds.
        executor: 'local' or 'ray', as in `engine.run.run_tasks`.
        workers: How many runs at once.
    """

    data_dir: str | Path | None = None
    verify: bool = True
    extend: bool = False
    executor: ExecutorName = "local"
    workers: int | None = None

    def files(self) -> Path | None:
        """The folder of the official files, the same in other processes."""
        folder = self.data_dir or os.environ.get("CROSSNER_DATA_DIR")
        return Path(folder).expanduser().resolve() if folder else None


@dataclass(frozen=True)
class Summary:
    """The outcome of a call of `run_grid`."""

    finished: tuple[str, ...]  # names of runs and checkpoints
    failed: Mapping[str, str]  # names of runs, checkpoints and source stages, with the reason
    done_here: tuple[str, ...]  # those of `finished` that this call has done
    seconds: float  # how long this call took


def run_grid(
    grid: Grid, folder: str | Path, options: GridOptions = GridOptions(), say: Callable[[str], None] = logger.info
) -> Summary:
    """Run what is not finished of a grid; ends when every run is finished or has failed.

    Finished runs are skipped and begun ones resume. Failed runs of earlier calls are tried again. Checkpoints and
    source stages that runs share are made once, before these runs. A run that fails, or whose process dies three
    times without a new checkpoint, does not stop the others. After a kill, the same call resumes, with the results of
    an uninterrupted one.

    Args:
        grid: What to run.
        folder: Where; one process at a time runs a grid in a folder.
        options: How.
        say: Gets the lines of progress.

    Raises:
        ValueError: Before anything runs: the folder holds another grid, another process runs the grid there, or a
            run needs what is not there.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise ValueError(
            "a grid is not for torchrun: it runs several runs at once by itself; torchrun is for one run, as in: "
            "torchrun --nproc_per_node 2 -m crossner_hf train …"
        )
    check_executor(options.executor, options.workers)
    import torch

    from crossner_hf.experiments.flop_estimate import Counter

    begun = time.monotonic()
    costs = Counter(options.files(), options.verify).costs(grid)
    place = GridFolder(Path(folder).resolve(), grid)
    with place.opened(extend=options.extend):
        work = _Work(place, options, costs, say)
        gpus = torch.cuda.device_count()
        run_tasks(work.to_do(), options.executor, workers=options.workers, gpus=gpus, report=work.report)
    finished = tuple(task.name for task in work.tasks if task.name in work.records)
    return Summary(finished, work.failed, tuple(work.done_here), time.monotonic() - begun)


@dataclass
class _Work:
    """The tasks of a call, with their outcomes so far."""

    place: GridFolder
    options: GridOptions
    costs: Mapping[str, float | None]
    say: Callable[[str], None]
    records: dict[str, RunRecord | DaptRecord] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    done_here: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tasks = self.place.tasks()
        self.checksums = checksums(self.options)

    def to_do(self) -> list[EngineTask]:
        """The unfinished tasks, those first that others need; sorts the rest into finished and failed."""
        left = [task for task in self.tasks if self._is_left(task)]
        stages = {stage.name: stage for task in left if isinstance(task, Run) and (stage := source_stage_of(task))}
        order = (Dapt, SourceStage, Run)
        ordered = sorted([*left, *stages.values()], key=lambda task: order.index(type(task)))
        return [self._engine_task(task) for task in ordered]

    def _is_left(self, task: Run | Dapt) -> bool:
        standing = self.place.standing(task, self.checksums)
        if standing.record is not None:
            self.records[task.name] = standing.record
        elif standing.state == "broken record":
            aside = self.place.set_broken_record_aside(task)
            self.say(f"{task.name}: {standing.reason}; it is now {aside}, and the run begins anew")
        elif standing.reason:
            self.failed[task.name] = f"{standing.reason}; choose another folder"
        elif isinstance(task, Run) and isinstance(task.model, Dapt) and task.model.name in self.failed:
            self.failed[task.name] = f"its checkpoint {task.model.name} is not that of this grid"
        return task.name not in self.records and task.name not in self.failed

    def _engine_task(self, task: GridTask) -> EngineTask:
        run = task.run if isinstance(task, SourceStage) else task
        needs = [run.model.name] if isinstance(run, Run) and isinstance(run.model, Dapt) else []
        if isinstance(task, Run) and (stage := source_stage_of(task)):
            needs.append(stage.name)
        return EngineTask(
            task.name,
            train,
            (task, self.place, self.options.files(), self.options.verify),
            self.place.done_file(task),
            key=task.key if isinstance(task, SourceStage) else None,
            needs=tuple(name for name in needs if name not in self.records),
            progress=partial(self.place.progress, task),
        )

    def report(self, outcome: Outcome, workers: int) -> None:
        task = next((task for task in self.tasks if task.name == outcome.name), None)
        reason = outcome.reason
        if task is not None and not reason:
            standing = self.place.standing(task, self.checksums)
            reason = standing.reason
            if standing.record is not None:
                self.records[task.name] = standing.record
                self.done_here.append(task.name)
        if reason:
            self.failed[outcome.name] = reason
            self.place.note_failure(outcome)
        else:
            self.place.forget_failure(outcome.name)
        scores = _scores(self.records.get(outcome.name))
        text = f"failed: {reason}" if reason else f"{scores}  {in_words(outcome.seconds)}"
        left = [task.name for task in self.tasks if task.name not in self.records and task.name not in self.failed]
        count = f"[{len(self.tasks) - len(left)}/{len(self.tasks)}] " if task is not None else ""
        seconds = self._seconds_for(left, workers)
        self.say(f"{count}{outcome.name}  {text}" + (f"  about {in_words(seconds)} left" if seconds else ""))

    def _seconds_for(self, left: Sequence[str], workers: int) -> float | None:
        known = all(self.costs.values())
        costs = {name: flop if flop and known else 1.0 for name, flop in self.costs.items()}
        took = {name: record.wall_seconds for name, record in self.records.items() if record.wall_seconds}
        if not took or not left:
            return None
        rate = sum(costs[name] for name in took) / sum(took.values())
        return sum(costs[name] for name in left) / rate / min(workers, len(left))


def _scores(record: RunRecord | DaptRecord | None) -> str:
    if not isinstance(record, RunRecord):
        return "done"
    names = {"validation": "dev", "test": "test"}
    f1 = {split: record.scores[split]["conlleval"].overall.f1 for split in names if split in record.scores}
    return "  ".join(f"{names[split]} F1 {100 * value:.2f}" for split, value in f1.items())


def checksums(options: GridOptions) -> Checksums:
    """Gives the SHA-256 of each file of a domain, reading it once."""

    @cache
    def of(name: str) -> dict[str, str]:
        files = domain_files(get_domain(name), options.files(), verify=options.verify)
        return {split: sha256_of(path) for split, path in files.items()}

    return of


class Planned(NamedTuple):
    """A run or checkpoint of a grid, how it stands in the folder, and its FLOP: at most, and all of it."""

    name: str
    state: str
    flop: float | None


def plan(grid: Grid, folder: str | Path, options: GridOptions = GridOptions()) -> list[Planned]:
    """What `run_grid` would do. Writes nothing into the folder, and loads no weights."""
    from crossner_hf.experiments.flop_estimate import Counter

    costs = Counter(options.files(), options.verify).costs(grid)
    place, sums = GridFolder(Path(folder).resolve(), grid), checksums(options)
    place.check(extend=options.extend)
    return [Planned(task.name, place.standing(task, sums).state, costs[task.name]) for task in place.tasks()]
