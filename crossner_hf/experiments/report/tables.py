"""The report's numbers as pandas tables: those that the page shows, and those of the CSV files. F1 is in percent."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pandas as pd

from crossner_hf.results import published
from crossner_hf.results.collect import Run
from crossner_hf.results.statistics import Summary, summarise
from crossner_hf.results.systems import EvalSet, Results, System
from crossner_hf.schema import DEDUPLICATED, DOMAINS, SOURCE

SPLIT = ("domain", "test_sha256", "is_crossner")
SYSTEM = ("encoder", "dapt", "corpus_percent", "setting", "sentences", "draw", "detail")
SCORE = ("convention", "mean_f1", "standard_deviation", "seeds")
WHOLE_NUMBERS = ("sentences", "sentences_1", "sentences_2", "dapt_tokens_seen")  # where they are known
GROUPS = {"specialised": "specialised types", "generic": "generic types", "overall": "all types"}
NOTHING = "–"

Cells = Mapping[tuple[System, EvalSet], Sequence[Run]]


class Bold(str):
    """A cell in bold."""


@dataclass(frozen=True)
class Table:
    """A table of the page.

    cells:  texts; the first `names` columns hold names, the others numbers
    rules:  numbers of rows with a thin rule above them
    shares: of a heat map, how dark each cell is, 0 to 1
    """

    cells: pd.DataFrame
    names: int = 1
    rules: Sequence[int] = ()
    shares: Sequence[Sequence[float]] = ()

    @property
    def header(self) -> list[str]:
        return [str(name) for name in self.cells.columns]

    @property
    def rows(self) -> list[list[str]]:
        rows: list[list[str]] = self.cells.to_numpy(dtype=object).tolist()
        return rows


class Block(NamedTuple):
    """Test splits that go into one table.

    where:   for captions
    average: whether a mean over the splits is meaningful
    """

    name: str
    where: str
    eval_sets: list[EvalSet]
    average: bool = False
    note: str = ""


def frame_of(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> pd.DataFrame:
    """Rows as a table; whole numbers of which some are not known stay whole."""
    frame = pd.DataFrame(list(rows), columns=list(columns), dtype=object)
    return frame.astype({name: "Int64" for name in WHOLE_NUMBERS if name in frame})


def f1_of(run: Run, convention: str, group: str = "overall") -> float:
    return 100 * run.scores(convention)[group]["f1"]


def summary_of(runs: Sequence[Run], convention: str, group: str = "overall") -> Summary:
    return summarise([f1_of(run, convention, group) for run in runs])


def blocks(results: Results) -> list[Block]:
    """The test splits of the results by kind: CrossNER, its variants, its source; and, apart, what is not CrossNER."""
    crossner = [e for e in results.eval_sets if e.is_crossner]
    domains = {e.domain for e in crossner}
    dedup = [name for name in DEDUPLICATED if name.removesuffix("_dedup") in DOMAINS]
    every = [
        Block("crossner", "on CrossNER", [e for e in crossner if e.domain in DOMAINS], set(DOMAINS) <= domains),
        Block(
            "without-duplicates",
            "on CrossNER without its duplicates",
            [e for e in crossner if e.domain in dedup],
            set(dedup) <= domains,
            "Test sentences that also stand in another split, or in the training split of another domain, are left "
            "out: not comparable with scores on the official test splits.",
        ),
        Block("source", "on the source", [e for e in crossner if e.domain.removesuffix("_dedup") == SOURCE.name]),
        Block(
            "not-crossner",
            "not on CrossNER",
            [e for e in results.eval_sets if not e.is_crossner],
            note="Samples, domains of your own, and files that were not held to the published checksums: these are "
            "not CrossNER scores and must not be compared with them.",
        ),
    ]
    return [block for block in every if block.eval_sets]


def main_table(block: Block, results: Results, convention: str) -> Table:
    """One row for each system, one column for each test split; their average where all five domains are there."""
    systems = [s for s in results.systems if any((s, e) in results.cells for e in block.eval_sets)]
    columns = {
        e.label: [summary_of(runs, convention) if (runs := results.cells.get((s, e))) else None for s in systems]
        for e in block.eval_sets
    }
    if block.average:
        columns["average"] = [average(results.cells, system, block.eval_sets, convention) for system in systems]
    means = np.array([[s.mean if s else np.nan for s in column] for column in columns.values()])
    bold = best(means, axis=1)
    names = {"Model": _model_names(systems), "Training": [system.training for system in systems]}
    texts = [
        [NOTHING if s is None else Bold(s) if b else str(s) for s, b in zip(column, mask, strict=True)]
        for column, mask in zip(columns.values(), bold.tolist(), strict=True)
    ]
    return Table(frame_of([*names, *columns], zip(*names.values(), *texts, strict=True)), 2, _rules(systems))


def best(means: np.ndarray, axis: int) -> np.ndarray:
    """Which values along an axis are the highest as shown, with two digits, where there is a lower one."""
    shown = np.array([[float(f"{mean:.2f}") for mean in row] for row in means])
    highest = np.fmax.reduce(shown, axis=axis, keepdims=True)  # fmax ignores NaN
    is_best: np.ndarray = (shown == highest) & (np.fmin.reduce(shown, axis=axis, keepdims=True) < highest)
    return is_best


def _group(system: System) -> tuple[str, bool]:
    """Rows of one encoder stand together, few-shot ones apart."""
    return system.encoder, system.size is not None


def _rules(systems: Sequence[System]) -> list[int]:
    """Before which rows the group changes; nowhere where every row is a group of its own."""
    groups = [_group(system) for system in systems]
    if len(set(groups)) == len(groups):
        return []
    return [i for i in range(1, len(groups)) if groups[i] != groups[i - 1]]


def _model_names(systems: Sequence[System]) -> list[str]:
    """A model's name in the first of its rows, and below it only what is added to it."""
    names = [systems[0].model]
    for before, system in pairwise(systems):
        added = system.model.removeprefix(system.encoder).strip()
        known = _group(system) == _group(before)
        names.append("" if known and system.model == before.model else added if known and added else system.model)
    return names


def average(cells: Cells, system: System, eval_sets: Sequence[EvalSet], convention: str) -> Summary | None:
    """The mean over the domains of their means over seeds; None unless a system has all domains, each with one file.

    Its spread is that of the seeds' own averages; there is none unless every domain has the same seeds.
    """
    if any((system, e) not in cells for e in eval_sets) or len({e.domain for e in eval_sets}) < len(eval_sets):
        return None
    by_seed = [{run.seed: f1_of(run, convention) for run in cells[system, e]} for e in eval_sets]
    if all(scores.keys() == by_seed[0].keys() for scores in by_seed):
        return summarise([sum(scores[seed] for scores in by_seed) / len(by_seed) for seed in by_seed[0]])
    mean = sum(summarise(list(scores.values())).mean for scores in by_seed) / len(by_seed)
    return Summary(mean, None, min(map(len, by_seed)))


def published_table() -> tuple[Table, list[str]]:
    """The published scores, and the sources that their last column numbers."""
    sources = list(dict.fromkeys(row.source for row in published.ROWS))
    rows = [
        [
            *(row.system, row.encoder, row.convention, row.seeds),
            *([f"{score:.2f}" for score in row.scores] or [NOTHING] * len(published.COLUMNS)),
            f"{row.average:.2f}",
            f"[{sources.index(row.source) + 1}]",
        ]
        for row in published.ROWS
    ]
    header = ["System", "Encoder", "Convention", "Seeds", *published.COLUMNS, "average", "Read in"]
    rules = (len(published.PAPER), len(published.PAPER) + len(published.EARLIER))
    return Table(frame_of(header, rows), names=4, rules=rules), sources


def type_scores(runs: Sequence[Run], convention: str) -> dict[str, tuple[int, float]]:
    """Gold entities of each type and group of types, and their F1 averaged over all runs.

    A type counts as 0 in a run that neither has nor predicts it. A group that some run does not tell apart is left out.
    """
    scores = [run.scores(convention) for run in runs]
    types = dict.fromkeys(t for one in scores for t in one["per_type"])
    f1 = {t: [one["per_type"].get(t, {"f1": 0.0})["f1"] for one in scores] for t in types}
    first = {t: scores[0]["per_type"].get(t, {"support": 0})["support"] for t in types}
    for group in GROUPS:
        if all(group in one for one in scores):
            f1[f"({group})"] = [one[group]["f1"] for one in scores]
            first[f"({group})"] = scores[0][group]["support"]
    return {name: (first[name], 100 * sum(values) / len(values)) for name, values in f1.items()}


def types_table(names: Mapping[System, str], systems: Mapping[System, Sequence[Run]], convention: str) -> Table:
    """One row for each type and, below, for groups of types; one column for each of the named systems."""
    columns = [type_scores(systems[system], convention) for system in names]
    groups = [f"({group})" for group in GROUPS if all(f"({group})" in column for column in columns)]
    entities = {name: number for name, (number, _) in columns[0].items() if number}
    types = sorted((name for name in entities if not name.startswith("(")), key=lambda name: -entities[name])
    means = np.array([[column.get(name, (0, 0.0))[1] for column in columns] for name in (*types, *groups)])
    bold = best(means, axis=1)
    rows = [
        [
            GROUPS.get(name.strip("()"), name) if name in groups else name,
            f"{columns[0][name][0]:,}",
            *(Bold(f"{mean:.2f}") if b else f"{mean:.2f}" for mean, b in zip(row, mask, strict=True)),
        ]
        for name, row, mask in zip((*types, *groups), means.tolist(), bold.tolist(), strict=True)
    ]
    return Table(frame_of(["Type", "Entities", *names.values()], rows), rules=(len(types),))


def csv_tables(results: Results, convention: str) -> dict[str, pd.DataFrame]:
    """The tables of runs, of systems and of entity types, by name of their CSV file."""
    cells = [(split_cells(e), system_cells(s), runs) for e in results.eval_sets for s, runs in results.of(e).items()]
    runs_rows = (
        (*split, *system, run.seed, convention, f1_of(run, convention), run.shown)
        for split, system, runs in cells
        for run in runs
    )
    main_rows = ((*split, *system, convention, *summary_of(runs, convention)) for split, system, runs in cells)
    type_rows = (
        (*split, *system, name, entities, convention, mean, len(runs))
        for split, system, runs in cells
        for name, (entities, mean) in type_scores(runs, convention).items()
        if name != "(overall)"
    )
    return {
        "main_table": frame_of((*SPLIT, *SYSTEM, *SCORE), main_rows),
        "runs": frame_of((*SPLIT, *SYSTEM, "seed", "convention", "f1", "record"), runs_rows),
        "per_type": frame_of((*SPLIT, *SYSTEM, "type", "entities", "convention", "mean_f1", "seeds"), type_rows),
    }


def split_cells(e: EvalSet) -> tuple[str, str, bool]:
    return e.domain, e.sha256[:16], e.is_crossner


def system_cells(s: System) -> tuple[object, ...]:
    return s.encoder, s.dapt, s.percent, s.setting, s.size, s.draw, s.detail
