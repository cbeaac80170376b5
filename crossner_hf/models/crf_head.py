"""A CRF over the words of sentences: loss on gold labels that need not be IOB2, decoding with confidences."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..tagger.iob2 import allowed_transitions, split_tag
from ..tagger.tokenize_and_align import IGNORED
from .crf import CRF
from .outputs import TaggerOutput, Words, mean_loss


class Decoded(NamedTuple):
    """Of the words of each row, gathered to the left.

    ids:       (batch, words) labels of the most probable sequence
    marginals: (batch, words, labels) probability of each label
    scores:    (batch, words) probability of the decoded label; on an entity's words, of the whole entity
    """

    ids: Tensor
    marginals: Tensor
    scores: Tensor


class CRFHead(nn.Module):
    """The last layer of a tagger: emissions of first pieces in, `TaggerOutput` out.

    constrained: sequences that are no IOB2 have probability 0. Gold labels are then read as conlleval reads them: an
    `I-` that continues nothing counts as `B-`.
    """

    def __init__(self, labels: Sequence[str], constrained: bool):
        super().__init__()
        self.crf = CRF(len(labels), allowed_transitions(labels) if constrained else None)
        self.constrained = constrained
        parts = [split_tag(label) for label in labels]
        lacking = [t for p, t in parts if p == "I" and ("B", t) not in parts]
        if constrained and lacking:
            raise ValueError(
                f"the labels have I-{lacking[0]} but no B-{lacking[0]}, so that no IOB2 sequence holds it; "
                "add it, or say constrained=False"
            )
        self.carried_on = [[new == ("I", old[1]) and old[0] != "O" for new in parts] for old in parts]
        self.opening = [
            parts.index(("B", t)) if p == "I" and ("B", t) in parts else i for i, (p, t) in enumerate(parts)
        ]

    def forward(
        self,
        emissions: Tensor,
        words: Words,
        labels: Tensor | None = None,
        num_items_in_batch: Tensor | int | None = None,
    ) -> TaggerOutput:
        """emissions: (batch, time, labels); labels: (batch, time), -100 where nothing is scored"""
        loss = None if labels is None else self.loss(emissions, labels, num_items_in_batch)
        if self.training:
            return TaggerOutput(loss=loss, logits=emissions)
        decoded = self.decode(words.gather(emissions), words.mask)
        nothing = emissions.new_zeros(emissions.shape[:2], dtype=torch.float)
        return TaggerOutput(
            loss=loss,
            logits=words.scatter(decoded_logits(decoded.marginals, decoded.ids), emissions.float()),
            predicted_ids=words.scatter(decoded.ids, nothing.long()),
            scores=words.scatter(decoded.scores, nothing),
        )

    def loss(self, emissions: Tensor, labels: Tensor, num_items_in_batch: Tensor | int | None) -> Tensor:
        """Negative log-likelihood, summed, by the contract of `TaggerOutput.loss`."""
        words = Words.at(labels != IGNORED)
        tags = words.gather(labels)
        if self.constrained:
            tags = self._as_iob2(tags, words.mask)
        total = -self.crf.log_likelihood(words.gather(emissions), tags, words.mask).sum()
        return mean_loss(total, words.mask.sum(), num_items_in_batch)

    def decode(self, emissions: Tensor, mask: Tensor) -> Decoded:
        """emissions: (batch, words, labels); mask: (batch, words) bool, a prefix of every row"""
        ids = self.crf.viterbi(emissions, mask)
        continues = torch.tensor(self.carried_on, device=emissions.device)
        scores = self.crf.segment_probabilities(emissions, ids, mask, continues)
        return Decoded(ids, self.crf.marginals(emissions, mask), scores)

    def _as_iob2(self, tags: Tensor, mask: Tensor) -> Tensor:
        """An `I-` whose word before is not of its entity becomes `B-`."""
        tags = tags.where(mask, 0)
        continues = torch.tensor(self.carried_on, device=tags.device)
        goes_on = torch.zeros_like(mask)
        goes_on[:, 1:] = continues[tags[:, :-1], tags[:, 1:]]
        return torch.where(goes_on, tags, torch.tensor(self.opening, device=tags.device)[tags])


def decoded_logits(marginals: Tensor, ids: Tensor) -> Tensor:
    """Log-probabilities (batch, words, labels) whose argmax is the decoded label, for callers that ask for no more.

    Where another label is more probable by itself than the one in the best sequence, the latter is raised just above.
    """
    logits = marginals.float().clamp_min(torch.finfo(torch.float32).tiny).log()
    best = logits.amax(-1, keepdim=True)
    above = best + 4 * torch.finfo(torch.float32).eps * best.abs().clamp_min(1)
    return logits.scatter(-1, ids.unsqueeze(-1), above)
