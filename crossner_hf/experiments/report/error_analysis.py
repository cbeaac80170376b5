"""What goes wrong: types taken for others, entities missed or cut differently, and the hardest sentences."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from crossner_hf.results.predictions import Compared, Gold, at_start, find_spans
from crossner_hf.results.systems import System
from crossner_hf.tagger.iob2 import Span, spans

OTHER_COLUMNS = ("boundary", "missed", "spurious")


def confusion(runs: Sequence[Compared], gold: Gold) -> np.ndarray:
    """Entities, summed over the runs: (types, types + 3), a row a gold type.

    The first columns count gold entities found with exact boundaries, by the type given; `boundary` those that some
    prediction overlaps, none with their boundaries; `missed` those that none overlaps. `spurious` counts predictions of
    the row's type that overlap no gold entity. So all columns but the last add up to the gold entities.
    """
    types = len(gold.domain.entity_types)
    width = types + len(OTHER_COLUMNS)
    cells = np.zeros(types * width, dtype=int)
    wanted = gold.spans
    for run in runs:
        found = find_spans(run.ids, gold.starts)
        end, kind = at_start(found, len(run.ids))
        exact = end[wanted.start] == wanted.end
        missed = types + 1 - _touched(wanted, run.ids)  # the column before `missed` is `boundary`
        cells += np.bincount(wanted.type * width + np.where(exact, kind[wanted.start], missed), minlength=len(cells))
        spurious = found.type[~_touched(found, gold.ids)].astype(int)
        cells += np.bincount(spurious * width + types + 2, minlength=len(cells))
    return cells.reshape(types, width)


def _touched(these, ids: np.ndarray) -> np.ndarray:
    """Which of these spans hold a word that is an entity's in `ids`."""
    before = np.concatenate(([0], np.cumsum(ids > 0)))
    return before[these.end] > before[these.start]


class HardSentence(NamedTuple):
    """A test sentence: F1 over all runs, entities missed in them (of `wanted`), and what some systems predict."""

    number: int
    tokens: list[str]
    f1: float
    missed: int
    wanted: int
    gold: list[Span]
    predicted: dict[System, list[Span]]


def hardest(
    runs: Mapping[System, Sequence[Compared]], gold: Gold, shown: Sequence[System], most: int
) -> list[HardSentence]:
    """The sentences with the lowest F1 over all runs; where it is equal, those with the most missed entities.

    shown: systems whose predictions (of their first seed) are given with the sentence
    """
    every = [run for several in runs.values() for run in several]
    right, predicted = (np.sum([getattr(run, name) for run in every], axis=0) for name in ("right", "predicted"))
    wanted = gold.counts * len(every)
    f1 = 2 * right / np.maximum(predicted + wanted, 1)
    order = [i for i in np.lexsort((right - wanted, f1)).tolist() if wanted[i]]

    def found(ids: np.ndarray, i: int) -> list[Span]:
        start = gold.starts[i]
        return spans([gold.domain.labels[label] for label in ids[start : start + gold.lengths[i]]])

    return [
        HardSentence(
            i,
            gold.tokens[i],
            float(100 * f1[i]),
            int(wanted[i] - right[i]),
            int(wanted[i]),
            found(gold.ids, i),
            {system: found(runs[system][0].ids, i) for system in shown},
        )
        for i in order[:most]
    ]
