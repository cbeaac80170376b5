"""Sums over all tag sequences of a linear-chain CRF, in logarithms, with their gradients."""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


class Scores(NamedTuple):
    """What defines the distribution over each row's tag sequences; -inf for forbidden transitions.

    Shapes: emissions (batch, time, tags), lengths (batch,), start and end (tags,), transitions (tags, tags).
    """

    emissions: Tensor
    lengths: Tensor
    start: Tensor
    transitions: Tensor
    end: Tensor


class Sums(NamedTuple):
    """Logarithms of sums of exp(score) over sequences; `forward` and `backward` hold any value beyond a row's words.

    Args:
        total: (batch,) over all sequences of a row; 0 for a row without words.
        forward: (batch, time, tags) over the ways to the word, its own emission included.
        backward: (batch, time, tags) over the ways on from the word, its own emission not included.
    """

    total: Tensor
    forward: Tensor
    backward: Tensor


def no_autocast(like: Tensor) -> torch.autocast:
    """Give a context in which operations on the device of `like` keep their types."""
    return torch.autocast(like.device.type, enabled=False)


class LogTotal(torch.autograd.Function):
    """`Sums.total` with its gradient: probabilities of tags for emissions, of neighbouring pairs for transitions."""

    @staticmethod
    def forward(ctx: Any, *scores: Tensor) -> Tensor:
        """Compute the total from the fields of `Scores`."""
        sums = log_sums(Scores(*scores))
        ctx.save_for_backward(*scores, *sums)
        return sums.total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Compute the gradient from sums that `forward` kept."""
        scores, sums = Scores(*ctx.saved_tensors[:5]), Sums(*ctx.saved_tensors[5:])
        until_end = scores.lengths.unsqueeze(1) - torch.arange(scores.emissions.shape[1], device=grad.device)
        weight = grad.unsqueeze(1).where(until_end > 0, 0)
        with no_autocast(grad):
            at_words = marginals(sums).where((until_end > 0).unsqueeze(-1), 0) * weight.unsqueeze(-1)
            last = at_words.where((until_end == 1).unsqueeze(-1), 0)
            return at_words, None, at_words[:, :1].sum((0, 1)), _pairs(scores, sums, weight), last.sum((0, 1))


def marginals(sums: Sums) -> Tensor:
    """Compute the probability of each tag at each word, (batch, time, tags)."""
    return (sums.forward + sums.backward - sums.total[:, None, None]).exp()


def _pairs(scores: Scores, sums: Sums, weight: Tensor) -> Tensor:
    """Sum over all neighbouring words the probability of tag j right after tag i, (tags, tags).

    The probability of a pair is exp(before_i + transitions_ij + after_j - total). `weight` (batch, time) multiplies the
    pairs of each second word; it is 0 beyond a row's words.
    """
    before = sums.forward[:, :-1]
    after = (scores.emissions + sums.backward)[:, 1:]
    highest_transition = scores.transitions.amax()
    # An upper bound of the log-probability of all pairs of two words.
    bound = before.amax(-1) + highest_transition + after.amax(-1) - sums.total.unsqueeze(1)
    is_pair = torch.arange(1, weight.shape[1], device=weight.device) < scores.lengths.unsqueeze(1)
    # Where the bound is low enough, underflow of the three factors loses nothing that counts beside the total, so one
    # product of matrices is exact. The few other pairs of words are summed in logarithms.
    safe = is_pair & (bound < -math.log(_margin(weight.dtype)))
    factor = (bound[safe].exp() * weight[:, 1:][safe]).unsqueeze(-1)
    left, right = ((values - values.amax(-1, keepdim=True)).exp() for values in (before[safe], after[safe]))
    expected = (scores.transitions - highest_transition).exp() * (left.T @ (right * factor))
    row, word = (is_pair & ~safe).nonzero(as_tuple=True)
    for rows, words in zip(row.split(1024), word.split(1024), strict=True):
        log_pairs = before[rows, words].unsqueeze(-1) + scores.transitions + after[rows, words].unsqueeze(1)
        pairs = (log_pairs - sums.total[rows, None, None]).exp()
        expected += (pairs * weight[rows, words + 1, None, None]).sum(0)
    return expected


def log_sums(scores: Scores) -> Sums:
    """Compute both directions in one recursion: backward is forward over the row read from its end.

    If the scaled recursion loses anything to underflow, it overestimates the forward sums and underestimates the
    backward sums. If both give the same total, it has lost nothing that counts; else logarithms are summed.
    """
    emissions, lengths, start, transitions, end = scores
    positions = torch.arange(emissions.shape[1], device=lengths.device)
    mirrored = lengths.unsqueeze(1) - 1 - positions
    mirrored = mirrored.where(mirrored >= 0, positions).unsqueeze(-1).expand_as(emissions)
    both = torch.stack([emissions.transpose(0, 1), emissions.gather(1, mirrored).transpose(0, 1)], dim=1)
    into_first, into_next = torch.stack([start, end]).unsqueeze(1), torch.stack([transitions, transitions.T])
    rounding = torch.finfo(emissions.dtype).eps ** (2 / 3)
    for recursion in (_scaled_recursion, _log_recursion):
        ways = recursion(both, into_first, into_next)
        forward = (ways[:, 0] + both[:, 0]).transpose(0, 1)
        backward = ways[:, 1].transpose(0, 1).gather(1, mirrored)
        last = forward.gather(1, (lengths - 1).clamp_min(0)[:, None, None].expand_as(forward[:, :1])).squeeze(1)
        total = (last + end).logsumexp(-1).where(lengths > 0, 0)
        from_end = (start + emissions[:, 0] + backward[:, 0]).logsumexp(-1).where(lengths > 0, 0)
        if ((total - from_end).abs() <= rounding * (1 + total.abs())).all():
            break
    return Sums(total, forward, backward)


def _margin(dtype: torch.dtype) -> float:
    """Give a third of the range: beside sums of at least this, underflow loses less than its square."""
    return torch.finfo(dtype).tiny ** 0.3


def _scaled_recursion(emissions: Tensor, into_first: Tensor, transitions: Tensor) -> Tensor:
    """Compute log-sums over the ways to each word without its emission, (time, 2, batch, tags).

    Sums of probabilities are scaled to 1 at each word (Rabiner, 1989, section V.A), with one product of matrices for
    each word. Forward shares are clamped to what underflow may lose; after a word whose sum is too small for that, the
    result is NaN. Shapes: emissions (time, 2, batch, tags), into_first (2, 1, tags), transitions (2, tags, tags).
    """
    margin = _margin(emissions.dtype)
    lowest = emissions.new_tensor([margin**2, 0]).view(2, 1, 1)
    highest_first, highest = into_first.amax(-1, keepdim=True), transitions.amax((1, 2), keepdim=True)
    at_words, between = emissions.exp(), (transitions - highest).exp()
    ways, sums = torch.empty_like(emissions), torch.empty_like(emissions[..., :1])
    ways[0] = (into_first - highest_first).exp()
    for t in range(len(emissions) - 1):
        reached = ways[t] * at_words[t]
        torch.sum(reached, -1, keepdim=True, out=sums[t])
        torch.bmm(reached.div_(sums[t]).clamp_(min=lowest), between, out=ways[t + 1])
    scales = sums[:-1].where(sums[:-1] > margin, torch.nan).log()
    logs = ways.log()
    logs[1:] += (scales + highest).cumsum(0) + highest_first
    logs[0] = into_first
    return logs


def _log_recursion(emissions: Tensor, into_first: Tensor, transitions: Tensor) -> Tensor:
    """Compute the same as sums of logarithms: many times slower, but in range whatever the scores."""
    ways = [into_first.expand_as(emissions[0])]
    for at_word in emissions[:-1]:
        ways.append(((ways[-1] + at_word).unsqueeze(-1) + transitions.unsqueeze(1)).logsumexp(-2))
    return torch.stack(ways)
