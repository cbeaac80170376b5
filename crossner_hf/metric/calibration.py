"""Calibration: the distance between the confidence in predicted entities and how often they are correct."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from crossner_hf.tagger.iob2 import spans

BINS = 10  # of equal width over confidences from 0 to 1


def calibration(
    predicted: Sequence[Sequence[str]], gold: Sequence[Sequence[str]], scores: Sequence[Sequence[float]]
) -> dict[str, Any]:
    """Compute the expected calibration error of predicted entities.

    Args:
        predicted: Predicted tags of each sentence.
        gold: Gold tags of each sentence.
        scores: Confidence of each word; the confidence of an entity is the mean over its words.

    Returns:
        `ece`, the mean distance in a bin between confidence and precision, weighted by the bins' entities; `bins`,
        `entities`, `confidence` (mean) and `precision`. Without entities `ece`, `confidence` and `precision` are None.

    Source: Guo et al. (2017), section 2.
    """
    confidences, is_correct = [], []
    for tags, gold_tags, values in zip(predicted, gold, scores, strict=True):
        gold_spans = set(spans(gold_tags))
        for span in spans(tags):
            confidences.append(sum(values[span.start : span.end]) / (span.end - span.start))
            is_correct.append(span in gold_spans)
    if not is_correct:
        return {"ece": None, "bins": BINS, "entities": 0, "confidence": None, "precision": None}
    confidence, correct = np.asarray(confidences), np.asarray(is_correct, dtype=float)
    place = np.minimum((confidence * BINS).astype(int), BINS - 1)
    distance = np.abs(np.bincount(place, confidence - correct, BINS)).sum()
    return {
        "ece": float(distance / len(is_correct)),
        "bins": BINS,
        "entities": len(is_correct),
        "confidence": float(confidence.mean()),
        "precision": float(correct.mean()),
    }
