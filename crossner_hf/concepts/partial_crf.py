"""Training on sentences of which only some words have a label: a partial CRF and the expected entity ratio.

Source: Tsuboi et al. (2008) for the likelihood; Effland and Collins (2021, "Partially Supervised Named Entity
Recognition via the Expected Entity Ratio Loss") for the ratio.
"""

from typing import Any

import torch
from torch import Tensor

from crossner_hf.models.crf import CRF
from crossner_hf.models.crf_forward_backward import LogTotal, Scores, no_autocast
from crossner_hf.models.crf_head import CRFHead
from crossner_hf.models.outputs import Words, mean_loss
from crossner_hf.tagger.tokenize_and_align import IGNORED

LATENT = -1  # label of a word that may have any
RATIO_WEIGHT = 10.0  # of the second term; Effland and Collins, section 5.1
STEP = 1e-4  # of the difference that is the expected number: its error is of the order of STEP squared


def log_likelihood_of_sets(crf: CRF, emissions: Tensor, allowed: Tensor, mask: Tensor) -> Tensor:
    """Compute the log-probability that every word has one of its allowed tags.

    Args:
        crf: The CRF.
        emissions: (batch, time, tags).
        allowed: (batch, time, tags) bool; any value where `mask` is False.
        mask: (batch, time) bool, a prefix of every row.

    Returns:
        Log-probabilities, (batch,) float64 where the device has it; 0 for a row without words.
    """
    with no_autocast(emissions):
        scores = crf.scores(emissions, mask)
        inside = scores.emissions.masked_fill(mask.unsqueeze(-1) & ~allowed, -torch.inf)
        return _log_total(scores._replace(emissions=inside)) - _log_total(scores)


def expected_number(crf: CRF, emissions: Tensor, tags: Tensor, mask: Tensor) -> Tensor:
    """Compute the expected number of words whose tag is among `tags` (tags,) bool, (batch,), with its gradient.

    It is the derivative of the log-total by a score that is added to these tags, taken as a central difference.
    """
    with no_autocast(emissions):
        scores = crf.scores(emissions, mask)
        step = STEP * tags * mask.unsqueeze(-1)
        more, less = (_log_total(scores._replace(emissions=scores.emissions + sign * step)) for sign in (1, -1))
        return (more - less) / (2 * STEP)


def _log_total(scores: Scores) -> Tensor:
    total: Tensor = LogTotal.apply(*scores)  # type: ignore[no-untyped-call]
    return total


class PartialLoss:
    """The loss of a CRF tagger on words with a label or `LATENT`, as `Trainer(compute_loss_func=…)` wants it.

    A latent word right after an entity does not continue it. The second term is RATIO_WEIGHT times the distance of the
    expected share of words in entities from `ratio`, as far as it is more than `margin`; without it, words that are
    never labelled `O` would all become entities.

    Args:
        head: The tagger's CRF.
        ratio: Share of words that are in entities.
        margin: Distance from it that costs nothing.
    """

    def __init__(self, head: CRFHead, ratio: float, margin: float):
        self.head, self.ratio, self.margin = head, ratio, margin

    def __call__(self, outputs: Any, labels: Tensor, num_items_in_batch: Tensor | int | None = None) -> Tensor:
        """Compute the loss from `outputs` with logits (batch, time, labels) and `labels` (batch, time)."""
        words = Words.at(labels != IGNORED)
        emissions, tags = words.gather(outputs["logits"]), words.gather(labels)
        allowed = self.allowed(tags, emissions.shape[-1])
        total = -log_likelihood_of_sets(self.head.crf, emissions, allowed, words.mask).sum()
        number = words.mask.sum().clamp_min(1)
        in_entity = torch.arange(emissions.shape[-1], device=tags.device) > 0
        share = expected_number(self.head.crf, emissions, in_entity, words.mask).sum() / number
        distance = ((share - self.ratio).abs() - self.margin).clamp_min(0)
        return mean_loss(total + RATIO_WEIGHT * number * distance, number, num_items_in_batch)

    def allowed(self, tags: Tensor, num_tags: int) -> Tensor:
        """Return the tags that each word may have, (batch, words, tags) bool."""
        latent, own = tags == LATENT, tags.clamp_min(0)
        allowed = latent.unsqueeze(-1) | (own.unsqueeze(-1) == torch.arange(num_tags, device=tags.device))
        after_entity = latent[:, 1:] & ~latent[:, :-1]
        continues = torch.tensor(self.head.continues, device=tags.device)[own[:, :-1]]
        allowed[:, 1:] &= ~(after_entity.unsqueeze(-1) & continues)
        return allowed
