"""What every tagger of the package takes and gives: words gathered from their first pieces, scattered back."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from transformers.utils import ModelOutput

from ..tagger.tokenize_and_align import IGNORED


@dataclass
class TaggerOutput(ModelOutput):
    """What a tagger gives.

    loss:          summed over the labelled words, over `num_items_in_batch` if given, else over their number
    logits:        (batch, time, labels); in evaluation their softmax is the probability of each label of a word, and
                   their argmax its predicted label
    predicted_ids: (batch, time) label ids, in evaluation; any value where no word begins
    scores:        (batch, time) confidence in the predicted label; on the words of an entity, in the whole entity
    """

    loss: Tensor | None = None
    logits: Tensor | None = None
    predicted_ids: Tensor | None = None
    scores: Tensor | None = None


class Words(NamedTuple):
    """Where the words of each row begin, gathered to the left.

    positions: (batch, words) positions in the row; beyond a row's last word, positions where none begins
    mask:      (batch, words) bool, True on real words; a prefix of every row
    """

    positions: Tensor
    mask: Tensor

    @classmethod
    def at(cls, word_mask: Tensor) -> "Words":
        """word_mask: (batch, time) bool, True on the first piece of each word"""
        counts = word_mask.sum(1)
        width = max(1, int(counts.max())) if len(counts) else 1
        positions = (~word_mask).long().argsort(dim=1, stable=True)[:, :width]
        return cls(positions, torch.arange(width, device=counts.device) < counts.unsqueeze(1))

    def gather(self, values: Tensor) -> Tensor:
        """(batch, time, …) to (batch, words, …)"""
        return values.gather(1, self._index(values))

    def scatter(self, values: Tensor, into: Tensor) -> Tensor:
        """(batch, words, …) to (batch, time, …); where no word begins `into` shows."""
        index = self._index(into)
        mask = self.mask.view(*self.mask.shape, *[1] * (into.dim() - 2))
        return into.scatter(1, index, torch.where(mask, values.to(into.dtype), into.gather(1, index)))

    def _index(self, values: Tensor) -> Tensor:
        index = self.positions.view(*self.positions.shape, *[1] * (values.dim() - 2))
        return index.expand(*self.positions.shape, *values.shape[2:])


def find_words(
    input_ids: Tensor,
    attention_mask: Tensor | None,
    word_mask: Tensor | None,
    labels: Tensor | None,
    begins_word: Tensor | None = None,
) -> Words:
    """The words by `word_mask`; else where `labels` are not -100; else at all attended pieces that can begin a word.

    begins_word: (vocabulary,) bool; None: all can. The last way is for callers that know no words, such as the stock
    pipeline, and inexact: a piece may stand in the middle of a word though it can begin one, as a hyphen's does.
    """
    if word_mask is None and labels is not None:
        word_mask = labels != IGNORED
    if word_mask is None:
        word_mask = torch.ones_like(input_ids, dtype=torch.bool) if attention_mask is None else attention_mask.bool()
        if begins_word is not None:
            word_mask = word_mask & begins_word[input_ids]
    return Words.at(word_mask.bool())


def mean_loss(total: Tensor, number: Tensor | int, num_items_in_batch: Tensor | int | None) -> Tensor:
    """The loss of the contract: `total` over `num_items_in_batch` if given, else over `number` (at least 1)."""
    count = number if num_items_in_batch is None else num_items_in_batch
    return total / torch.as_tensor(count, device=total.device).clamp(min=1)
