"""The report's CSV files: every number that the page shows, and those it has no room for. Percent, not rounded."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

from crossner_hf.experiments.report.analysis import Analysis
from crossner_hf.experiments.report.curves import Series, tokens_seen
from crossner_hf.experiments.report.error_analysis import OTHER_COLUMNS, confusion
from crossner_hf.experiments.report.tables import f1_of, summary_of, type_means
from crossner_hf.results.collect import RunResult
from crossner_hf.results.systems import EvalSet, Results, System

SYSTEM = ("encoder", "dapt", "corpus_percent", "setting", "sentences", "draw", "detail")
SPLIT = ("domain", "test_sha256", "is_crossner")
SCORE = ("convention", "mean_f1", "standard_deviation", "seeds")


def as_csv(header: Sequence[str], rows: Iterable[Sequence]) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return file.getvalue()


def main_csv(results: Results, convention: str) -> str:
    rows = (
        (*_split(e), *_system(s), *_score(runs, convention))
        for e in results.eval_sets
        for s, runs in results.of(e).items()
    )
    return as_csv((*SPLIT, *SYSTEM, *SCORE), rows)


def runs_csv(results: Results, convention: str) -> str:
    rows = (
        (*_split(e), *_system(s), run.seed, convention, f1_of(run, convention), run.shown)
        for e in results.eval_sets
        for s, runs in results.of(e).items()
        for run in runs
    )
    return as_csv((*SPLIT, *SYSTEM, "seed", "convention", "f1", "record"), rows)


def types_csv(results: Results, convention: str) -> str:
    """A row a type, and `(specialised)` and `(generic)` for all types of these kinds."""
    rows = []
    for e in results.eval_sets:
        for s, runs in results.of(e).items():
            scores, head = runs[0].scores(convention), (*_split(e), *_system(s))
            means = type_means(runs, convention)
            support = {t: score.support for t, score in scores.per_type.items()}
            rows += [(*head, t, support.get(t, 0), convention, mean, len(runs)) for t, mean in sorted(means.items())]
            for group in ("specialised", "generic"):
                if all(run.scores(convention).group(group) for run in runs):
                    mean = summary_of(runs, convention, group).mean
                    rows.append((*head, f"({group})", scores.group(group).support, convention, mean, len(runs)))
    return as_csv((*SPLIT, *SYSTEM, "type", "entities", "convention", "mean_f1", "seeds"), rows)


def curves_csv(curves: Mapping[EvalSet, Series], x: str, convention: str) -> str:
    rows = (
        (
            *_split(e),
            name,
            point.x,
            tokens_seen(point.runs),
            *_score(point.runs, convention),
            _interval(point.runs, convention),
        )
        for e, series in curves.items()
        for name, points in series.items()
        for point in points
    )
    return as_csv((*SPLIT, "curve", x, "dapt_tokens_seen", *SCORE, "half_of_95_percent_interval"), rows)


def significance_csv(analyses: Iterable[Analysis]) -> str:
    header = (*SPLIT, *(f"{name}_{number}" for number in (1, 2) for name in SYSTEM))
    rows = (
        (
            *_split(a.eval_set),
            *_system(c.first),
            *_system(c.second),
            *c[2:],
            len(a.runs[c.first]),
            len(a.runs[c.second]),
        )
        for a in analyses
        for c in a.comparisons
    )
    numbers = ("difference", "low_95_percent", "high_95_percent", "p", "seeds_1", "seeds_2")
    return as_csv((*header, *numbers), rows)


def confusion_csv(analyses: Iterable[Analysis]) -> str:
    """Entities summed over seeds: a row a gold type and what became of it."""
    rows = []
    for a in analyses:
        if not a.gold:
            continue
        types = a.gold.domain.entity_types
        for system, runs in a.runs.items():
            for gold_type, row in zip(types, confusion(runs, a.gold).tolist()):
                head = (*_split(a.eval_set), *_system(system), gold_type)
                rows += [(*head, name, n, len(runs)) for name, n in zip((*types, *OTHER_COLUMNS), row) if n]
    return as_csv((*SPLIT, *SYSTEM, "gold_type", "became", "entities", "seeds"), rows)


def _split(e: EvalSet) -> tuple:
    return e.domain, e.sha256[:16], e.is_crossner


def _system(s: System) -> tuple:
    return s.encoder, s.dapt, s.percent, s.setting, s.size, s.draw, s.detail


def _score(runs: Sequence[RunResult], convention: str) -> tuple:
    return convention, *summary_of(runs, convention)


def _interval(runs: Sequence[RunResult], convention: str) -> float | None:
    return summary_of(runs, convention).interval
