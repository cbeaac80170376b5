"""Tasks on a Ray cluster: each may run on any machine, and is repeated on another one if its own is lost."""

import os
import signal
from contextlib import suppress
from typing import Any

from crossner_hf.engine.tasks import EngineTask, Outcome, perform
from crossner_hf.results.environment import COMMAND, command_line


class RayExecutor:
    """The cluster that this machine belongs to; one of this machine alone where there is none.

    A task takes one core and, if the cluster has GPUs, one GPU. Ray itself repeats nothing: `run_tasks` does, which
    knows whether a task has saved something since its last death.
    """

    def __init__(self, workers: int | None):
        import ray

        self._ray, self._most = ray, workers
        self._is_ours = not ray.is_initialized()
        if self._is_ours:
            on_sigterm = signal.getsignal(signal.SIGTERM)
            ray.init(logging_level="WARNING")
            with suppress(ValueError):  # not in the main thread
                signal.signal(signal.SIGTERM, on_sigterm)  # Ray sets one of its own
        self._has_gpus = bool(ray.cluster_resources().get("GPU"))
        remote = ray.remote(num_cpus=1, num_gpus=int(self._has_gpus), max_retries=0)
        self._perform = remote(_perform_there)
        self._running: dict[Any, str] = {}

    @property
    def workers(self) -> int:
        """How many tasks can run at once, now."""
        there = int(self._ray.cluster_resources().get("GPU" if self._has_gpus else "CPU", 0))
        return max(1, min(there, self._most or there))

    def start(self, task: EngineTask) -> None:
        reference = self._perform.options(name=task.name).remote(task, command_line(), os.getcwd())
        self._running[reference] = task.name

    def wait(self) -> list[Outcome]:
        """Return the outcomes of tasks that have ended, at least one."""
        (reference,), _ = self._ray.wait(list(self._running))
        name = self._running.pop(reference)
        try:
            return [self._ray.get(reference)]
        except self._ray.exceptions.RayTaskError as error:  # a module of the task is not installed there
            return [Outcome(name, "failed", str(error).strip().splitlines()[-1], str(error))]
        except self._ray.exceptions.RayError as error:  # its process or machine is gone
            return [Outcome(name, "died", f"({type(error).__name__})")]

    def close(self) -> None:
        for reference in self._running:
            self._ray.cancel(reference, force=True)
        if self._is_ours:
            self._ray.shutdown()


def _perform_there(task: EngineTask, command: str, folder: str) -> Outcome:
    """Perform a task under the driver's command, which records name, and in its working directory."""
    os.environ[COMMAND] = command
    with suppress(OSError):  # a machine without that directory; then only absolute paths are found
        os.chdir(folder)
    return perform(task)
