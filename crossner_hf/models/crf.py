"""Linear-chain conditional random field (Lafferty et al., 2001) over batches of sentences, with hard constraints.

The score of a tag sequence y is start[y_1] + sum of transitions[y_t, y_t+1] + end[y_n] + sum of emissions[t, y_t]; its
probability is exp(score) over the sum of exp(score) over all sequences.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from transformers import initialization as init

from .crf_forward_backward import LogTotal, Scores, Sums, log_sums, marginals, no_autocast


class CRF(nn.Module):
    """A CRF whose sequences with a forbidden transition have probability 0 in likelihood, decoding and marginals.

    Everything is computed outside autocast and in float64 if the device has it; results have at least float32. In every
    method `emissions` are unnormalised scores (batch, time, tags), time at least 1, and `mask` (batch, time) bool is
    True on real words, a prefix of every row, which may be empty.

    Args:
        num_tags: Number of tags.
        allowed: Rows as `tagger.iob2.allowed_transitions` gives them, the last one for the start of a sentence; None
            allows every transition.
    """

    forbidden: Tensor

    def __init__(self, num_tags: int, allowed: Sequence[Sequence[bool]] | None = None):
        super().__init__()
        if allowed is not None and [len(row) for row in allowed] != [num_tags] * (num_tags + 1):
            sizes = [len(row) for row in allowed]
            raise ValueError(f"allowed must have {num_tags + 1} rows (tags, start) of {num_tags}, got rows of {sizes}")
        self.allowed = allowed
        self.start_transitions = nn.Parameter(torch.empty(num_tags))
        self.transitions = nn.Parameter(torch.empty(num_tags, num_tags))
        self.end_transitions = nn.Parameter(torch.empty(num_tags))
        if allowed is not None:
            self.register_buffer("forbidden", torch.empty(num_tags + 1, num_tags, dtype=torch.bool), persistent=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw parameters from U(-0.1, 0.1) and set the constraints, which `from_pretrained` leaves uninitialised."""
        for parameter in self.parameters():
            init.uniform_(parameter, -0.1, 0.1)
        if self.allowed is not None:
            init.copy_(self.forbidden, ~torch.tensor(self.allowed, dtype=torch.bool, device=self.forbidden.device))

    def log_likelihood(self, emissions: Tensor, tags: Tensor, mask: Tensor) -> Tensor:
        """Compute the log-probability of tag sequences.

        Args:
            emissions: (batch, time, tags).
            tags: (batch, time) ids; any value where `mask` is False.
            mask: (batch, time) bool.

        Returns:
            Log-probabilities, (batch,); 0 for a row without words.
        """
        with no_autocast(emissions):
            scores = self.scores(emissions, mask)
            total: Tensor = LogTotal.apply(*scores)  # type: ignore[no-untyped-call]
            return (_score(scores, tags, mask) - total).to(_at_least_float32(emissions))

    @torch.no_grad()
    def viterbi(self, emissions: Tensor, mask: Tensor) -> Tensor:
        """Find the most probable tags of each row, (batch, time); 0 where `mask` is False."""
        with no_autocast(emissions):
            return _viterbi(self.scores(emissions, mask))

    @torch.no_grad()
    def marginals(self, emissions: Tensor, mask: Tensor) -> Tensor:
        """Compute the probability of each tag at each word, (batch, time, tags); 0 where `mask` is False."""
        with no_autocast(emissions):
            probabilities = marginals(log_sums(self.scores(emissions, mask)))
            return probabilities.where(mask.unsqueeze(-1), 0).to(_at_least_float32(emissions))

    @torch.no_grad()
    def segment_probabilities(self, emissions: Tensor, tags: Tensor, mask: Tensor, continues: Tensor) -> Tensor:
        """Compute the probability of the segment that each word is in.

        The probability of a segment is that of all sequences with its tags at its words in which the word before does
        not continue into it, nor the word after continue it.

        Args:
            emissions: (batch, time, tags).
            tags: (batch, time) ids, whose longest runs of continuing tags are the segments.
            mask: (batch, time) bool.
            continues: (tags, tags) bool, [i, j]: j right after i continues the segment of i.

        Returns:
            Probabilities, (batch, time); 0 where `mask` is False.
        """
        with no_autocast(emissions):
            scores = self.scores(emissions, mask)
            log_probabilities = _log_segments(scores, log_sums(scores), tags.where(mask, 0), mask, continues)
            return log_probabilities.exp().where(mask, 0).to(_at_least_float32(emissions))

    def scores(self, emissions: Tensor, mask: Tensor) -> Scores:
        """Give all scores in the widest type; those of a word are shifted to at most 0, which keeps sums small."""
        wide = _widest_float(emissions.device)
        start, transitions, end = (
            parameter.to(wide) for parameter in (self.start_transitions, self.transitions, self.end_transitions)
        )
        if self.allowed is not None:
            start = start.masked_fill(self.forbidden[-1], -torch.inf)
            transitions = transitions.masked_fill(self.forbidden[:-1], -torch.inf)
        emissions = emissions.to(wide).where(mask.unsqueeze(-1), 0)
        return Scores(emissions - emissions.detach().amax(-1, keepdim=True), mask.sum(1), start, transitions, end)


def _widest_float(device: torch.device) -> torch.dtype:
    return torch.float32 if device.type == "mps" else torch.float64


def _at_least_float32(like: Tensor) -> torch.dtype:
    return torch.promote_types(like.dtype, torch.float32)


def _score(scores: Scores, tags: Tensor, mask: Tensor) -> Tensor:
    emissions, lengths, start, transitions, end = scores
    tags = tags.where(mask, 0)
    at_words = emissions.gather(-1, tags.unsqueeze(-1)).squeeze(-1).where(mask, 0)
    between = transitions[tags[:, :-1], tags[:, 1:]].where(mask[:, 1:], 0)
    last = tags.gather(1, (lengths - 1).clamp_min(0).unsqueeze(1)).squeeze(1)
    ends = (start[tags[:, 0]] + end[last]).where(lengths > 0, 0)
    return at_words.sum(1) + between.sum(1) + ends


def _viterbi(scores: Scores) -> Tensor:
    """Compute best scores forwards; then, from the end, choose the best tag before the one already chosen."""
    emissions, lengths, start, transitions, end = scores
    at_words = emissions.permute(1, 2, 0).contiguous()  # (time, tags, batch), so that maxima run over whole vectors
    into = transitions.T.contiguous()
    best = [start.unsqueeze(-1) + at_words[0]]
    for at_word in at_words[1:]:
        best.append((best[-1] + into.unsqueeze(-1)).amax(1) + at_word)
    # One more tag stands for "no word": certain beyond a row's words, impossible at them, and `end` leads into it.
    beyond = torch.arange(len(best), device=lengths.device).unsqueeze(1) >= lengths
    no_word = torch.where(beyond, torch.inf, -torch.inf).to(emissions.dtype)
    extended = torch.cat([torch.stack(best).transpose(1, 2), no_word.unsqueeze(-1)], dim=-1)
    into = nn.functional.pad(torch.cat([into, end.unsqueeze(0)]), (0, 1))
    tags = [torch.full_like(lengths, len(end))]
    for at_word in reversed(extended.unbind()):
        tags.append((at_word + into.index_select(0, tags[-1])).argmax(-1))
    return torch.stack(tags[:0:-1], dim=1).masked_fill(beyond.T, 0)


def _log_segments(scores: Scores, sums: Sums, tags: Tensor, mask: Tensor, continues: Tensor) -> Tensor:
    """Compute the log-probability of the segment of each word, (batch, time)."""
    emissions, _, start, transitions, end = scores
    apart = transitions.masked_fill(continues, -torch.inf)
    goes_on = continues[tags[:, :-1], tags[:, 1:]] & mask[:, 1:]  # (batch, time - 1): from a word to the next one
    opened, closed = start[tags], end[tags]
    opened[:, 1:] = (sums.forward[:, :-1] + apart.T[tags[:, 1:]]).logsumexp(-1)
    onward = (apart[tags[:, :-1]] + (emissions + sums.backward)[:, 1:]).logsumexp(-1)
    closed[:, :-1] = onward.where(mask[:, 1:], closed[:, :-1]).where(~goes_on, 0)
    opened[:, 1:] = transitions[tags[:, :-1], tags[:, 1:]].where(goes_on, opened[:, 1:])
    parts = opened + emissions.gather(-1, tags.unsqueeze(-1)).squeeze(-1) + closed
    segment = torch.zeros_like(tags)
    segment[:, 1:] = (~goes_on).cumsum(1)
    whole = torch.zeros_like(parts).scatter_add(1, segment, parts.where(mask, 0))
    return whole.gather(1, segment) - sums.total.unsqueeze(1)
