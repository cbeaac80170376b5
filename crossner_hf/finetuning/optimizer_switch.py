"""RMSprop that gives way to SGD once dev is good enough (Jia et al., 2019, unsupervised adaptation)."""

from collections.abc import Callable
from typing import Any

import torch
from torch.optim import RMSprop
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments


class RMSpropThenSGD(RMSprop):
    """RMSprop, or SGD once the parameter groups say `sgd`. Checkpoints hold the groups, so a resumed run knows it."""

    def __init__(self, params: Any, **options: Any):
        super().__init__(params, **options)
        self.defaults["sgd"] = False
        for group in self.param_groups:
            group["sgd"] = False

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Update all parameters."""
        if not self.param_groups[0]["sgd"]:
            loss: float | None = super().step(closure)
            return loss
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    gradient = parameter.grad.add(parameter, alpha=group["weight_decay"])
                    parameter.add_(gradient, alpha=-group["lr"])
        return None


class SwitchToSGD(TrainerCallback):
    """Switches an `RMSpropThenSGD` after the first dev score above a threshold.

    Args:
        above: F1 in percent.
        learning_rate: SGD's learning rate, which the schedule then starts from.
    """

    def __init__(self, above: float, learning_rate: float):
        self.above, self.learning_rate = above, learning_rate

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Look at the score."""
        optimizer, scheduler = kwargs["optimizer"], kwargs["lr_scheduler"]
        if 100 * kwargs["metrics"]["eval_conlleval_f1"] <= self.above or optimizer.param_groups[0]["sgd"]:
            return
        for group in optimizer.param_groups:
            group.update(sgd=True, lr=self.learning_rate, initial_lr=self.learning_rate)
        scheduler.base_lrs = [self.learning_rate] * len(optimizer.param_groups)
