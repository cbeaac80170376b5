"""Few-shot curves and corpus-size curves: which runs lie on one curve, and their tables."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import pandas as pd

from crossner_hf.experiments.report.tables import NOTHING, SCORE, SPLIT, Table, frame_of, split_cells, summary_of
from crossner_hf.results.collect import Run
from crossner_hf.results.systems import SETTINGS, EvalSet, System


class Point(NamedTuple):
    """A point of a curve: where it lies, its runs, and their system."""

    x: float
    runs: Sequence[Run]
    system: System


Series = dict[str, list[Point]]  # a curve's name to its points


def few_shot_series(systems: Mapping[System, Sequence[Run]], all_sentences: int | None) -> Series:
    """F1 against the number of target sentences; empty where there are no few-shot runs.

    all_sentences: how many a system without a few-shot size was trained on; None: not known, such systems are left out
    """
    curves: dict[System, list[Point]] = defaultdict(list)
    for system, runs in systems.items():
        if system.size is not None:
            curves[_without_size(system)].append(Point(system.size, runs, system))
    for curve, points in curves.items():
        last = _with_all_sentences(curve, systems)
        if last and all_sentences is not None:
            points.append(Point(all_sentences, systems[last], last))
    return _named(curves)


def _with_all_sentences(curve: System, systems: Iterable[System]) -> System | None:
    """The system of a curve's last point: the same in all but size and, if need be, the details that come with it."""
    alike = [s for s in systems if s.size is None and replace(curve, draw="", detail=s.detail) == _without_size(s)]
    exact = [system for system in alike if system.detail == curve.detail]
    return exact[0] if exact else alike[0] if len(alike) == 1 else None


def _without_size(system: System) -> System:
    return replace(system, size=None, key="")


def corpus_series(systems: Mapping[System, Sequence[Run]]) -> Series:
    """F1 against the percent of the corpus used in domain-adaptive pre-training, 0 without any.

    Empty where no encoder was pre-trained on two sizes of a corpus or more.
    """
    every: dict[System, list[Point]] = defaultdict(list)
    for system, runs in systems.items():
        if system.percent is not None:
            every[_without_percent(system)].append(Point(system.percent, runs, system))
    curves = {curve: points for curve, points in every.items() if len({p.x for p in points}) > 1}
    for system, runs in systems.items():
        if system.percent is None:
            for curve, points in curves.items():
                if _without_percent(system) == replace(curve, dapt="", detail=""):
                    points.append(Point(0.0, runs, system))
    return _named(curves)


def _without_percent(system: System) -> System:
    return replace(system, percent=None, key="", detail="" if system.percent is None else system.detail)


def _named(curves: Mapping[System, list[Point]]) -> Series:
    return {_name(curve): sorted(points, key=lambda p: p.x) for curve, points in curves.items()}


def _name(curve: System) -> str:
    """A curve's name in a legend."""
    dapt = f" + DAPT ({curve.dapt})" if curve.dapt else ""
    draw = "seeded draw" if curve.draw == "seeded" else ""
    size = f"{curve.size} sentences" if curve.size is not None else ""
    setting = SETTINGS.get(curve.setting, curve.setting)
    return f"{curve.encoder}{dapt}: {'; '.join(part for part in (setting, size, draw, curve.detail) if part)}"


def tokens_seen(runs: Sequence[Run]) -> int | None:
    """Tokens that the encoder saw in domain-adaptive pre-training; 0 without it, None where it is not recorded."""
    numbers = {(run.record["encoder"].get("dapt") or {"pieces_seen": 0}).get("pieces_seen") for run in runs}
    return numbers.pop() if len(numbers) == 1 else None


def curve_table(x_label: str, series: Series, convention: str) -> Table:
    """One row for each curve, one column for each place on the x axis."""
    places = sorted({point.x for points in series.values() for point in points})
    rows = []
    for name, points in series.items():
        cells = {point.x: str(summary_of(point.runs, convention)) for point in points}
        rows.append([name, *(cells.get(x, NOTHING) for x in places)])
    return Table(frame_of([x_label, *(f"{x:g}" for x in places)], rows))


def curves_csv(curves: Mapping[EvalSet, Series], x: str, convention: str) -> pd.DataFrame:
    """One row for each point."""
    points = ((e, name, point) for e, series in curves.items() for name, points in series.items() for point in points)
    rows = []
    for e, name, point in points:
        summary = summary_of(point.runs, convention)
        place = (*split_cells(e), name, point.x, tokens_seen(point.runs))
        rows.append((*place, convention, *summary, summary.interval))
    return frame_of((*SPLIT, "curve", x, "dapt_tokens_seen", *SCORE, "half_of_95_percent_interval"), rows)
