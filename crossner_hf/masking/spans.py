"""Which positions to mask: the span rule of the paper and three other published strategies, without loops over tokens.

Arrays are (rows, time), one row for each example. `maskable` is False at special tokens and padding; a *segment* lies
between two such positions, and no span reaches from one segment into another. `select` holds a random 32-bit integer
for each position, which is compared with `mlm_probability` scaled to the same range.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

SCALE = 2**32
SPAN_RATE = 0.2  # parameter of SpanBERT's geometric distribution (Joshi et al., 2020, section 3.1)
SPAN_LIMIT = 10  # its longest span, in words
VIRTUAL_WORDS = SPAN_LIMIT - 1  # before each row, so that its first words are covered as often as all others


class Draws(NamedTuple):
    """Random numbers of a strategy, each (rows, time + VIRTUAL_WORDS) uint32; `ends`, (rows,), is where rows end."""

    select: np.ndarray
    length: np.ndarray
    ends: np.ndarray


class Positions(NamedTuple):
    """What a strategy sees of a batch, each (rows, time).

    Attributes:
        maskable: False at special tokens and padding.
        word_starts: True on the first token of each word.
        entity_tags: 0 outside, 1 on the first token of an entity, 2 on its others; None if the examples have none.
    """

    maskable: np.ndarray
    word_starts: np.ndarray | None
    entity_tags: np.ndarray | None


def threshold(probability: float) -> np.uint64:
    """Give the number of 32-bit integers that lie below `probability`."""
    return np.uint64(round(probability * SCALE))


def token_level(draws: Draws, probability: float, at: Positions) -> np.ndarray:
    """Mask each token by itself."""
    return (draws.select[:, : at.maskable.shape[1]] < threshold(probability)) & at.maskable


def crossner(draws: Draws, probability: float, at: Positions) -> np.ndarray:
    """Mask each token by itself, then apply the official walk, which joins tokens masked alone into pairs."""
    return join_singles(token_level(draws, probability, at), at.maskable)


def join_singles(masked: np.ndarray, maskable: np.ndarray) -> np.ndarray:
    """Apply the official walk to each segment.

    It goes from left to right over the runs of masked positions. A run of one becomes pending if no other is pending.
    The next run, whatever its length, consumes the pending position: that position is unmasked and the one right before
    the run is masked instead. A longer run with none pending stays as it is, and so does a position that is pending at
    the end. In closed form: a run of one is pending if an even number of runs of one precede it since the last longer
    run of its segment.

    Source: mask_tokens in run_language_modeling.py of zliucr/CrossNER.
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
    segment = np.searchsorted(np.flatnonzero(breaks), starts)
    together = segment[1:] == segment[:-1]  # whether a run lies in the same segment as the run before it
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
    """Mask whole words, each by itself (the whole-word checkpoints of google-research/bert, May 2019)."""
    return _units(draws, probability, at, _word_starts(at))


def entity(draws: Draws, probability: float, at: Positions) -> np.ndarray:
    """Mask whole entities, and whole words outside them, each by itself (ERNIE; Sun et al., 2019, section 3.2)."""
    if at.entity_tags is None:
        raise ValueError("the strategy 'entity' needs examples with entity_tags: 0 outside, 1 first token, 2 others")
    tags = at.entity_tags
    leaves = np.zeros_like(at.maskable)
    leaves[:, 1:] = (tags[:, 1:] == 0) & (tags[:, :-1] != 0)
    inside = (tags == 2) & ~_first_of_segment(at.maskable)
    return _units(draws, probability, at, ((_word_starts(at) & ~inside) | (tags == 1) | leaves) & at.maskable)


def geometric(draws: Draws, probability: float, at: Positions) -> np.ndarray:
    """Mask spans of words with geometric lengths, at most ten words (SpanBERT; Joshi et al., 2020, section 3.1).

    SpanBERT draws spans until the budget of a sequence is spent. Here every word begins a span with one probability,
    chosen such that a word is covered with `probability`: the same lengths and on average the same share, with no loop.
    The part of a span beyond the end of its segment covers the words after it as a span of its own.
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
    """Give the share of spans that have at least 1, 2, …, SPAN_LIMIT words."""
    mass = SPAN_RATE * (1 - SPAN_RATE) ** np.arange(SPAN_LIMIT)
    return np.cumsum(mass[::-1])[::-1] / mass.sum()


def _length_thresholds() -> np.ndarray:
    """Give thresholds: a 32-bit draw at or above the first k of them is a span of k + 1 words."""
    return np.round((1 - _length_at_least()[1:]) * SCALE).astype(np.uint64)


def _start_probability(probability: float) -> float:
    """Find by bisection how often a word begins a span if each word is to be covered with `probability`."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        covered = 1 - np.prod(1 - middle * _length_at_least())
        low, high = (middle, high) if covered < probability else (low, middle)
    return low


def _units(draws: Draws, probability: float, at: Positions, starts: np.ndarray) -> np.ndarray:
    """Mask whole units; each begins where `starts` is True, and the draw at its first token decides."""
    chosen = draws.select[:, : starts.shape[1]][starts] < threshold(probability)
    if not len(chosen):
        return np.zeros_like(starts)
    unit = np.cumsum(starts.ravel()) - 1
    return chosen[np.maximum(unit, 0)].reshape(starts.shape) & at.maskable


def _word_starts(at: Positions) -> np.ndarray:
    """Mark first tokens of words, and the first token of a segment, even if a block begins within a word."""
    assert at.word_starts is not None  # the collator gives them to all strategies that mask words
    return (at.word_starts | _first_of_segment(at.maskable)) & at.maskable


def _first_of_segment(maskable: np.ndarray) -> np.ndarray:
    first = maskable.copy()
    first[:, 1:] &= ~maskable[:, :-1]
    return first


STRATEGIES: dict[str, Callable[[Draws, float, Positions], np.ndarray]] = {
    "crossner": crossner,
    "whole_word": whole_word,
    "geometric": geometric,
    "entity": entity,
}
