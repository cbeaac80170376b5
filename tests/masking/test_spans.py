"""The span rule against the official walk, and what every strategy does to arrays."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from crossner_hf.masking.spans import SCALE, STRATEGIES, VIRTUAL_WORDS, Draws, Positions, join_singles, token_level

EXAMPLES = [  # length, masked before, masked after
    (9, {1, 4, 7}, {3, 4, 7}),
    (7, {0, 1, 3, 6}, {0, 1, 5, 6}),
    (5, {1, 2, 4}, {1, 2, 4}),
    (7, {1, 4, 5}, {3, 4, 5}),
    (13, {1, 4, 5, 8, 11}, {3, 4, 5, 10, 11}),
]
SEPARATED = [  # a separator ends a segment: nothing is pending beyond it
    ({1, 7}, {4}, {1, 7}),
    ({1, 3, 7}, {5}, {2, 3, 7}),
    ({1, 5, 8}, {3}, {1, 7, 8}),
    ({3, 5}, {4}, {3, 5}),
]


def walk(masked: list[bool], maskable: list[bool]) -> list[bool]:
    """The walk of mask_tokens in the released code over one row, position by position, restarted in each segment."""
    result, pending, position = list(masked), None, 0
    while position < len(masked):
        if not maskable[position]:
            pending = None
        if not masked[position]:
            position += 1
            continue
        end = position
        while end < len(masked) and masked[end]:
            end += 1
        if pending is not None:
            result[pending], result[position - 1] = False, True
            pending = None
        elif end - position == 1:
            pending = position
        position = end
    return result


def runs(row) -> list[tuple[int, int]]:
    """Begin and end of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], np.asarray(row, dtype=int), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def segments(maskable) -> list[slice]:
    return [slice(*pair) for pair in runs(maskable)]


@st.composite
def masks(draw):
    shape = draw(st.integers(1, 4)), draw(st.integers(0, 40))
    maskable = ~draw(arrays(bool, shape, elements=st.sampled_from([False] * 7 + [True])))
    wanted = draw(arrays(bool, shape, elements=st.sampled_from([False] * draw(st.integers(0, 4)) + [True])))
    return wanted & maskable, maskable


def random_masks(rows=3_000, time=64, probability=0.25, unmaskable=0.08):
    rng = np.random.default_rng(0)
    maskable = rng.random((rows, time)) >= unmaskable
    return (rng.random((rows, time)) < probability) & maskable, maskable


def draws(rows: int, time: int, seed: int = 0) -> Draws:
    rng = np.random.default_rng(seed)
    chance = rng.integers(0, SCALE, (2, rows, time + VIRTUAL_WORDS), dtype=np.uint32)
    return Draws(*chance, np.full(rows, time))


@given(masks())
@settings(max_examples=300, deadline=None)
def test_joining_singles_is_the_official_walk(pair):
    masked, maskable = pair
    assert join_singles(masked.copy(), maskable).tolist() == list(map(walk, masked.tolist(), maskable.tolist()))


@pytest.mark.parametrize(("length", "before", "after"), EXAMPLES)
def test_worked_examples_of_the_official_rule(length, before, after):
    masked = np.isin(np.arange(length), list(before))[None]
    assert set(np.flatnonzero(join_singles(masked, np.ones((1, length), dtype=bool)))) == after


@pytest.mark.parametrize(("before", "unmaskable", "after"), SEPARATED)
def test_worked_examples_with_a_separator(before, unmaskable, after):
    places = np.arange(9)
    joined = join_singles(np.isin(places, list(before))[None], ~np.isin(places, list(unmaskable))[None])
    assert set(np.flatnonzero(joined)) == after


def test_joining_keeps_the_count_of_each_segment_and_leaves_no_two_runs_of_one_together():
    masked, maskable = random_masks()
    joined = join_singles(masked.copy(), maskable)
    assert not (joined & ~maskable).any()
    for before, after, real in zip(masked, joined, maskable, strict=True):
        for segment in segments(real):
            assert before[segment].sum() == after[segment].sum()
            assert sum(end - start == 1 for start, end in runs(after[segment])) <= 1


def test_joining_takes_no_position_from_a_longer_run():
    masked, maskable = random_masks(probability=0.4)
    joined = join_singles(masked.copy(), maskable)
    for before, after in zip(masked, joined, strict=True):
        assert all(after[start:end].all() for start, end in runs(before) if end - start > 1)


def test_nothing_moves_from_one_row_into_another():
    masked, maskable = random_masks(rows=200)
    alone = [join_singles(masked[[row]].copy(), maskable[[row]])[0] for row in range(len(masked))]
    assert (join_singles(masked.copy(), maskable) == alone).all()


@pytest.mark.parametrize(
    ("strategy", "mean", "shares", "in_longer"),
    [
        ("token", 1.248, (0.801, 0.159, 0.032), 0.358),
        ("crossner", 2.237, (0.009, 0.793, 0.159, 0.032), 0.996),
    ],
)
def test_runs_are_as_long_as_those_of_the_released_code(strategy, mean, shares, in_longer):
    every = np.ones((2_000, 510), dtype=bool)  # a block of 512 tokens has two special ones
    select = token_level if strategy == "token" else STRATEGIES[strategy]
    masked = select(draws(*every.shape), 0.2, Positions(every, None, None))
    lengths = np.array([end - start for row in masked for start, end in runs(row)])
    assert lengths.mean() == pytest.approx(mean, abs=0.01)
    assert [(lengths == n + 1).mean() for n in range(len(shares))] == pytest.approx(shares, abs=0.004)
    assert lengths[lengths > 1].sum() / lengths.sum() == pytest.approx(in_longer, abs=0.006)


def test_spans_of_geometric_have_the_lengths_of_a_truncated_geometric_distribution():
    every = np.ones((400, 8_000), dtype=bool)
    masked = STRATEGIES["geometric"](draws(*every.shape), 0.005, Positions(every, every, None))
    # So few spans hardly ever meet. Those at an end of the row are cut.
    lengths = [end - start for row in masked for start, end in runs(row) if start > 0 and end < len(row)]
    mass = 0.2 * 0.8 ** np.arange(10)
    mass /= mass.sum()
    actual = np.bincount(lengths, minlength=12)[1:11] / len(lengths)
    assert actual == pytest.approx(mass, abs=0.015)
    assert np.mean(lengths) == pytest.approx(mass @ np.arange(1, 11), abs=0.12)  # 3.80


def units_of_every_length(rows: int, time: int):
    """Rows of words of 1 to 3 tokens, entities of 1 to 3 words among them, and a separator here and there."""
    rng = np.random.default_rng(1)
    maskable = rng.random((rows, time)) > 0.06
    starts = rng.random((rows, time)) < 0.6
    entity_tags = np.where(rng.random((rows, time)) < 0.3, np.where(starts, 1, 2), 0)
    entity_tags[:, 1:][(entity_tags[:, 1:] == 2) & (entity_tags[:, :-1] == 0)] = 0
    return Positions(maskable, starts, entity_tags)


@pytest.mark.parametrize("probability", [0.15, 0.5])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_strategy_masks_the_wanted_share(strategy, probability):
    at = units_of_every_length(2_000, 128)
    masked = STRATEGIES[strategy](draws(2_000, 128), probability, at)
    assert not (masked & ~at.maskable).any()
    assert masked.sum() / at.maskable.sum() == pytest.approx(probability, abs=0.006)


@pytest.mark.parametrize("probability", [0.05, 0.15, 0.5])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_strategy_masks_the_wanted_share_of_rows_of_eight_words(strategy, probability):
    every = np.ones((40_000, 8), dtype=bool)
    at = Positions(every, every, np.zeros(every.shape, dtype=np.int8))
    masked = STRATEGIES[strategy](draws(*every.shape), probability, at)
    assert masked.mean() == pytest.approx(probability, abs=0.005)
    if strategy != "crossner":  # which moves positions to the right
        assert masked.mean(axis=0) == pytest.approx(np.full(8, probability), abs=0.013)


def test_spans_of_geometric_cover_words_alike_wherever_separators_stand():
    maskable = np.ones((40_000, 21), dtype=bool)
    maskable[:, [0, 4, 5, 13, 20]] = False
    at = Positions(maskable, maskable.copy(), None)
    share = STRATEGIES["geometric"](draws(*maskable.shape), 0.2, at).mean(axis=0)
    assert share == pytest.approx(np.where(maskable[0], 0.2, 0.0), abs=0.012)


def test_geometric_masks_words_whole():
    at = units_of_every_length(500, 128)
    masked = STRATEGIES["geometric"](draws(500, 128), 0.3, at)
    inside = at.maskable[:, 1:] & at.maskable[:, :-1] & ~at.word_starts[:, 1:]
    assert (masked[:, 1:] == masked[:, :-1])[inside].all()
    assert 0.2 < masked[at.maskable].mean() < 0.4


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_row_with_nothing_to_mask_stays_as_it_is_beside_others(strategy):
    every = np.ones((3, 6), dtype=bool)
    every[1] = False
    at = Positions(every, every.copy(), np.zeros(every.shape, dtype=np.int8))
    masked = STRATEGIES[strategy](draws(3, 6), 1 - 1e-9, at)
    assert masked.tolist() == every.tolist()
    assert not STRATEGIES[strategy](draws(3, 6), 1 - 1e-9, at._replace(maskable=np.zeros_like(every))).any()


def test_entity_without_tags_is_refused():
    every = np.ones((1, 4), dtype=bool)
    with pytest.raises(ValueError, match=r"'entity' needs examples with entity_tags: 0 outside, 1 first token"):
        STRATEGIES["entity"](draws(1, 4), 0.2, Positions(every, every, None))
