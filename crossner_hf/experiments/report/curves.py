"""Few-shot curves and corpus-size curves: which runs lie on one curve, and what the report shows of them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import pandas as pd

from crossner_hf.experiments.report import plots, tables
from crossner_hf.experiments.report.tables import Runs
from crossner_hf.experiments.report.view import Split
from crossner_hf.results.collect import RunResult
from crossner_hf.results.systems import EvalSet, System
from crossner_hf.schema import BUILT_IN


class Point(NamedTuple):
    """A point of a curve: where it lies on the x axis, and its runs."""

    x: float
    runs: Sequence[RunResult]


Series = dict[str, list[Point]]  # a curve's name to its points


@dataclass(frozen=True)
class Curves:
    """Curves by test split."""

    name: str  # of the plot
    x: str  # what the x axis counts
    column: str  # of x in the CSV file
    series: Mapping[EvalSet, Series]
    convention: str

    @cached_property
    def plot(self) -> plots.Plot:
        panels = {
            tables.name_of(e): {
                name: [(p.x, [tables.f1_of(run, self.convention) for run in p.runs]) for p in points]
                for name, points in series.items()
            }
            for e, series in self.series.items()
        }
        return plots.curves(panels, self.x, self.convention, self.name)

    @property
    def tables_by_split(self) -> dict[str, tables.Table]:
        return {tables.name_of(e): self._table(series) for e, series in self.series.items()}

    def _table(self, series: Series) -> tables.Table:
        cells = {
            name: {point.x: str(tables.summary_of(point.runs, self.convention)) for point in points}
            for name, points in series.items()
        }
        places = sorted({x for by_place in cells.values() for x in by_place})
        rows = [[name, *(by_place.get(x, tables.NOTHING) for x in places)] for name, by_place in cells.items()]
        return tables.Table(["Curve", *(f"{x:g}" for x in places)], rows)

    @property
    def csv(self) -> pd.DataFrame:
        rows = []
        for e, name, point in self._points():
            summary = tables.summary_of(point.runs, self.convention)
            place = (*tables.split_cells(e), name, point.x, tokens_seen(point.runs))
            rows.append((*place, self.convention, *summary, summary.interval))
        header = (*tables.SPLIT, "curve", self.column, "dapt_tokens_seen", *tables.SCORE, "half_of_95_percent_interval")
        return tables.frame_of(header, rows)

    def _points(self) -> Iterator[tuple[EvalSet, str, Point]]:
        for e, series in self.series.items():
            yield from ((e, name, point) for name, points in series.items() for point in points)

    @property
    def tokens_seen(self) -> list[tuple[float, int]]:
        """The tokens that stand behind each x; none where one x has several numbers of tokens."""
        tokens = {(p.x, seen) for _, _, p in self._points() if (seen := tokens_seen(p.runs)) is not None}
        return sorted(tokens) if len({x for x, _ in tokens}) == len(tokens) else []


def few_shot_series(systems: Runs, all_sentences: int | None) -> Series:
    """F1 against the number of target sentences; empty where there are no few-shot runs.

    all_sentences: the last point of each curve, for systems without a few-shot size; None: not known, no such point
    """
    curves = _alike_but_for("size", systems, None)
    if all_sentences is None:
        return _named(curves)
    for curve, points in curves.items():
        # The same system with all sentences; its details may differ, where there is no doubt which one is meant.
        last = [s for s in systems if replace(s, key="", detail="") == replace(curve, draw="", detail="")]
        last = [s for s in last if s.detail == curve.detail] or (last if len(last) == 1 else [])
        points += [Point(all_sentences, systems[s]) for s in last[:1]]
    return _named(curves)


def corpus_series(systems: Runs) -> Series:
    """F1 against the percent of the corpus used in domain-adaptive pre-training, 0 without any.

    Empty where no encoder was pre-trained on two sizes of a corpus or more.
    """
    curves = _alike_but_for("percent", systems, 100.0)
    curves = {curve: points for curve, points in curves.items() if len({p.x for p in points}) > 1}
    for curve, points in curves.items():
        start = replace(curve, percent=None, dapt="", detail="")
        points += [Point(0.0, runs) for s, runs in systems.items() if replace(s, key="", detail="") == start]
    return _named(curves)


def _alike_but_for(attribute: str, systems: Runs, value: Any) -> dict[System, list[Point]]:
    """The systems with an attribute, as points; on one curve lie those that equal each other with `value` for it."""
    curves: dict[System, list[Point]] = defaultdict(list)
    for system, runs in systems.items():
        if (x := getattr(system, attribute)) is not None:
            curves[replace(system, key="", **{attribute: value})].append(Point(x, runs))
    return curves


def _named(curves: Mapping[System, list[Point]]) -> Series:
    """Each curve under its name in a legend, with its points in order."""
    named = {}
    for curve, points in curves.items():
        draw = "; seeded draw" if curve.size is None and curve.draw == "seeded" else ""
        named[curve.label + draw] = sorted(points, key=lambda p: p.x)
    return named


def tokens_seen(runs: Sequence[RunResult]) -> int | None:
    """Tokens that the encoder saw in domain-adaptive pre-training; 0 without it, None where it is not recorded."""
    numbers = {dapt.tokens_seen if (dapt := run.record.encoder.dapt) else 0 for run in runs}
    return numbers.pop() if len(numbers) == 1 else None


def few_shot_curves(splits: Iterable[Split], convention: str) -> Curves:
    series = {}
    for split in splits:
        e = split.eval_set
        if any(system.size is not None for system in split.runs):
            # The number of all training sentences is known of official domains, and counted where the files are here.
            known = BUILT_IN[e.domain].split_sizes.get("train") if e.is_crossner and e.domain in BUILT_IN else None
            series[e] = few_shot_series(split.runs, known or split.analysis.train_sentences)
    return Curves("few-shot", "target sentences", "target_sentences", series, convention)


def corpus_curves(splits: Iterable[Split], convention: str) -> Curves:
    series = {split.eval_set: several for split in splits if (several := corpus_series(split.runs))}
    return Curves("corpus-size", "percent of the corpus", "corpus_percent", series, convention)
