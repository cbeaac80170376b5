"""How far the confidence in predicted entities is from how often they are right."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from crossner_hf.tagger.iob2 import spans

BINS = 10  # of equal width over confidences from 0 to 1


def calibration(
    predicted: Sequence[Sequence[str]], gold: Sequence[Sequence[str]], scores: Sequence[Sequence[float]]
) -> dict[str, Any]:
    """Expected calibration error (Guo et al. 2017, section 2) of the predicted entities.

    predicted, gold: tags of each sentence; scores: confidence of each word, the mean of which is that of an entity. An
    entity is right where gold has one of its boundaries and type. Gives `ece`, the mean distance in a bin between
    confidence and precision, weighted by the bins' entities; with it `bins`, `entities`, `confidence` (their mean) and
    `precision`. Without entities the last two and `ece` are None.
    """
    confidences, right = [], []
    for tags, truth, values in zip(predicted, gold, scores, strict=True):
        there = set(spans(truth))
        for span in spans(tags):
            confidences.append(sum(values[span.start : span.end]) / (span.end - span.start))
            right.append(span in there)
    if not right:
        return {"ece": None, "bins": BINS, "entities": 0, "confidence": None, "precision": None}
    confidence, correct = np.asarray(confidences), np.asarray(right, dtype=float)
    place = np.minimum((confidence * BINS).astype(int), BINS - 1)
    distance = np.abs(np.bincount(place, confidence - correct, BINS)).sum()
    return {
        "ece": float(distance / len(right)),
        "bins": BINS,
        "entities": len(right),
        "confidence": float(confidence.mean()),
        "precision": float(correct.mean()),
    }
