"""Streams of sentences: stated proportions, passes that go on in the next epoch, one draw for one seed."""

from collections import Counter

import numpy as np
import pytest

from crossner_hf.finetuning.settings import Stream, joint_stage
from crossner_hf.finetuning.streams import Mixture, StreamBatches

SIZES = (900, 40, 300)  # labelled sentences of the source and of the target, raw ones of the target
LENGTHS = np.random.default_rng(0).gamma(4.0, 6.0, size=sum(SIZES)).astype(int) + 2


def sampler(stage_batches="proportional", repeats=5, size=16, seed=1):
    stage = joint_stage("cross-domain-lm", "combined", repeats, ("target",))._replace(batches=stage_batches)
    return StreamBatches(LENGTHS, Mixture.of(stage, SIZES), size, seed)


def batches(of, epoch):
    of.set_epoch(epoch)
    rows = np.array(list(of))
    return [rows[i : i + of.batch_size] for i in range(0, len(rows), of.batch_size)]


def streams_of(rows):
    return Counter(np.digitize(rows, np.cumsum(SIZES)).tolist())


def test_an_adaptation_is_its_list_of_streams():
    source, target = Stream("source", own_labels=True), Stream("target", repeats=10)
    raw = Stream("source", raw=True), Stream("target", raw=True)
    assert joint_stage("cross-domain-lm", "supervised", 10, ()).streams == (source, target)
    both = ("source", "target")
    assert joint_stage("cross-domain-lm", "combined", 10, both).streams == (source, target, *raw)
    assert joint_stage("cross-domain-lm", "unsupervised", 10, both).streams == (Stream("source"), *raw)


def test_every_batch_has_each_stream_in_proportion():
    of = sampler()
    for epoch in range(3):
        drawn = batches(of, epoch)
        assert streams_of(np.concatenate(drawn)) == {0: 900, 1: 5 * 40, 2: 5 * 40}
        for rows in drawn[:-1]:
            counts = streams_of(rows)
            assert abs(counts[1] - 16 * 200 / 1300) <= 2
            assert abs(counts[2] - 16 * 200 / 1300) <= 2


def test_labelled_sentences_are_drawn_equally_often_and_raw_text_goes_on_in_the_next_epoch():
    of = sampler()
    epochs = [np.concatenate(batches(of, epoch)) for epoch in range(3)]
    assert set(Counter(epochs[0][epochs[0] < 900].tolist()).values()) == {1}
    assert set(Counter(epochs[0][(epochs[0] >= 900) & (epochs[0] < 940)].tolist()).values()) == {5}
    raw = np.concatenate([rows[rows >= 940] for rows in epochs])
    assert Counter(Counter(raw.tolist()).values()) == {2: 300}  # 600 draws of 300 sentences


def test_batches_of_streams_in_turn():
    of = sampler("alternating", size=16)
    drawn = batches(of, 0)
    assert [list(streams_of(rows)) for rows in drawn] == [[0], [1], [2]] * 3  # 40 target sentences: 3 batches of 16
    assert len(of) == 3 * 48
    target = np.concatenate([rows for epoch in range(5) for rows in batches(of, epoch)[1::3]])
    assert set(Counter(target.tolist()).values()) == {6}  # 5 epochs of 48 draws are 6 passes over 40 sentences


@pytest.mark.parametrize("kind", ["proportional", "alternating"])
def test_the_draw_depends_on_seed_and_epoch_alone_and_batches_waste_little_padding(kind):
    one, two, other = sampler(kind), sampler(kind), sampler(kind, seed=2)
    expected = [list(map(list, batches(one, epoch))) for epoch in range(3)]
    assert [list(map(list, batches(two, epoch))) for epoch in (2, 0)] == [expected[2], expected[0]]
    assert list(map(list, batches(other, 0))) != expected[0] != expected[1]
    rows = [LENGTHS[rows] for rows in batches(one, 0)]
    assert sum(lengths.sum() for lengths in rows) > 0.65 * sum(lengths.max() * len(lengths) for lengths in rows)


def test_a_stream_without_sentences_is_refused():
    mixture = Mixture(np.zeros(3, dtype=int), [3, 2], alternating=False)
    with pytest.raises(ValueError, match="stream 1 has no sentence"):
        StreamBatches([1, 2, 3], mixture, 2, seed=1)
