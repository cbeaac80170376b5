"""Input and output that all taggers share: words gathered from their first tokens and scattered back."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from transformers.utils import ModelOutput

from ..tagger.tokenize_and_align import IGNORED


@dataclass
class TaggerOutput(ModelOutput):
    """Output of a tagger.

    Args:
        loss: Sum over the labelled words, divided by `num_items_in_batch` if given, else by their number.
        logits: (batch, time, labels); in evaluation their softmax is the probability of each label of a word, and
            their argmax its predicted label.
        predicted_ids: (batch, time) label ids, in evaluation; any value where no word begins.
        scores: (batch, time) confidence in the predicted label; on the words of an entity, in the whole entity.
    """

    loss: Tensor | None = None
    logits: Tensor | None = None
    predicted_ids: Tensor | None = None
    scores: Tensor | None = None


class Words(NamedTuple):
    """Where the words of each row begin, gathered to the left.

    Args:
        positions: (batch, words) positions in the row; beyond a row's last word, positions where no word begins.
        mask: (batch, words) bool, True on real words; a prefix of every row.
    """

    positions: Tensor
    mask: Tensor

    @classmethod
    def at(cls, word_mask: Tensor) -> "Words":
        """Find the words from a mask (batch, time) bool, True on the first token of each word."""
        counts = word_mask.sum(1)
        width = max(1, int(counts.max())) if len(counts) else 1
        positions = (~word_mask).long().argsort(dim=1, stable=True)[:, :width]
        return cls(positions, torch.arange(width, device=counts.device) < counts.unsqueeze(1))

    def gather(self, values: Tensor) -> Tensor:
        """Turn (batch, time, …) into (batch, words, …)."""
        return values.gather(1, self._index(values))

    def scatter(self, values: Tensor, into: Tensor) -> Tensor:
        """Turn (batch, words, …) into (batch, time, …), with the values of `into` where no word begins."""
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
    """Find words by `word_mask`, else where `labels` are not -100, else at attended tokens that can begin a word.

    The last way is for callers that know no words, such as the stock pipeline. It is inexact: a token that can begin a
    word, such as a hyphen, may stand in the middle of one.

    Args:
        input_ids: (batch, time).
        attention_mask: (batch, time).
        word_mask: (batch, time) bool, True on the first token of each word.
        labels: (batch, time) label ids.
        begins_word: (vocabulary,) bool, tokens that can begin a word; None if all can.
    """
    if word_mask is None and labels is not None:
        word_mask = labels != IGNORED
    if word_mask is None:
        word_mask = torch.ones_like(input_ids, dtype=torch.bool) if attention_mask is None else attention_mask.bool()
        if begins_word is not None:
            word_mask = word_mask & begins_word[input_ids]
    return Words.at(word_mask.bool())


def domain_counts(labels: Tensor, domain_ids: Tensor | None) -> Tensor:
    """Count what the losses of each domain are divided by.

    Args:
        labels: (batch, time), -100 where nothing is labelled.
        domain_ids: (batch,) 0 for the target, 1 for the source; None: all of the target.

    Returns:
        (3, 2): rows, rows with a label, labelled words; of the target and of the source.
    """
    words = (labels != IGNORED).sum(1)
    rows = torch.stack([torch.ones_like(words), (words > 0).long(), words])
    domains = torch.zeros_like(words) if domain_ids is None else domain_ids
    return rows.new_zeros(3, 2).index_add(1, domains, rows)


def mean_loss(total: Tensor, number: Tensor | int, num_items_in_batch: Tensor | int | None) -> Tensor:
    """Divide `total` by `num_items_in_batch` if given, else by `number` (at least 1), as all losses here."""
    count = number if num_items_in_batch is None else num_items_in_batch
    return total / torch.as_tensor(count, device=total.device).clamp(min=1)
