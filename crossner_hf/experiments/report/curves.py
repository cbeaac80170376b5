"""Few-shot curves and corpus-size curves: which runs lie on one curve."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from crossner_hf.experiments.report.tables import Point
from crossner_hf.results.collect import RunResult
from crossner_hf.results.records import SETTINGS
from crossner_hf.results.systems import System

Series = dict[str, list[Point]]


def few_shot_series(systems: Mapping[System, Sequence[RunResult]], all_sentences: int | None) -> Series:
    """F1 against the number of target sentences; empty where there are no few-shot runs.

    all_sentences: how many a system without a few-shot size was trained on; None: not known, such systems are left out
    """
    found: dict[System, list[Point]] = defaultdict(list)
    for system, runs in systems.items():
        if system.size is not None:
            found[_without_size(system)].append(Point(system.size, runs, system))
    for line, points in found.items():
        system = _with_all(line, systems)
        if system and all_sentences is not None:
            points.append(Point(all_sentences, systems[system], system))
    return {_name(line): sorted(points, key=lambda p: p.x) for line, points in found.items()}


def _with_all(line: System, systems: Iterable[System]) -> System | None:
    """The system of a curve's last point: its like in all but size and, if need be, the details that come with it."""
    alike = [s for s in systems if s.size is None and replace(line, draw="", detail=s.detail) == _without_size(s)]
    exact = [system for system in alike if system.detail == line.detail]
    return exact[0] if exact else alike[0] if len(alike) == 1 else None


def _without_size(system: System) -> System:
    return replace(system, size=None, key="")


def corpus_series(systems: Mapping[System, Sequence[RunResult]]) -> Series:
    """F1 against the percent of the corpus used in domain-adaptive pre-training, 0 without any.

    Empty where no encoder was pre-trained on two sizes of a corpus or more.
    """
    found: dict[System, list[Point]] = defaultdict(list)
    for system, runs in systems.items():
        if system.percent is not None:
            found[_without_percent(system)].append(Point(system.percent, runs, system))
    found = {line: points for line, points in found.items() if len({p.x for p in points}) > 1}
    for system, runs in systems.items():
        if system.percent is None:
            for line, points in found.items():
                if _without_percent(system) == replace(line, dapt="", detail=""):
                    points.append(Point(0.0, runs, system))
    return {_name(line): sorted(points, key=lambda p: p.x) for line, points in found.items()}


def _without_percent(system: System) -> System:
    return replace(system, percent=None, key="", detail="" if system.percent is None else system.detail)


def _name(line: System) -> str:
    """A curve's name in a legend."""
    dapt = f" + DAPT ({line.dapt})" if line.dapt else ""
    draw = "seeded draw" if line.draw == "seeded" else ""
    size = f"{line.size} sentences" if line.size is not None else ""
    setting = SETTINGS.get(line.setting, line.setting)
    return f"{line.encoder}{dapt}: {'; '.join(part for part in (setting, size, draw, line.detail) if part)}"


def tokens_seen(runs: Sequence[RunResult]) -> int | None:
    """Tokens that the encoder of these runs saw in domain-adaptive pre-training; 0 without, None where not recorded."""
    counts = {dapt.tokens_seen if (dapt := run.record.encoder.dapt) else 0 for run in runs}
    return counts.pop() if len(counts) == 1 else None
