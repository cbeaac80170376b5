"""Tasks in processes of this machine, with one thread each."""

import os
import signal
import sys
import threading
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from multiprocessing.connection import Connection

from crossner_hf.engine.tasks import EngineTask, Outcome, in_one_sentence, perform

THREADS = "OMP_NUM_THREADS"  # a value that the user has set stays


class LocalExecutor:
    """One pool of a single process for each worker, so that a process that dies takes only its own task with it."""

    def __init__(self, workers: int | None, gpus: int):
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        self._devices = (visible.split(",") if visible else list(map(str, range(gpus))))[:gpus]
        self.workers = workers or gpus or usable_cores()
        self._context = get_context("spawn")  # a fork would copy the state of torch and of its threads
        self._alive, self._driver = self._context.Pipe(duplex=False)  # closed when the driver ends, however it ends
        self._free = list(range(self.workers))
        self._pools: dict[int, ProcessPoolExecutor] = {}
        self._running: dict[Future[Outcome], tuple[str, int]] = {}

    def start(self, task: EngineTask) -> None:
        slot = self._free.pop(0)
        try:
            future = self._pool(slot).submit(perform, task)
        except BrokenProcessPool:  # its process died while it had nothing to do
            del self._pools[slot]
            future = self._pool(slot).submit(perform, task)
        self._running[future] = task.name, slot

    def _pool(self, slot: int) -> ProcessPoolExecutor:
        if slot not in self._pools:
            device = self._devices[slot % len(self._devices)] if self._devices else None
            self._pools[slot] = ProcessPoolExecutor(
                1, mp_context=self._context, initializer=_begin_worker, initargs=(self._alive, device)
            )
        return self._pools[slot]

    def wait(self) -> list[Outcome]:
        """Return the outcomes of tasks that have ended, at least one."""
        ended, _ = wait(self._running, return_when=FIRST_COMPLETED)
        return [self._outcome(future) for future in ended]

    def _outcome(self, future: Future[Outcome]) -> Outcome:
        name, slot = self._running.pop(future)
        self._free.insert(0, slot)
        try:
            return future.result()
        except BrokenProcessPool:
            self._pools.pop(slot).shutdown(wait=False)
            return Outcome(name, "died")
        except Exception as error:  # the task cannot be pickled
            return Outcome(name, "failed", in_one_sentence(error))

    def close(self) -> None:
        if self._running:
            self._driver.close()  # the workers end in the middle of their tasks
        for pool in self._pools.values():
            pool.shutdown()
        self._driver.close()
        self._alive.close()


def _begin_worker(alive: Connection, device: str | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the driver too, which then ends its workers
    if device is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = device
    threads = os.environ.setdefault(THREADS, "1")
    if "torch" in sys.modules and threads.isdecimal():  # the user's own program imports it
        sys.modules["torch"].set_num_threads(int(threads))
    threading.Thread(target=_end_with_driver, args=(alive,), daemon=True).start()


def _end_with_driver(alive: Connection) -> None:
    alive.poll(None)
    os._exit(1)


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
