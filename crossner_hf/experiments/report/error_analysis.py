"""What predictions show beyond scores: confusion between types, significance, and the hardest sentences."""

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from crossner_hf.experiments.report import tables
from crossner_hf.results.collect import SetAside
from crossner_hf.results.predictions import Compared, Gold, at_start, read_gold, read_predictions
from crossner_hf.results.significance import Comparison, compare_all, holm
from crossner_hf.results.systems import EvalSet, System
from crossner_hf.tagger.iob2 import Span, spans

OTHER_COLUMNS = ("boundary", "missed", "spurious")
SIGNIFICANT = 0.05
SENTENCES = 5
MANY_RUNS = 200  # whose analysis takes longer than to start processes
PREDICTIONS = 3  # of systems, below each sentence


class HardSentence(NamedTuple):
    """A test sentence: F1 over all runs, how many of its entities (over all runs) are missed, what systems predict."""

    number: int
    tokens: list[str]
    f1: float
    missed: int
    entities: int
    gold: list[Span]
    predicted: dict[System, list[Span]]


@dataclass(frozen=True)
class Analysis:
    """What the predictions of the runs on one test split show."""

    eval_set: EvalSet
    missing: str = ""  # why there is nothing to show
    unused: Sequence[SetAside] = ()  # predictions that do not fit, with the reason
    entity_types: Sequence[str] = ()
    sentences: int = 0  # of the test split
    train_sentences: int | None = None
    seeds: Mapping[System, int] = field(default_factory=dict)  # runs with predictions
    confusions: Mapping[System, np.ndarray] = field(default_factory=dict)  # as `confusion` gives them
    comparisons: Sequence[Comparison] = ()
    hardest: Sequence[HardSentence] = ()


def executor_for(runs: int, eval_sets: int) -> Executor:
    """Processes where there are many runs to analyse, otherwise a thread."""
    if runs < MANY_RUNS or sys.platform != "linux":
        return ThreadPoolExecutor(1)
    processes = min(eval_sets, len(os.sched_getaffinity(0)))
    return ProcessPoolExecutor(processes, get_context("fork"))  # which need not import everything again


def analyse(
    eval_set: EvalSet, systems: tables.Runs, data_dirs: Sequence[str | Path], convention: str, resamples: int
) -> Analysis:
    """Read gold and predictions of a test split. A system counts with those of its runs whose predictions fit."""
    types = next(iter(systems.values()))[0].record.entity_types
    try:
        gold = read_gold(eval_set, types, data_dirs)
    except (ValueError, OSError) as error:
        return Analysis(eval_set, f"the test sentences are not at hand: {error}")
    train_sentences = gold.train_sentences if any(system.size is not None for system in systems) else None
    compared: dict[System, list[Compared]] = {}
    unused = []
    for system, run in ((system, run) for system, runs in systems.items() for run in runs if run.predictions):
        try:
            compared.setdefault(system, []).append(read_predictions(run, gold))
        except ValueError as error:
            unused.append(SetAside(run.shown, f"its scores count, its predictions do not: {error}"))
    compared = {system: several for system, several in compared.items() if several}
    if not compared:
        missing = (
            "no predictions that can be used lie beside the records (predictions.json in a run's folder, "
            "NAME.predictions.json beside NAME.json); runs of this version write them"
        )
        return Analysis(eval_set, missing, unused, train_sentences=train_sentences)
    return Analysis(
        eval_set,
        "",
        unused,
        types,
        len(gold.lengths),
        train_sentences,
        {system: len(several) for system, several in compared.items()},
        {system: confusion(several, gold) for system, several in compared.items()},
        compare_all(compared, gold, resamples),
        hardest(compared, gold, tables.best_of({s: systems[s] for s in compared}, PREDICTIONS, convention), SENTENCES),
    )


def confusion(runs: Sequence[Compared], gold: Gold) -> np.ndarray:
    """Count what became of entities, summed over the runs.

    Returns:
        Counts, (types, types + 3), one row for each gold type. The first columns count gold entities found with exact
        boundaries, by the predicted type; `boundary` those that some prediction overlaps, none with their boundaries;
        `missed` those that none overlaps. `spurious` counts predictions of the row's type that overlap no gold entity.
        So all columns but the last add up to the gold entities.
    """
    types = len(gold.domain.entity_types)
    width = types + len(OTHER_COLUMNS)
    counts = np.zeros(types * width, dtype=int)
    wanted = gold.spans
    for run in runs:
        predicted = run.spans
        end, kind = at_start(predicted, len(run.ids))
        exact = end[wanted.start] == wanted.end
        missed = types + 1 - _overlapped(wanted, predicted)  # the column before `missed` is `boundary`
        became = np.where(exact, kind[wanted.start], missed)
        counts += np.bincount(wanted.type * width + became, minlength=len(counts))
        spurious = predicted.type[~_overlapped(predicted, wanted)].astype(int)
        counts += np.bincount(spurious * width + types + 2, minlength=len(counts))
    return counts.reshape(types, width)


def _overlapped(entities: Any, others: Any) -> np.ndarray:
    """Which entities share a word with one of the others; both are in the order of the words."""
    last = np.searchsorted(others.start, entities.end) - 1  # the last one that starts before an entity ends, or -1
    overlapped: np.ndarray = np.append(others.end, 0)[last] > entities.start
    return overlapped


def hardest(
    runs: Mapping[System, Sequence[Compared]], gold: Gold, shown: Sequence[System], most: int
) -> list[HardSentence]:
    """The sentences with the lowest F1 over all runs; where it is equal, those with the most missed entities.

    shown: systems whose predictions (of their first seed) are given with the sentence
    """
    every = [run for several in runs.values() for run in several]
    right, predicted = (np.sum([getattr(run, name) for run in every], axis=0) for name in ("right", "predicted"))
    entities = gold.counts * len(every)
    f1 = 200 * right / np.maximum(predicted + entities, 1)
    order = [i for i in np.lexsort((right - entities, f1)).tolist() if entities[i]]

    def spans_of(ids: np.ndarray, i: int) -> list[Span]:
        words = slice(gold.starts[i], gold.starts[i] + gold.lengths[i])
        return spans([gold.domain.labels[label] for label in ids[words]])

    return [
        HardSentence(
            i,
            gold.tokens[i],
            float(f1[i]),
            int(entities[i] - right[i]),
            int(entities[i]),
            spans_of(gold.ids, i),
            {system: spans_of(runs[system][0].ids, i) for system in shown},
        )
        for i in order[:most]
    ]


def confusion_table(analysis: Analysis, system: System) -> tuple[tables.Table, list[str]]:
    """A system's confusion in percent of the gold entities of each type, and the types that have none."""
    types, counts = analysis.entity_types, analysis.confusions[system]
    entities = counts[:, :-1].sum(axis=1)
    order = [i for i in np.argsort(-entities, kind="stable").tolist() if entities[i]]
    columns = [*order, *range(len(types), len(types) + len(OTHER_COLUMNS))]
    percent = (100 * counts[np.ix_(order, columns)] / entities[order, None]).tolist()
    rows = [
        [types[i], *(f"{value:.0f}" if value >= 0.5 else "·" if value else "" for value in row)]
        for i, row in zip(order, percent, strict=True)
    ]
    header = ["gold type", *(types[i] for i in order), *OTHER_COLUMNS]
    shares = [[value / 100 for value in row] for row in percent]
    without_entities = [name for name, number in zip(types, entities, strict=True) if not number]
    return tables.Table(header, rows, shares=shares), without_entities


def significance_table(comparisons: Sequence[Comparison], names: Mapping[System, str]) -> tables.Table:
    """One row for each pair of systems; the p-values of all rows are corrected together."""
    rows = []
    for c, corrected in zip(comparisons, holm([c.p for c in comparisons]), strict=True):
        numbers = [f"{c.difference:+.2f}", f"{c.low:+.2f} to {c.high:+.2f}", _p(c.p), _p(corrected)]
        texts = [text.replace("-", "−") for text in numbers]
        rows.append([names[c.first], names[c.second], *(map(tables.Bold, texts) if corrected < SIGNIFICANT else texts)])
    return tables.Table(["System", "against", "difference", "95 % interval", "p", "p (Holm)"], rows, names=2)


def _p(value: float) -> str:
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def csv_tables(analyses: Iterable[Analysis]) -> dict[str, pd.DataFrame]:
    """The tables of significance and of confusion (entities summed over seeds), by name of their CSV file."""
    pairs, became = [], []
    for a in analyses:
        split = tables.split_cells(a.eval_set)
        for c in a.comparisons:
            systems = (*tables.system_cells(c.first), *tables.system_cells(c.second))
            pairs.append((*split, *systems, *c[2:], a.seeds[c.first], a.seeds[c.second]))
        for system, counts in a.confusions.items():
            head, seeds = (*split, *tables.system_cells(system)), a.seeds[system]
            names = (*a.entity_types, *OTHER_COLUMNS)
            became += [(*head, names[i], names[j], counts[i, j], seeds) for i, j in np.argwhere(counts).tolist()]
    both = [f"{name}_{number}" for number in (1, 2) for name in tables.SYSTEM]
    numbers = ("difference", "low_95_percent", "high_95_percent", "p", "seeds_1", "seeds_2")
    return {
        "significance": tables.frame_of((*tables.SPLIT, *both, *numbers), pairs),
        "confusion": tables.frame_of(
            (*tables.SPLIT, *tables.SYSTEM, "gold_type", "became", "entities", "seeds"), became
        ),
    }
