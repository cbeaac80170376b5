"""Expected calibration error of predicted entities."""

import random

import pytest

from crossner_hf.metric.calibration import BINS, calibration


def sentence(right: bool, confidence: float):
    """One predicted entity of two words, right or of the wrong type, with words of unequal confidence."""
    return (
        ["O", "B-band", "I-band"],
        ["O", "B-band", "I-band"] if right else ["O", "B-song", "I-song"],
        [
            0.3,
            confidence + 0.05,
            confidence - 0.05,
        ],
    )


def calibrated(pairs):
    predicted, gold, scores = zip(*(sentence(*pair) for pair in pairs), strict=True)
    return calibration(predicted, gold, scores)


def test_a_worked_example():
    """Bin 0.9-1.0: two of confidence 0.94, one right; bin 0.6-0.7: one of 0.65, wrong."""
    actual = calibrated([(True, 0.94), (False, 0.94), (False, 0.65)])
    assert actual["ece"] == pytest.approx((2 * abs(0.94 - 0.5) + 1 * 0.65) / 3)
    assert actual["entities"] == 3
    assert actual["confidence"] == pytest.approx((0.94 + 0.94 + 0.65) / 3)
    assert actual["precision"] == pytest.approx(1 / 3)


def test_it_is_the_sum_over_bins_by_definition():
    rng = random.Random(0)
    pairs = [(rng.random() < 0.6, rng.uniform(0.06, 0.94)) for _ in range(300)]
    expected = 0.0
    for number in range(BINS):
        inside = [(right, c) for right, c in pairs if number / BINS <= c < (number + 1) / BINS]
        if inside:
            precision, confidence = (sum(values) / len(inside) for values in zip(*inside, strict=True))
            expected += len(inside) / len(pairs) * abs(precision - confidence)
    assert calibrated(pairs)["ece"] == pytest.approx(expected)


def test_the_error_is_zero_if_precision_equals_confidence():
    assert calibrated([(True, 0.75)] * 3 + [(False, 0.75)])["ece"] == pytest.approx(0)


def test_full_confidence_falls_into_the_last_bin():
    assert calibration([["B-a"]], [["B-a"]], [[1.0]])["ece"] == 0


def test_without_entities_there_is_no_error():
    assert calibration([["O"]], [["B-a"]], [[0.9]]) == {
        "ece": None,
        "bins": BINS,
        "entities": 0,
        "confidence": None,
        "precision": None,
    }
