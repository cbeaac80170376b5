"""Paired bootstrap over the test sentences: is the difference of two systems significant?

The test split is resampled with replacement, the same sentences for both systems (Koehn, 2004, Statistical significance
tests for machine translation evaluation). In every resample the F1 of each run is computed from its entities, and
averaged over the runs of a system: the statistic is the difference of the means in the main table. The
p-value is that of Berg-Kirkpatrick et al. (2012, An empirical investigation of statistical significance in NLP), who
centre the resampled differences at the observed one; here two-sided, as neither system is expected to be better:
p = (1 + resamples with |difference* - difference| >= |difference|) / (1 + resamples).

The runs are fixed, so the p-value does not cover the choice of seeds; the standard deviation over seeds does.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from crossner_hf.results.predictions import Compared, Gold
from crossner_hf.results.systems import System

RESAMPLES = 10_000
SEED = 0
AT_ONCE = 2_000  # resamples: 2,000 × 650 sentences are 5 MB
TAIL = 0.025  # on either side of the interval
ROUNDING = 1e-6  # of F1 between 0 and 1 in float32


class Comparison(NamedTuple):
    """`first` against `second`, in points of F1: observed difference, its 95 % percentile interval, p-value."""

    first: System
    second: System
    difference: float
    low: float
    high: float
    p: float


def compare_all(
    runs: Mapping[System, Sequence[Compared]], gold: Gold, resamples: int = RESAMPLES, seed: int = SEED
) -> list[Comparison]:
    """Compare every pair of systems on one test split. `seed` fixes which sentences are drawn."""
    systems = list(runs)
    if len(systems) < 2:
        return []
    rng = np.random.default_rng(seed)
    samples = np.empty((len(systems), resamples), dtype=np.float32)
    for start in range(0, resamples, AT_ONCE):
        number = min(AT_ONCE, resamples - start)
        samples[:, start : start + number] = mean_f1(runs, gold, _draw(rng, number, len(gold.lengths)))
    observed = mean_f1(runs, gold, np.ones((1, len(gold.lengths))))[:, 0].tolist()
    tails = [int(TAIL * (resamples - 1)), int(np.ceil((1 - TAIL) * (resamples - 1)))]
    comparisons = []
    for i, j in combinations(range(len(systems)), 2):
        differences, seen = samples[i] - samples[j], observed[i] - observed[j]
        p = (1 + int((np.abs(differences - seen) >= abs(seen) - ROUNDING).sum())) / (1 + resamples)
        low, high = np.sort(differences)[tails].tolist()
        comparisons.append(Comparison(systems[i], systems[j], 100 * seen, 100 * low, 100 * high, p))
    return comparisons


def _draw(rng: np.random.Generator, number: int, sentences: int) -> np.ndarray:
    """How often each sentence is in each resample of as many sentences: (number, sentences)."""
    drawn = rng.integers(0, sentences, size=(number, sentences), dtype=np.int32)
    drawn += np.arange(0, number * sentences, sentences, dtype=np.int32)[:, None]
    return np.bincount(drawn.ravel(), minlength=number * sentences).reshape(number, sentences)


def mean_f1(runs: Mapping[System, Sequence[Compared]], gold: Gold, weights: np.ndarray) -> np.ndarray:
    """F1 of each system, averaged over its runs, with each sentence counted `weights` times: (systems, resamples).

    weights: (resamples, sentences)
    """
    every = [run for several in runs.values() for run in several]
    # float32 is exact here: all sums are whole numbers, far below 2**24.
    counts = np.stack([*(r.right for r in every), *(r.predicted for r in every), gold.counts]).astype(np.float32)
    sums = (counts @ weights.astype(np.float32).T).astype(float)
    right, predicted, wanted = sums[: len(every)], sums[len(every) : -1], sums[-1]
    total = predicted + wanted
    f1 = np.divide(2 * right, total, out=np.zeros_like(right), where=total > 0)
    ends = np.cumsum([len(several) for several in runs.values()])
    return np.stack(
        [f1[end - len(several) : end].mean(axis=0) for end, several in zip(ends, runs.values(), strict=True)]
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction (1979), in the order of the p-values given."""
    order = np.argsort(p_values, kind="stable")
    steps = np.maximum.accumulate([(len(order) - i) * p_values[j] for i, j in enumerate(order)])
    corrected = np.empty(len(order))
    corrected[order] = np.minimum(steps, 1.0)
    return corrected.tolist()
