"""The Trainer that both kinds of training build on: checkpoints with a manifest, workers that end with it."""

import ctypes
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch.utils.data import DataLoader
from transformers import Trainer

from crossner_hf.training import run_folder
from crossner_hf.training.manifest import write_manifest

SET_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of Linux's prctl


class ResumableTrainer(Trainer):
    """`Trainer` that writes a manifest into each checkpoint, then removes the oldest ones, by step."""

    def _save_checkpoint(self, *args: Any, **kwargs: Any) -> None:
        folder, limit = Path(self.args.output_dir), self.args.save_total_limit
        checkpoint = folder / f"checkpoint-{self.state.global_step}"
        self.args.save_total_limit = None  # the stock way removes older ones before this one is whole
        try:
            with run_folder.writing(checkpoint, "a checkpoint"):
                super()._save_checkpoint(*args, **kwargs)
                self.accelerator.wait_for_everyone()
                if self.args.should_save:
                    write_manifest(checkpoint)
        finally:
            self.args.save_total_limit = limit
        if self.args.should_save:
            run_folder.remove_oldest(folder, limit, self.state.best_global_step)

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Return the stock loader, whose workers end with this process."""
        return _with_ending_workers(super().get_train_dataloader())

    def get_eval_dataloader(self, eval_dataset: Any = None) -> DataLoader[Any]:
        """Return the stock loader, whose workers end with this process."""
        return _with_ending_workers(super().get_eval_dataloader(eval_dataset))


class _EndWithParent:
    """The first call of a worker. Without it, a worker whose queue is full outlives a parent that is killed."""

    def __init__(self, then: Callable[[int], None] | None):
        self.then = then

    def __call__(self, worker: int) -> None:
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
        if self.then is not None:
            self.then(worker)


def _with_ending_workers(loader: DataLoader[Any]) -> DataLoader[Any]:
    stock = getattr(loader, "base_dataloader", loader)  # accelerate wraps it
    if not isinstance(stock.worker_init_fn, _EndWithParent):
        stock.worker_init_fn = _EndWithParent(stock.worker_init_fn)
    return loader
