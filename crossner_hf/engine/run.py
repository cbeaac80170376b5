"""Runs tasks, those first that others need, and repeats a task whose process has died."""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from graphlib import CycleError, TopologicalSorter
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal, TypeAlias

from crossner_hf.engine.tasks import EngineTask, Outcome

if TYPE_CHECKING:
    from crossner_hf.engine.cluster import RayExecutor
    from crossner_hf.engine.local import LocalExecutor

    Executor: TypeAlias = LocalExecutor | RayExecutor

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 3  # in a row that end with the death of the process and save nothing new

ExecutorName = Literal["local", "ray"]
EXECUTORS: tuple[ExecutorName, ...] = ("local", "ray")


def run_tasks(
    tasks: Sequence[EngineTask],
    executor: ExecutorName = "local",
    *,
    workers: int | None = None,
    gpus: int = 0,
    report: Callable[[Outcome, int], None] | None = None,
) -> list[Outcome]:
    """Perform the tasks that are not done.

    A task that fails does not stop the others, except those that need it. A task whose process dies is repeated,
    on another machine if its own is lost; it fails after three attempts in a row that saved nothing new.

    Args:
        tasks: In the order in which they shall begin, as far as their needs allow.
        executor: 'local' for processes of this machine with one thread each; 'ray' for Ray Core, on the cluster that
            this machine belongs to (extra `cluster`). All machines of a cluster need the same folders and packages.
        workers: How many tasks run at once; by default one for each GPU, else one for each core. On a cluster this
            many at most.
        gpus: GPUs of this machine to share out, for 'local'.
        report: Gets the outcome of each task as it ends, and how many tasks run at once; by default it is logged.

    Returns:
        The outcomes, in the order of the tasks.

    Raises:
        ValueError: Names occur twice, needs are unknown or circular, or `workers` is less than 1.
        ImportError: Ray is asked for and not installed.
    """
    _check(tasks)
    check_executor(executor, workers)
    run = _Run(tasks, report or _log)
    if run.waiting:
        pool = open_executor(executor, workers, gpus)
        try:
            run.go(pool)
        finally:
            pool.close()
    return [run.outcomes[task.name] for task in tasks]


class _Run:
    """The state of one call: what waits, what runs, and the outcomes so far."""

    def __init__(self, tasks: Sequence[EngineTask], report: Callable[[Outcome, int], None]):
        self.report = report
        self.outcomes = {task.name: Outcome(task.name, "skipped") for task in tasks if task.is_done()}
        self.waiting = [task for task in tasks if task.name not in self.outcomes]
        self.running: dict[str, EngineTask] = {}
        self.saved: dict[str, int] = {}
        self.deaths = dict.fromkeys((task.name for task in tasks), 0)

    def go(self, pool: "Executor") -> None:
        while self.waiting or self.running:
            free = pool.workers - len(self.running)
            for task in list(self.waiting):
                if free <= 0:
                    break
                failed = [name for name in task.needs if name in self.outcomes and self.outcomes[name].reason]
                if failed:
                    self.waiting.remove(task)
                    self._end(Outcome(task.name, "failed", f"{failed[0]}, which it needs, failed"), pool)
                elif all(name in self.outcomes for name in task.needs):
                    free -= 1
                    self.waiting.remove(task)
                    self.running[task.name] = task
                    self.saved.setdefault(task.name, _progress(task))
                    pool.start(task)
            for outcome in pool.wait() if self.running else ():
                self._settle(self.running.pop(outcome.name), outcome, pool)

    def _settle(self, task: EngineTask, outcome: Outcome, pool: "Executor") -> None:
        """Record how an attempt at a task ended, or let the task wait again."""
        if outcome.state == "done" and not task.is_done():
            reason = f"it has ended, but {task.done} is not here; all machines need the same folders"
            self._end(Outcome(task.name, "failed", reason), pool)
        elif outcome.state != "died":
            self._end(outcome, pool)
        elif task.is_done():
            self._end(Outcome(task.name, "done"), pool)
        elif self._gives_up(task):
            reason = f"its process died {MAX_ATTEMPTS} times and saved nothing new; out of memory?"
            self._end(Outcome(task.name, "failed", f"{reason} {outcome.reason}".rstrip()), pool)
        else:
            self.waiting.insert(0, task)

    def _end(self, outcome: Outcome, pool: "Executor") -> None:
        self.outcomes[outcome.name] = outcome
        self.report(outcome, pool.workers)

    def _gives_up(self, task: EngineTask) -> bool:
        progress = _progress(task)
        self.deaths[task.name] = 0 if progress > self.saved[task.name] else self.deaths[task.name] + 1
        self.saved[task.name] = progress
        return self.deaths[task.name] >= MAX_ATTEMPTS


def _progress(task: EngineTask) -> int:
    return task.progress() if task.progress else 0


def _check(tasks: Sequence[EngineTask]) -> None:
    names = Counter(task.name for task in tasks)
    for task in tasks:
        if names[task.name] > 1:
            raise ValueError(f"{names[task.name]} tasks are called {task.name}")
        if unknown := [name for name in task.needs if name not in names]:
            raise ValueError(f"{task.name} needs {', '.join(unknown)}, which is no task")
    try:
        TopologicalSorter({task.name: task.needs for task in tasks}).prepare()
    except CycleError as error:
        raise ValueError(f"tasks need each other: {', '.join(error.args[1])}") from None


def check_executor(name: ExecutorName, workers: int | None) -> None:
    """Raise what `run_tasks` raises for an executor that cannot be opened."""
    if workers is not None and workers < 1:
        raise ValueError(f"workers must be at least 1, got {workers}")
    if name == "ray" and find_spec("ray") is None:
        raise ImportError("the executor 'ray' comes with the extra: pip install 'crossner-hf[cluster]'")


def open_executor(name: ExecutorName, workers: int | None, gpus: int) -> "Executor":
    """Start an executor, as `run_tasks` describes it."""
    if name == "ray":
        from crossner_hf.engine.cluster import RayExecutor

        return RayExecutor(workers)
    from crossner_hf.engine.local import LocalExecutor

    return LocalExecutor(workers, gpus)


def _log(outcome: Outcome, workers: int) -> None:
    logger.info("%s: %s %s", outcome.name, outcome.state, outcome.reason)
