"""A masked-LM head that runs on the masked positions alone: no logits of a vocabulary's size for all the others."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from crossner_hf.encoding import IGNORED

logger = logging.getLogger(__name__)


class MaskedHead:
    """Lets the head of any encoder see only chosen positions, by a hook on the encoder's output.

    Heads work on each position by itself, so what they give there is the same. `sparse` says whether that was found to
    hold for this model on a trial batch; if not, the head runs everywhere and only the loss is taken where it counts.
    """

    def __init__(self, model, *, sparse: bool = True):
        self._positions: Tensor | None = None
        self._hook = model.base_model.register_forward_hook(self._gather) if model.base_model is not model else None
        self.sparse = sparse and self._hook is not None and self._agrees(model)
        if not self.sparse:
            self.remove()
            logger.warning("%s: the head runs on every position, which takes longer", type(model).__name__)

    def remove(self) -> None:
        if self._hook is not None:
            self._hook.remove()

    @contextmanager
    def only_at(self, positions: Tensor) -> Iterator[None]:
        """Within, the model's logits are (1, number of True, vocabulary). positions: (batch, time) bool"""
        self._positions = positions.flatten().nonzero().squeeze(1) if self.sparse else None
        try:
            yield
        finally:
            self._positions = None

    def _gather(self, module, args, output):
        if self._positions is None:
            return None
        hidden = output[0]
        gathered = hidden.flatten(0, 1).index_select(0, self._positions).unsqueeze(0)
        if isinstance(output, tuple):
            return (gathered, *output[1:])
        output.last_hidden_state = gathered
        return output

    def _agrees(self, model) -> bool:
        """Whether the head gives the same at chosen positions when it sees nothing else."""
        device = next(model.parameters()).device
        ids = torch.arange(5, 21, device=device).remainder(model.config.vocab_size).view(2, 8)
        chosen = torch.arange(16, device=device).view(2, 8) % 3 == 0
        training = model.training
        model.eval()
        self.sparse = True
        try:
            with torch.no_grad():
                full = model(input_ids=ids).logits[chosen]
                with self.only_at(chosen):
                    alone = model(input_ids=ids).logits
            return alone.shape == (1, *full.shape) and torch.allclose(alone[0], full, rtol=1e-3, atol=1e-4)
        except (RuntimeError, IndexError, TypeError, AttributeError, ValueError):
            return False
        finally:
            model.train(training)


def masked_targets(logits: Tensor, labels: Tensor) -> Tensor:
    """The labels that belong to `logits`: all, or where the head saw the masked positions alone just theirs."""
    if logits.shape[:2] == labels.shape:
        return labels
    return labels[labels != IGNORED].unsqueeze(0)
