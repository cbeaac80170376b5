"""Sums over all tag sequences of a linear-chain CRF, in logarithms, with their gradients."""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


class Scores(NamedTuple):
    """What defines the distribution over each row's tag sequences; -inf where a transition is forbidden.

    emissions: (batch, time, tags); lengths: (batch,); start, end: (tags,); transitions: (tags, tags) [i, j]: j after i
    """

    emissions: Tensor
    lengths: Tensor
    start: Tensor
    transitions: Tensor
    end: Tensor


class Sums(NamedTuple):
    """Logarithms of sums of exp(score) over sequences; forward and backward hold anything beyond a row's words.

    total:    (batch,)             over all of a row's; 0 for a row without words
    forward:  (batch, time, tags)  over the ways to the word, that word's emission included
    backward: (batch, time, tags)  over the ways on from the word, its emission left out
    """

    total: Tensor
    forward: Tensor
    backward: Tensor


def no_autocast(like: Tensor) -> torch.autocast:
    return torch.autocast(like.device.type, enabled=False)


class LogTotal(torch.autograd.Function):
    """`Sums.total`; its gradient is probabilities: of tags for emissions, of pairs of neighbours for transitions."""

    @staticmethod
    def forward(ctx, *scores: Tensor) -> Tensor:
        sums = log_sums(Scores(*scores))
        ctx.save_for_backward(*scores, *sums)
        return sums.total

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:
        scores, sums = Scores(*ctx.saved_tensors[:5]), Sums(*ctx.saved_tensors[5:])
        until_end = scores.lengths.unsqueeze(1) - torch.arange(scores.emissions.shape[1], device=grad.device)
        weight = grad.unsqueeze(1).where(until_end > 0, 0)
        with no_autocast(grad):
            at_words = marginals(sums).where((until_end > 0).unsqueeze(-1), 0) * weight.unsqueeze(-1)
            last = at_words.where((until_end == 1).unsqueeze(-1), 0)
            return at_words, None, at_words[:, :1].sum((0, 1)), _pairs(scores, sums, weight), last.sum((0, 1))


def marginals(sums: Sums) -> Tensor:
    return (sums.forward + sums.backward - sums.total[:, None, None]).exp()


def _pairs(scores: Scores, sums: Sums, weight: Tensor) -> Tensor:
    """How often j is expected right after i, each row counted with its weight: (tags, tags)

    weight: (batch, time), 0 beyond a row's words
    """
    before = sums.forward[:, :-1]
    after = (scores.emissions + sums.backward)[:, 1:]
    steepest = scores.transitions.amax()
    highest = before.amax(-1) + steepest + after.amax(-1) - sums.total.unsqueeze(1)
    real = torch.arange(1, weight.shape[1], device=weight.device) < scores.lengths.unsqueeze(1)
    # One product of matrices where what it loses to underflow is nothing beside the total; elsewhere word by word.
    near = real & (highest < -math.log(_margin(weight.dtype)))
    factor = (highest[near].exp() * weight[:, 1:][near]).unsqueeze(-1)
    left, right = ((values - values.amax(-1, keepdim=True)).exp() for values in (before[near], after[near]))
    found = (scores.transitions - steepest).exp() * (left.T @ (right * factor))
    row, word = (real & ~near).nonzero(as_tuple=True)
    for rows, words in zip(row.split(1024), word.split(1024)):
        ways = before[rows, words].unsqueeze(-1) + scores.transitions + after[rows, words].unsqueeze(1)
        pairs = (ways - sums.total[rows, None, None]).exp()
        found += (pairs * weight[rows, words + 1, None, None]).sum(0)
    return found


def log_sums(scores: Scores) -> Sums:
    """Both ways in one recursion: the way back is a way forward over the row read from its end.

    The scaled recursion overestimates the sums forward and underestimates those backward where it loses anything to
    underflow. Where the totals by the one and by the other agree, it has lost nothing that counts.
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
    """Beside sums of at least this, underflow loses less than this squared: the range in thirds and a little room."""
    return torch.finfo(dtype).tiny ** 0.3


def _scaled_recursion(emissions: Tensor, into_first: Tensor, transitions: Tensor) -> Tensor:
    """Log-sums over the ways to each word, its emission left out: (time, 2, batch, tags)

    Sums of probabilities, scaled to 1 at each word (Rabiner, 1989, section V.A): a product of matrices a word. Forward,
    no share is let below what underflow may lose; NaN after a word whose sum leaves too little room for that.

    emissions: (time, 2, batch, tags); into_first: (2, 1, tags); transitions: (2, tags, tags)
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
    """The same with sums of logarithms: many times slower, in range whatever the scores."""
    ways = [into_first.expand_as(emissions[0])]
    for at_word in emissions[:-1]:
        ways.append(((ways[-1] + at_word).unsqueeze(-1) + transitions.unsqueeze(1)).logsumexp(-2))
    return torch.stack(ways)
