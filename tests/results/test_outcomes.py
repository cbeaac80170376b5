"""What became of entities: by hand, and against the counts of the report's confusion."""

import itertools
from collections import Counter

import numpy as np

from crossner_hf.experiments.report.error_analysis import OTHER_COLUMNS, confusion
from crossner_hf.results.outcomes import outcomes
from crossner_hf.results.predictions import Gold, compare
from crossner_hf.schema import get_domain
from crossner_hf.tagger.iob2 import Span, spans


def test_each_kind_by_hand():
    gold = [Span(0, 2, "band"), Span(3, 4, "song"), Span(5, 7, "album"), Span(8, 9, "award")]
    predicted = [Span(0, 2, "band"), Span(3, 4, "album"), Span(6, 7, "album"), Span(10, 12, "person")]
    confidence = [0.5, 0.7, 0, 0.4, 0, 0, 0.9, 0, 0, 0, 0.2, 0.4]
    result = outcomes(gold, predicted, confidence)
    assert [outcome.kind for outcome in result] == ["right", "type", "boundary", "missed", "spurious"]
    assert [outcome.confidence and round(outcome.confidence, 2) for outcome in result] == [0.6, 0.4, 0.9, None, 0.3]
    assert result[1].types == {"song", "album"}
    assert (result[3].predicted, result[4].gold) == (None, None)


def test_the_counts_are_those_of_the_reports_confusion():
    domain = get_domain("sample_music")
    labels = ["O", "B-band", "I-band", "B-song"]
    sequences = list(itertools.product(labels, repeat=3))
    rng = np.random.default_rng(0)
    pairs = [(sequences[i], sequences[j]) for i, j in rng.integers(len(sequences), size=(300, 2))]
    kinds = Counter(o.kind for gold, predicted in pairs for o in outcomes(spans(gold), spans(predicted), [1.0] * 3))

    def ids(side: int) -> np.ndarray:
        return np.array([domain.label2id[tag] for pair in pairs for tag in pair[side]])

    gold = Gold(domain, [["a", "b", "c"]] * len(pairs), ids(0), np.full(len(pairs), 3), None)
    counts = confusion([compare(ids(1), gold)], gold)
    types = len(domain.entity_types)
    expected = dict(zip(OTHER_COLUMNS, counts[:, types:].sum(0).tolist(), strict=True))
    expected["right"] = int(np.trace(counts[:, :types]))
    expected["type"] = int(counts[:, :types].sum()) - expected["right"]
    assert kinds == expected
