"""Which positions to mask: the paper's span rule and three other published strategies, without a loop over tokens.

Arrays are (rows, time), one row an example. `maskable` is False at special pieces and padding; a *stretch* lies between
two such positions, and nothing reaches from one stretch into another. `select` holds a random 32-bit integer for each
position, compared with `mlm_probability` scaled to the same range.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

SCALE = 2**32
SPAN_RATE = 0.2  # parameter of SpanBERT's geometric distribution (Joshi et al., 2020, section 3.1)
SPAN_LIMIT = 10  # its longest span, in words
VIRTUAL_WORDS = SPAN_LIMIT - 1  # before each row, so that its first words are covered as often as all others


class Draws(NamedTuple):
    """The chance that a strategy may use, each (rows, time + VIRTUAL_WORDS) uint32; `ends` is each row's length."""

    select: np.ndarray
    length: np.ndarray
    ends: np.ndarray


class Positions(NamedTuple):
    """What a strategy sees of a batch, each (rows, time).

    maskable:    False at special pieces and padding
    word_starts: True on the first piece of each word
    entity_tags: 0 outside, 1 on the first piece of an entity, 2 on its others; None where the examples have none
    """

    maskable: np.ndarray
    word_starts: np.ndarray | None
    entity_tags: np.ndarray | None


def threshold(probability: float) -> np.uint64:
    """The number of 32-bit integers that lie below `probability`."""
    return np.uint64(round(probability * SCALE))


def token_level(draws: Draws, probability: float, at: Positions) -> np.ndarray:
    """Each piece by itself."""
    return (draws.select[:, : at.maskable.shape[1]] < threshold(probability)) & at.maskable


def crossner(draws: Draws, probability: float, at: Positions) -> np.ndarray:
    """Each piece by itself, then the official walk, which brings pieces masked alone together in pairs."""
    return join_singles(token_level(draws, probability, at), at.maskable)


def join_singles(masked: np.ndarray, maskable: np.ndarray) -> np.ndarray:
    """The official walk (mask_tokens in run_language_modeling.py of zliucr/CrossNER) over each stretch.

    From left to right over the runs of masked positions: a run of one with none pending becomes pending; the next run,
    whatever its length, consumes it: the pending position is unmasked and the one right before that run masked in its
    place. A longer run with none pending stays as it is, and so does what is pending at the end. In closed form: a run
    of one is pending where an even number of runs of one precede it since the last longer run of its stretch.
    """
    rows, time = masked.shape
    flat = np.zeros(rows * (time + 1) + 1, dtype=bool)  # a position that is never masked before, between and after rows
    flat[:-1].reshape(rows, time + 1)[:, 1:] = masked
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    starts, ends = edges[::2], edges[1::2]
    if not len(starts):
        return masked
    breaks = np.ones((rows, time + 1), dtype=bool)
    breaks[:, 1:] = ~maskable
    stretch = np.searchsorted(np.flatnonzero(breaks), starts)
    together = stretch[1:] == stretch[:-1]  # whether a run lies in one stretch with the run before it
    single = ends - starts == 1
    before = np.cumsum(single) - single
    begins = np.ones(len(starts), dtype=bool)
    begins[1:] = ~(together & single[:-1])
    since = before - np.maximum.accumulate(np.where(begins, before, 0))
    consumed = np.flatnonzero((single & (since % 2 == 0))[:-1] & together)
    flat[starts[consumed]] = False
    flat[starts[consumed + 1] - 1] = True
    return flat[:-1].reshape(rows, time + 1)[:, 1:]


def whole_word(draws: Draws, probability: float, at: Positions) -> np.ndarray:
    """Words whole, each by itself (the whole-word checkpoints of google-research/bert, May 2019)."""
    return _units(draws, probability, at, _word_starts(at))


def entity(draws: Draws, probability: float, at: Positions) -> np.ndarray:
    """Entities whole, and words whole outside them, each by itself (ERNIE; Sun et al., 2019, section 3.2)."""
    if at.entity_tags is None:
        raise ValueError("the strategy 'entity' needs examples with entity_tags: 0 outside, 1 first piece, 2 others")
    tags = at.entity_tags
    leaves = np.zeros_like(at.maskable)
    leaves[:, 1:] = (tags[:, 1:] == 0) & (tags[:, :-1] != 0)
    inside = (tags == 2) & ~_first_of_stretch(at.maskable)
    return _units(draws, probability, at, ((_word_starts(at) & ~inside) | (tags == 1) | leaves) & at.maskable)


def geometric(draws: Draws, probability: float, at: Positions) -> np.ndarray:
    """Spans of words, their length geometric and at most ten (SpanBERT; Joshi et al., 2020, section 3.1).

    SpanBERT draws spans until the budget of a sequence is spent. Here every word begins a span with one probability,
    such that a word is covered with `probability`: the same lengths and the same share on average, with no loop. What
    of a span lies beyond the end of its stretch covers the words after it as a span of its own.
    """
    starts = _word_starts(at)
    word = np.cumsum(starts, axis=1) - 1 + VIRTUAL_WORDS
    rows = len(starts)
    width = int(word[:, -1].max(initial=0)) + 1
    select = np.full((rows, width), SCALE - 1, dtype=np.uint32)
    length = np.zeros((rows, width), dtype=np.uint32)
    virtual = draws.ends[:, None] + np.arange(VIRTUAL_WORDS)
    row, column = np.nonzero(starts)
    for words, source in ((select, draws.select), (length, draws.length)):
        words[:, :VIRTUAL_WORDS] = np.take_along_axis(source, virtual, axis=1)
        words[row, word[row, column]] = source[row, column]
    reach = np.arange(width) + 1 + np.searchsorted(_length_thresholds(), length, side="right")
    begins = select < threshold(_start_probability(probability))
    covered = np.maximum.accumulate(np.where(begins, reach, 0), axis=1) > np.arange(width)
    return np.take_along_axis(covered, np.maximum(word, 0), axis=1) & at.maskable


def _length_at_least() -> np.ndarray:
    """The share of spans that have at least 1, 2, …, SPAN_LIMIT words."""
    mass = SPAN_RATE * (1 - SPAN_RATE) ** np.arange(SPAN_LIMIT)
    return np.cumsum(mass[::-1])[::-1] / mass.sum()


def _length_thresholds() -> np.ndarray:
    """A 32-bit draw at or past the first k of these is a span of k + 1 words."""
    return np.round((1 - _length_at_least()[1:]) * SCALE).astype(np.uint64)


def _start_probability(probability: float) -> float:
    """How often a word begins a span, if each is to be covered with `probability`: found by bisection."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        covered = 1 - np.prod(1 - middle * _length_at_least())
        low, high = (middle, high) if covered < probability else (low, middle)
    return low


def _units(draws: Draws, probability: float, at: Positions, starts: np.ndarray) -> np.ndarray:
    """Masks units whole; each begins where `starts` is True, and its first piece's draw decides."""
    chosen = draws.select[:, : starts.shape[1]][starts] < threshold(probability)
    if not len(chosen):
        return np.zeros_like(starts)
    unit = np.cumsum(starts.ravel()) - 1
    return chosen[np.maximum(unit, 0)].reshape(starts.shape) & at.maskable


def _word_starts(at: Positions) -> np.ndarray:
    """First pieces of words; the first piece of a stretch is one, even where a block cuts into a word."""
    return (at.word_starts | _first_of_stretch(at.maskable)) & at.maskable


def _first_of_stretch(maskable: np.ndarray) -> np.ndarray:
    first = maskable.copy()
    first[:, 1:] &= ~maskable[:, :-1]
    return first


STRATEGIES: dict[str, Callable[[Draws, float, Positions], np.ndarray]] = {
    "crossner": crossner,
    "whole_word": whole_word,
    "geometric": geometric,
    "entity": entity,
}
