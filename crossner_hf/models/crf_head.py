"""A CRF over the words of sentences: loss on gold labels that need not be IOB2, decoding with confidences."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..tagger.iob2 import allowed_transitions, split_tag
from ..tagger.tokenize_and_align import IGNORED
from .crf import CRF
from .outputs import TaggerOutput, Words, mean_loss

# Score of a mention that begins where another one ends. Average dev F1 of the five domains without training: 57.7 at 0,
# 60.6 at -2, 60.9 at -3, 61.0 at -4, 61.1 at -6 and at -100.
SIDE_BY_SIDE = -4.0


class Decoded(NamedTuple):
    """Decoded words of each row, gathered to the left.

    Args:
        ids: (batch, words) labels of the most probable sequence.
        marginals: (batch, words, labels) probability of each label.
        scores: (batch, words) probability of the decoded label; on the words of an entity, of the whole entity.
    """

    ids: Tensor
    marginals: Tensor
    scores: Tensor


class CRFHead(nn.Module):
    """The last layer of a tagger: from emissions at first tokens to a `TaggerOutput`.

    If `constrained`, sequences that are not IOB2 have probability 0, and gold labels are read as conlleval reads them:
    an `I-` that continues no entity counts as `B-`.
    """

    def __init__(self, labels: Sequence[str], constrained: bool):
        super().__init__()
        self.crf = CRF(len(labels), allowed_transitions(labels) if constrained else None)
        self.constrained = constrained
        parts = [split_tag(label) for label in labels]
        missing = [t for p, t in parts if p == "I" and ("B", t) not in parts]
        if constrained and missing:
            raise ValueError(
                f"the labels have I-{missing[0]} but no B-{missing[0]}, so no IOB2 sequence contains it; "
                "add it, or set constrained=False"
            )
        self.prefixes = [prefix for prefix, _ in parts]
        self.continues = [[new == ("I", old[1]) and old[0] != "O" for new in parts] for old in parts]
        self.as_opening = [
            parts.index(("B", t)) if p == "I" and ("B", t) in parts else i for i, (p, t) in enumerate(parts)
        ]

    def keep_mentions_apart(self) -> None:
        """Set the transitions to what holds for text of any domain: a mention seldom begins where another one ends.

        All others become 0: the emissions and IOB2's rules decide.
        """
        inside = torch.tensor([prefix != "O" for prefix in self.prefixes])
        opens = torch.tensor([prefix == "B" for prefix in self.prefixes])
        with torch.no_grad():
            for parameter in self.crf.parameters():
                parameter.zero_()
            self.crf.transitions[inside.unsqueeze(1) & opens] = SIDE_BY_SIDE

    def forward(
        self,
        emissions: Tensor,
        words: Words,
        labels: Tensor | None = None,
        num_items_in_batch: Tensor | int | None = None,
    ) -> TaggerOutput:
        """Compute the loss from `emissions` (batch, time, labels) and `labels` (batch, time); decode in evaluation."""
        loss = None if labels is None else self.loss(emissions, labels, num_items_in_batch)
        if self.training:
            return TaggerOutput(loss=loss, logits=emissions)
        decoded = self.decode(words.gather(emissions), words.mask)
        zeros = emissions.new_zeros(emissions.shape[:2], dtype=torch.float)
        return TaggerOutput(
            loss=loss,
            logits=words.scatter(decoded_logits(decoded.marginals, decoded.ids), emissions.float()),
            predicted_ids=words.scatter(decoded.ids, zeros.long()),
            scores=words.scatter(decoded.scores, zeros),
        )

    def loss(self, emissions: Tensor, labels: Tensor, num_items_in_batch: Tensor | int | None) -> Tensor:
        """Sum the negative log-likelihood, divided as `TaggerOutput.loss` says."""
        words = Words.at(labels != IGNORED)
        tags = words.gather(labels)
        if self.constrained:
            tags = self._as_iob2(tags, words.mask)
        total = -self.crf.log_likelihood(words.gather(emissions), tags, words.mask).sum()
        return mean_loss(total, words.mask.sum(), num_items_in_batch)

    def decode(self, emissions: Tensor, mask: Tensor) -> Decoded:
        """Decode `emissions` (batch, words, labels); `mask` (batch, words) bool is a prefix of every row."""
        ids = self.crf.viterbi(emissions, mask)
        continues = torch.tensor(self.continues, device=emissions.device)
        scores = self.crf.segment_probabilities(emissions, ids, mask, continues)
        return Decoded(ids, self.crf.marginals(emissions, mask), scores)

    def _as_iob2(self, tags: Tensor, mask: Tensor) -> Tensor:
        """Turn each `I-` that does not continue the entity of the word before it into `B-`."""
        tags = tags.where(mask, 0)
        continues = torch.tensor(self.continues, device=tags.device)
        goes_on = torch.zeros_like(mask)
        goes_on[:, 1:] = continues[tags[:, :-1], tags[:, 1:]]
        return torch.where(goes_on, tags, torch.tensor(self.as_opening, device=tags.device)[tags])


def decoded_logits(marginals: Tensor, ids: Tensor) -> Tensor:
    """Give log-probabilities (batch, words, labels) with the decoded label as argmax, for callers that take that.

    If another label is more probable by itself than the one in the best sequence, the latter is raised just above it.
    """
    logits = marginals.float().clamp_min(torch.finfo(torch.float32).tiny).log()
    best = logits.amax(-1, keepdim=True)
    above = best + 4 * torch.finfo(torch.float32).eps * best.abs().clamp_min(1)
    return logits.scatter(-1, ids.unsqueeze(-1), above)
