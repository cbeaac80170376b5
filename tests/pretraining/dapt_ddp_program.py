"""A DAPT run and one gradient of it, laid out over processes and micro-batches; what it saw goes to a file.

Run by tests as `python dapt_layouts.py ENCODER CORPUS FOLDER PER_DEVICE ACCUMULATION`, alone or under torchrun.
"""

import json
import sys
from pathlib import Path

import torch
from ddp_program import FirstGradient
from safetensors.torch import save_file
from transformers import TrainerCallback

from crossner_hf.corpora.corpus import Corpus
from crossner_hf.pretraining.arguments import DaptArguments
from crossner_hf.pretraining.dapt import dapt


class Batches(TrainerCallback):
    """Keeps the losses of the log."""

    def __init__(self):
        self.losses = []

    def on_log(self, args, state, control, logs=None, **kwargs):
        self.losses += [logs["loss"]] if "loss" in logs else []


def main(encoder: str, corpus: str, folder: str, per_device: str, accumulation: str) -> None:
    gradient, log = FirstGradient(), Batches()
    args = DaptArguments(
        output_dir=folder,
        block_size=16,
        held_out=20,
        per_device_train_batch_size=int(per_device),
        per_device_eval_batch_size=3,
        gradient_accumulation_steps=int(accumulation),
        num_train_epochs=1,
        max_steps=4,
        learning_rate=1e-2,
        optim="sgd",
        use_cpu=True,
        logging_steps=1,
        disable_tqdm=True,
    )
    record = dapt(Corpus((corpus,)), encoder, args, callbacks=[gradient, log])
    rank = torch.distributed.get_rank() if torch.distributed.is_initialized() else 0
    saw = {
        "world_size": torch.distributed.get_world_size() if torch.distributed.is_initialized() else 1,
        "losses": log.losses,
        "record": record.model_dump(mode="json", exclude_unset=True),
    }
    Path(f"{folder}.{rank}.json").write_text(json.dumps(saw), encoding="utf-8")
    save_file(gradient.found, f"{folder}.{rank}.safetensors")


if __name__ == "__main__":
    main(*sys.argv[1:])
