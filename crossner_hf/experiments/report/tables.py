"""The report's numbers as pandas tables: those that the page shows, and those of the CSV files. F1 is in percent."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from crossner_hf.results import published
from crossner_hf.results.collect import RunResult
from crossner_hf.results.statistics import Summary, summarise
from crossner_hf.results.systems import EvalSet, Results, System

SPLIT = ("domain", "test_sha256", "is_crossner")
SYSTEM = ("encoder", "dapt", "corpus_percent", "setting", "sentences", "draw", "detail")
SCORE = ("convention", "mean_f1", "standard_deviation", "seeds")
WHOLE_NUMBERS = ("sentences", "sentences_1", "sentences_2", "dapt_tokens_seen")  # where they are known
GROUPS = {"(specialised)": "specialised types", "(generic)": "generic types", "(overall)": "all types"}
NOTHING = "–"

Runs = Mapping[System, Sequence[RunResult]]  # the runs of each system on one test split


class Bold(str):
    """A cell in bold."""


@dataclass(frozen=True)
class Table:
    """A table of the page."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    names: int = 1  # so many columns hold names, the others numbers
    rules: Sequence[int] = ()  # numbers of rows with a thin rule above them
    shares: Sequence[Sequence[float]] = ()  # of a heat map: how dark each cell is, 0 to 1


def frame_of(columns: Iterable[str], rows: Iterable[Sequence[object]]) -> pd.DataFrame:
    """Rows as a table; a column of whole numbers stays one where some are not known."""
    frame = pd.DataFrame(list(rows), columns=list(columns), dtype=object)
    return frame.astype({name: "Int64" for name in WHOLE_NUMBERS if name in frame})


def f1_of(run: RunResult, convention: str) -> float:
    return 100 * run.scores(convention).overall.f1


def summary_of(runs: Sequence[RunResult], convention: str) -> Summary:
    return summarise([f1_of(run, convention) for run in runs])


def headline(systems: Iterable[System]) -> list[System]:
    """The systems trained on all sentences, with all of a corpus; where there are none, all systems."""
    systems = list(systems)
    return [s for s in systems if s.size is None and s.percent in (None, 100)] or systems


def best_of(systems: Runs, most: int, convention: str) -> list[System]:
    """The headline systems with the highest means, at most so many, in their usual order."""
    chosen = headline(systems)
    best = sorted(chosen, key=lambda s: -summary_of(systems[s], convention).mean)[:most]
    return [s for s in chosen if s in best]


def main_table(columns: Mapping[str, Runs], convention: str, with_average: bool = False) -> Table:
    """One row for each system, one column for each test split and, if wanted, their average."""
    systems = sorted({s for runs in columns.values() for s in runs}, key=System.order)
    summaries: list[list[Summary | None]] = [
        [summary_of(runs[s], convention) if s in runs else None for s in systems] for runs in columns.values()
    ]
    if with_average:
        summaries.append([average([runs.get(s, ()) for runs in columns.values()], convention) for s in systems])
    scores = [best_in_bold([NOTHING if s is None else str(s) for s in column]) for column in summaries]
    training = [system.training for system in systems]
    rows = list(map(list, zip(_model_names(systems), training, *scores, strict=True)))
    groups = [_group(system) for system in systems]
    rules = [i for i in range(1, len(groups)) if groups[i] != groups[i - 1]]
    header = ["Model", "Training", *columns, *(["average"] if with_average else [])]
    return Table(header, rows, names=2, rules=rules if len(rules) < len(groups) - 1 else ())


def best_in_bold(cells: Sequence[str]) -> list[str]:
    """Make the cells with the highest number bold, where there is a lower one; a cell begins with its number."""
    numbers = [np.nan if cell == NOTHING else float(cell.split()[0]) for cell in cells]
    lowest, highest = np.fmin.reduce(numbers), np.fmax.reduce(numbers)  # they ignore NaN
    return [Bold(cell) if lowest < number == highest else cell for cell, number in zip(cells, numbers, strict=True)]


def _group(system: System) -> tuple[str, bool]:
    """Rows of one encoder stand together, few-shot ones apart."""
    return system.encoder, system.size is not None


def _model_names(systems: Sequence[System]) -> list[str]:
    """A model's name in the first of its rows, and below it only what is added to it."""
    names = [systems[0].model]
    for before, system in pairwise(systems):
        added = system.model.removeprefix(system.encoder).strip()
        known = _group(system) == _group(before)
        names.append("" if known and system.model == before.model else added if known and added else system.model)
    return names


def average(by_domain: Sequence[Sequence[RunResult]], convention: str) -> Summary | None:
    """The mean over the domains of a system's means over seeds; None where it has no run on one.

    Its spread is that of the seeds' own averages; there is none unless every domain has the same seeds.
    """
    if not all(by_domain):
        return None
    by_seed = pd.DataFrame([{run.seed: f1_of(run, convention) for run in runs} for runs in by_domain])
    if by_seed.notna().all(axis=None):
        return summarise(by_seed.mean().tolist())
    return Summary(float(by_seed.mean(axis=1).mean()), None, int(by_seed.count(axis=1).min()))


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
    return Table(header, rows, names=4, rules=rules), sources


def type_scores(runs: Sequence[RunResult], convention: str) -> dict[str, tuple[int, float]]:
    """Gold entities of each type and group of types, and their F1 averaged over all runs.

    A type counts as 0 in a run that neither has nor predicts it. A group that some run does not tell apart is left out.
    """
    scores = [run.scores(convention) for run in runs]
    types = dict.fromkeys(name for one in scores for name in one.per_type)
    by_name = {name: [one.per_type.get(name) for one in scores] for name in types}
    by_name |= {name: several for name in GROUPS if all(several := [one.group(name[1:-1]) for one in scores])}
    return {
        name: (several[0].support if several[0] else 0, 100 * sum(s.f1 for s in several if s) / len(runs))
        for name, several in by_name.items()
    }


def types_table(names: Mapping[System, str], systems: Runs, convention: str) -> Table:
    """One row for each type and, below, for groups of types; one column for each of the named systems."""
    columns = [type_scores(systems[system], convention) for system in names]
    entities = {name: number for name, (number, _) in columns[0].items()}
    types = sorted((t for t in entities if entities[t] and t not in GROUPS), key=lambda t: -entities[t])
    order = [*types, *(group for group in GROUPS if all(group in column for column in columns))]
    scores = {name: [f"{column.get(name, (0, 0.0))[1]:.2f}" for column in columns] for name in order}
    rows = [[GROUPS.get(name, name), f"{entities[name]:,}", *best_in_bold(row)] for name, row in scores.items()]
    return Table(["Type", "Entities", *names.values()], rows, rules=(len(types),))


def csv_tables(results: Results, convention: str) -> dict[str, pd.DataFrame]:
    """The tables of systems, of runs and of entity types, by name of their CSV file."""
    systems, runs, types = [], [], []
    for e in results.eval_sets:
        for system, several in results.of(e).items():
            head = (*split_cells(e), *system_cells(system))
            systems.append((*head, convention, *summary_of(several, convention)))
            runs += [(*head, run.seed, convention, f1_of(run, convention), run.shown) for run in several]
            by_type = type_scores(several, convention).items()
            types += [(*head, name, entities, convention, f1, len(several)) for name, (entities, f1) in by_type]
    head = (*SPLIT, *SYSTEM)
    types = [row for row in types if row[len(head)] != "(overall)"]
    return {
        "main_table": frame_of((*head, *SCORE), systems),
        "runs": frame_of((*head, "seed", "convention", "f1", "record"), runs),
        "per_type": frame_of((*head, "type", "entities", "convention", "mean_f1", "seeds"), types),
    }


def name_of(e: EvalSet) -> str:
    """A test split's name for captions."""
    return e.label if e.is_crossner else f"{e.label} (not CrossNER)"


def split_cells(e: EvalSet) -> tuple[str, str, bool]:
    return e.domain, e.sha256[:16], e.is_crossner


def system_cells(s: System) -> tuple[object, ...]:
    return s.encoder, s.dapt, s.percent, s.setting, s.size, s.draw, s.detail
