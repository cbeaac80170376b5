"""A fine-tuning run and one gradient of it, laid out over processes and micro-batches; what it saw goes to a file.

Run by tests as `python ddp_program.py ENCODER DOMAIN FOLDER PER_DEVICE ACCUMULATION [JSON]`, alone or under
torchrun. The JSON holds further arguments of the run; `--several JSON` takes a list of such argument lists.
"""

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import TrainerCallback

from crossner_hf.finetuning.arguments import FineTuningArguments
from crossner_hf.finetuning.fine_tune import fine_tune


class FirstGradient(TrainerCallback):
    """Keeps the gradient of the first optimizer step."""

    found: dict[str, torch.Tensor] | None = None

    def on_pre_optimizer_step(self, args, state, control, model=None, **kwargs):
        if self.found is None:
            self.found = {name: p.grad.clone() for name, p in model.named_parameters()}


def main(encoder: str, domain: str, folder: str, per_device: str, accumulation: str, further: str = "{}") -> None:
    gradient = FirstGradient()
    args = FineTuningArguments(
        output_dir=folder,
        per_device_train_batch_size=int(per_device),
        gradient_accumulation_steps=int(accumulation),
        num_train_epochs=2,
        learning_rate=1e-3,
        optim="sgd",
        use_cpu=True,
        logging_strategy="steps",
        logging_steps=1,
        disable_tqdm=True,
        **json.loads(further),
    )
    history: list = []

    class Losses(TrainerCallback):
        def on_train_end(self, args, state, control, **kwargs):
            history.extend(state.log_history)

    record = fine_tune(domain, encoder, args, callbacks=[gradient, Losses()])
    rank = torch.distributed.get_rank() if torch.distributed.is_initialized() else 0
    saw = {
        "world_size": torch.distributed.get_world_size() if torch.distributed.is_initialized() else 1,
        "losses": [entry["loss"] for entry in history if "loss" in entry],
        "eval_losses": [entry["eval_loss"] for entry in history if "eval_loss" in entry],
        "record": record.model_dump(mode="json", exclude_unset=True),
    }
    Path(f"{folder}.{rank}.json").write_text(json.dumps(saw), encoding="utf-8")
    save_file(gradient.found, f"{folder}.{rank}.safetensors")


if __name__ == "__main__":
    for run in json.loads(sys.argv[2]) if sys.argv[1] == "--several" else [sys.argv[1:]]:
        main(*run)
