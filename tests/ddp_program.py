"""Training runs in one process or several: their losses and records go to JSON files, their first gradients beside.

Run by tests as `torchrun ddp_program.py RUNS.json`; the file holds the keyword arguments of `main` for each run.
"""

import json
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from transformers import TrainerCallback

from crossner_hf.corpora.corpus import Corpus
from crossner_hf.finetuning.arguments import FineTuningArguments
from crossner_hf.finetuning.fine_tune import fine_tune
from crossner_hf.pretraining.arguments import DaptArguments
from crossner_hf.pretraining.dapt import dapt


class Watch(TrainerCallback):
    """Keeps the gradient of the first optimizer step and the losses of the log."""

    def __init__(self):
        self.gradient: dict[str, torch.Tensor] = {}
        self.losses: list[float] = []
        self.eval_losses: list[float] = []

    def on_pre_optimizer_step(self, args, state, control, model=None, **kwargs):
        if not self.gradient:
            names = {name.removeprefix("module."): p for name, p in model.named_parameters()}
            self.gradient = {name: p.grad.to_dense().clone() for name, p in names.items()}

    def on_log(self, args, state, control, logs=None, **kwargs):
        self.losses += [logs["loss"]] if "loss" in logs else []
        self.eval_losses += [logs["eval_loss"]] if "eval_loss" in logs else []


def main(kind: str, model: str, data: str, folder: str, arguments: dict[str, Any]) -> None:
    """Train with SGD; kind is 'fine_tune' (data: a domain) or 'dapt' (data: a text file)."""
    watch = Watch()
    shared = {"output_dir": folder, "optim": "sgd", "use_cpu": True, "logging_steps": 1, "disable_tqdm": True}
    if kind == "dapt":
        record = dapt(Corpus((data,)), model, DaptArguments(**shared, **arguments), callbacks=[watch])
    else:
        args = FineTuningArguments(**shared, logging_strategy="steps", **arguments)
        record = fine_tune(data, model, args, callbacks=[watch])
    distributed = torch.distributed.is_initialized()
    rank = torch.distributed.get_rank() if distributed else 0
    seen = {
        "world_size": torch.distributed.get_world_size() if distributed else 1,
        "losses": watch.losses,
        "eval_losses": watch.eval_losses,
        "record": record.model_dump(mode="json", exclude_unset=True),
    }
    Path(f"{folder}.{rank}.json").write_text(json.dumps(seen), encoding="utf-8")
    save_file(watch.gradient, f"{folder}.{rank}.safetensors")


if __name__ == "__main__":
    for run in json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")):
        main(**run)
