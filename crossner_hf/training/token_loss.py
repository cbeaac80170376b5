"""The loss of stock models, right under accumulation and in several processes."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from crossner_hf.tagger.tokenize_and_align import IGNORED


def token_loss(
    outputs: Any, labels: Tensor, num_items_in_batch: Tensor | int | None = None, label_smoothing: float = 0.0
) -> Tensor:
    """Compute the cross-entropy of the labelled tokens, as `Trainer(compute_loss_func=…)` wants it.

    The stock models' own loss is multiplied under accumulation (transformers 5.23, issue 47688 there).

    Args:
        outputs: A model's outputs, with logits (batch, time, classes).
        labels: Class ids, (batch, time); -100 where nothing is scored.
        num_items_in_batch: What the sum is divided by: Trainer counts it over micro-batches and processes, so that
            both give the gradient of one large batch. Without it, the number of labelled tokens.
        label_smoothing: Share of the target probability that all classes share.

    Returns:
        The loss, a scalar.
    """
    logits = outputs["logits"] if isinstance(outputs, dict) else outputs[0]
    total = cross_entropy(
        logits.float().flatten(0, 1),
        labels.flatten(),
        ignore_index=IGNORED,
        reduction="sum",
        label_smoothing=label_smoothing,
    )
    count = num_items_in_batch if num_items_in_batch is not None else (labels != IGNORED).sum()
    return total / torch.as_tensor(count, device=total.device).clamp(min=1)
