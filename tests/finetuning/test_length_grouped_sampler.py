"""Length-grouped batches: every sentence once an epoch, little padding, nothing fixed but by the seed."""

import numpy as np
import pytest

from crossner_hf.finetuning.length_grouped_sampler import LengthGroupedBatches

LENGTHS = np.random.default_rng(0).gamma(4.0, 12.0, size=200).astype(int) + 4  # like politics/train: 8 to 140 pieces


def epoch(sampler, number):
    sampler.set_epoch(number)
    return list(sampler)


def waste(lengths, order, size):
    """Share of the padded batches that is padding."""
    batches = [lengths[order[i : i + size]] for i in range(0, len(order), size)]
    padded = sum(batch.max() * len(batch) for batch in batches)
    return 1 - lengths.sum() / padded


@pytest.mark.parametrize(("number", "size"), [(200, 16), (100, 16), (16, 16), (15, 16), (1, 16), (7, 1), (33, 8)])
def test_an_epoch_has_every_sentence_once(number, size):
    sampler = LengthGroupedBatches(LENGTHS[:number], size, seed=1)
    assert len(sampler) == number
    for count in range(4):
        assert sorted(epoch(sampler, count)) == list(range(number))


def test_epochs_differ_in_the_order_and_the_make_up_of_batches():
    sampler = LengthGroupedBatches(LENGTHS, 16, seed=1)
    epochs = [epoch(sampler, number) for number in range(5)]
    assert len({tuple(order) for order in epochs}) == 5
    batches = [{frozenset(order[i : i + 16]) for i in range(0, 192, 16)} for order in epochs]
    assert not set.intersection(*batches)


def test_the_draw_depends_on_seed_and_epoch_alone():
    one, two = (LengthGroupedBatches(LENGTHS, 16, seed=5) for _ in range(2))
    np.random.seed(3)  # noqa: NPY002
    expected = [epoch(one, number) for number in (0, 1, 2)]
    assert epoch(two, 2) == expected[2]
    assert epoch(two, 0) == expected[0]
    assert list(two) == expected[0]
    assert epoch(LengthGroupedBatches(LENGTHS, 16, seed=6), 0) != expected[0]


def test_padding_wastes_little():
    sampler = LengthGroupedBatches(LENGTHS, 16, seed=0)
    wasted = [waste(LENGTHS, epoch(sampler, number), 16) for number in range(20)]
    at_random = [waste(LENGTHS, np.random.default_rng(n).permutation(len(LENGTHS)), 16) for n in range(20)]
    assert np.mean(wasted) < 0.18
    assert np.mean(at_random) > 0.35


def test_long_and_short_batches_come_at_any_place():
    """Batches sorted by length would give an epoch a drift."""
    sampler = LengthGroupedBatches(LENGTHS, 16, seed=0)
    longest = []
    for number in range(40):
        order = epoch(sampler, number)[:192]
        longest.append(int(np.argmax(LENGTHS[order].reshape(-1, 16).mean(1))))
    assert set(longest) == set(range(12))
    assert longest.count(0) < 12


def test_the_short_batch_is_the_last_and_of_any_length():
    sampler = LengthGroupedBatches(LENGTHS, 16, seed=0)
    means = []
    for number in range(40):
        order = epoch(sampler, number)
        assert np.ptp(LENGTHS[order[192:]]) <= 0.8 * LENGTHS.max()
        means.append(LENGTHS[order[192:]].mean())
    assert min(means) < np.quantile(LENGTHS, 0.2)
    assert max(means) > np.quantile(LENGTHS, 0.8)
