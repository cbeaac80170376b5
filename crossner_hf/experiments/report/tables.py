"""The tables made from scores: main table, published scores, curves, types. Numbers are in percent."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from crossner_hf.experiments.report.document import Best, Table
from crossner_hf.results import published
from crossner_hf.results.collect import RunResult
from crossner_hf.results.scores import NO_ENTITIES
from crossner_hf.results.statistics import USUAL_SEEDS, Summary, summarise
from crossner_hf.results.systems import EvalSet, Results, System
from crossner_hf.schema import DEDUPLICATED, DOMAINS, SOURCE

Cells = Mapping[tuple[System, EvalSet], Sequence[RunResult]]


class Block(NamedTuple):
    """Test splits that go into one table. where: in a caption; average: whether a mean over them means something"""

    name: str
    where: str
    eval_sets: list[EvalSet]
    average: bool
    note: str = ""


def f1_of(run: RunResult, convention: str, group: str = "overall") -> float:
    return 100 * run.scores(convention).group(group).f1


def summary_of(runs: Sequence[RunResult], convention: str, group: str = "overall") -> Summary:
    return summarise([f1_of(run, convention, group) for run in runs])


def blocks(results: Results) -> list[Block]:
    """The test splits of the results by kind: CrossNER, its variants, its source; and, apart, what is not CrossNER."""
    crossner = [e for e in results.eval_sets if e.is_crossner]
    targets = {e.domain for e in crossner}
    dedup = [name for name in DEDUPLICATED if name.removesuffix("_dedup") in DOMAINS]
    found = [
        Block("crossner", "on CrossNER", [e for e in crossner if e.domain in DOMAINS], set(DOMAINS) <= targets),
        Block(
            "without-duplicates",
            "on CrossNER without its duplicates",
            [e for e in crossner if e.domain in dedup],
            set(dedup) <= targets,
            "Test sentences that also stand in another split, or in the training split of another domain, are left "
            "out: not comparable with scores on the official test splits.",
        ),
        Block(
            "source", "on the source", [e for e in crossner if e.domain.removesuffix("_dedup") == SOURCE.name], False
        ),
        Block(
            "not-crossner",
            "not on CrossNER",
            [e for e in results.eval_sets if not e.is_crossner],
            False,
            "Samples, domains of your own, and files that were not held to the published checksums: these are no "
            "CrossNER scores, and must not be compared with any.",
        ),
    ]
    return [block for block in found if block.eval_sets]


def main_table(block: Block, results: Results, convention: str) -> Table:
    """A row a system, a column a test split, and their average where all five domains are there."""
    systems = [s for s in results.systems if any((s, e) in results.cells for e in block.eval_sets)]
    columns: list[list[Summary | None]] = [
        [summary_of(results.cells[s, e], convention) if (s, e) in results.cells else None for s in systems]
        for e in block.eval_sets
    ]
    if block.average:
        columns.append([average(results.cells, system, block.eval_sets, convention) for system in systems])
    header = ["Model", "Training", *(e.label for e in block.eval_sets), *(["average"] if block.average else [])]
    shown = zip(*(best_in_bold(column) for column in columns))
    rows = [[model, system.training, *cells] for model, system, cells in zip(_models(systems), systems, shown)]
    return Table(
        f"Test F1 in percent, {block.where} ({convention}), mean ± sample standard deviation over seeds.",
        header,
        rows,
        f"{block.note} Number of seeds in brackets where it is not {USUAL_SEEDS}. Best of a column in bold."
        + (" Average: over the five domains, where all are there." if block.average else ""),
        names=2,
        rules=_rules(systems),
    )


def _group(system: System) -> tuple[str, bool]:
    """Rows of one encoder stand together, few-shot ones apart."""
    return system.encoder, system.size is not None


def _rules(systems: Sequence[System]) -> list[int]:
    """Before which rows the group changes; nowhere where every row is a group of its own."""
    groups = [_group(system) for system in systems]
    if len(set(groups)) == len(groups):
        return []
    return [i for i in range(1, len(groups)) if groups[i] != groups[i - 1]]


def _models(systems: Sequence[System]) -> list[str]:
    """A model's name in the first of its rows, and below it only what is added to it."""
    names = [systems[0].model]
    for before, system in pairwise(systems):
        added = system.model.removeprefix(system.encoder).strip()
        known = _group(system) == _group(before)
        names.append("" if known and system.model == before.model else added if known and added else system.model)
    return names


def average(cells: Cells, system: System, eval_sets: Sequence[EvalSet], convention: str) -> Summary | None:
    """Over the domains, each by its mean over seeds; None unless all are there.

    Its spread is that of the seeds' own averages, where every domain has the same seeds. One file a domain.
    """
    if any((system, e) not in cells for e in eval_sets) or len({e.domain for e in eval_sets}) < len(eval_sets):
        return None
    by_seed = [{run.seed: f1_of(run, convention) for run in cells[system, e]} for e in eval_sets]
    if all(scores.keys() == by_seed[0].keys() for scores in by_seed):
        return summarise([sum(scores[seed] for scores in by_seed) / len(by_seed) for seed in by_seed[0]])
    mean = sum(summarise(list(scores.values())).mean for scores in by_seed) / len(by_seed)
    return Summary(mean, None, min(map(len, by_seed)))


def best_in_bold(column: Sequence[Summary | None]) -> list[str]:
    """Cells of a column; the highest mean, as shown, is bold where there is a lower one."""
    there = [round(s.mean, 2) for s in column if s]
    return [
        "–" if s is None else Best(str(s)) if min(there) < round(s.mean, 2) == max(there) else str(s) for s in column
    ]


def published_table() -> Table:
    groups = (published.PAPER, published.EARLIER, published.INDEPENDENT)
    sources = list(dict.fromkeys(row.source for row in published.ROWS))
    rows = [
        [
            row.system,
            row.encoder,
            row.convention,
            row.seeds,
            *(f"{x:.2f}" for x in row.scores or ()),
            *("–" for _ in published.COLUMNS if not row.scores),
            f"{row.average:.2f}",
            f"[{sources.index(row.source) + 1}]",
        ]
        for row in published.ROWS
    ]
    read = "; ".join(f"[{number}] {source}" for number, source in enumerate(sources, start=1))
    return Table(
        "Published test F1 in percent, and one independent rerun; not measured here.",
        ["System", "Encoder", "Convention", "Seeds", *published.COLUMNS, "average", "Read in"],
        rows,
        f"{published.NOTE} –: not stated, or not read in any source. Read in: {read}.",
        names=4,
        rules=[len(groups[0]), len(groups[0]) + len(groups[1])],
    )


def types_table(
    caption: str, names: Mapping[System, str], systems: Mapping[System, Sequence[RunResult]], convention: str
) -> Table:
    """A row a type and, below, specialised and generic types together; a column for each of the named systems."""
    some = systems[next(iter(names))][0].scores(convention)
    per_type = [type_means(systems[s], convention) for s in names]
    support = {t: score.support for t, score in some.per_type.items() if score.support}
    types = sorted(support, key=lambda t: -support[t])
    lines = [(t, support[t], [means.get(t, 0.0) for means in per_type]) for t in types]
    for group, name in _GROUPS.items():
        if all(run.scores(convention).group(group) for s in names for run in systems[s]):
            means = [summary_of(systems[s], convention, group).mean for s in names]
            lines.append((name, some.group(group).support, means))
    rows = []
    for name, entities, means in lines:
        low, best = min(round(mean, 2) for mean in means), max(round(mean, 2) for mean in means)
        shown = [Best(f"{mean:.2f}") if low < round(mean, 2) == best else f"{mean:.2f}" for mean in means]
        rows.append([name, f"{entities:,}", *shown])
    note = "Entities: gold ones of the test split. Best of a row in bold."
    return Table(caption, ["Type", "Entities", *names.values()], rows, note, rules=[len(types)])


_GROUPS = {"specialised": "specialised types", "generic": "generic types", "overall": "all types"}


def type_means(runs: Sequence[RunResult], convention: str) -> dict[str, float]:
    """F1 of each type that is among gold or predictions of some run, averaged over all of them."""
    types = {t for run in runs for t in run.scores(convention).per_type}

    def f1(run: RunResult, entity_type: str) -> float:
        return 100 * run.scores(convention).per_type.get(entity_type, NO_ENTITIES).f1

    return {t: sum(f1(run, t) for run in runs) / len(runs) for t in types}


class Point(NamedTuple):
    """A point of a curve: where it lies, the scores of its runs, and the system."""

    x: float
    runs: Sequence[RunResult]
    system: System


def curve_table(title: str, unit: str, series: Mapping[str, Sequence[Point]], convention: str, note: str) -> Table:
    """A row a series, a column a place on the x axis."""
    places = sorted({point.x for points in series.values() for point in points})
    cells: Callable = {(n, p.x): str(summary_of(p.runs, convention)) for n, ps in series.items() for p in ps}.get
    rows = [[name, *(cells((name, x), "–") for x in places)] for name in series]
    return Table(title, [unit, *(f"{x:g}" for x in places)], rows, note)
