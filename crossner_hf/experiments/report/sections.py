"""What each section of the report shows; a page has room for the best systems, the CSV files have all."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crossner_hf.experiments.report import plots
from crossner_hf.experiments.report.curves import Series, curve_table, tokens_seen
from crossner_hf.experiments.report.error_analysis import (
    SIGNIFICANT,
    Analysis,
    confusion_table,
    hardest,
    significance_table,
)
from crossner_hf.experiments.report.page import Section
from crossner_hf.experiments.report.tables import (
    Block,
    Table,
    blocks,
    f1_of,
    frame_of,
    main_table,
    published_table,
    summary_of,
    types_table,
)
from crossner_hf.results import published
from crossner_hf.results.collect import Collected, Run, SetAside
from crossner_hf.results.systems import EvalSet, Results, System
from crossner_hf.schema import SOURCE

SYSTEMS_IN_A_PLOT = 16
SYSTEMS_IN_A_TABLE = 6
SENTENCES = 5
PREDICTIONS = 3  # of systems, below each sentence


@dataclass(frozen=True)
class View:
    """The results, and how to show them."""

    results: Results
    convention: str
    with_plots: bool = True

    def best_of(self, systems: Mapping[System, Sequence[Run]], most: int) -> list[System]:
        """The headline systems with the highest means, at most so many, in their usual order."""
        chosen = headline(systems)
        best = sorted(chosen, key=lambda s: -summary_of(systems[s], self.convention).mean)[:most]
        return [s for s in chosen if s in best]

    def best_analysed(self, analysis: Analysis, most: int) -> list[System]:
        """As `best_of`, of the systems with predictions on a test split."""
        systems = self.results.of(analysis.eval_set)
        return self.best_of({s: systems[s] for s in analysis.runs}, most)


def headline(systems: Iterable[System]) -> list[System]:
    """The systems trained on all sentences, with all of a corpus; where there are none, all systems."""
    systems = list(systems)
    return [s for s in systems if s.size is None and s.percent in (None, 100)] or systems


def short_names(systems: Iterable[System]) -> dict[System, str]:
    """Names that tell the systems apart: the training alone where all have one model."""
    systems = list(systems)
    return {s: s.training if only_model(systems) else s.label for s in systems}


def only_model(systems: Iterable[System]) -> str:
    """The model that all the systems have; "" where they have several."""
    models = {s.model for s in systems}
    return models.pop() if len(models) == 1 else ""


def name_of(e: EvalSet) -> str:
    """A test split's name, with a word where it is not CrossNER's."""
    return e.label if e.is_crossner else f"{e.label} (not CrossNER)"


def main_section(view: View) -> Section:
    content = [
        block._asdict()
        | {"table": main_table(block, view.results, view.convention), "plot": None}
        | (_scores_plot(block, view) if view.with_plots else {})
        for block in blocks(view.results)
    ]
    return Section("Main results", "main_results", {"blocks": content})


def _scores_plot(block: Block, view: View) -> dict[str, Any]:
    cells = view.results.cells
    systems = headline(s for s in view.results.systems if any((s, e) in cells for e in block.eval_sets))
    shown = systems[:SYSTEMS_IN_A_PLOT]
    names = short_names(shown)
    panels = {
        e.label: {names[s]: [f1_of(run, view.convention) for run in cells[s, e]] for s in shown if (s, e) in cells}
        for e in block.eval_sets
    }
    return {
        "plot": plots.dots({title: rows for title, rows in panels.items() if rows}, view.convention, f"scores-{block.name}"),
        "full_only": shown[0].size is None and any(s.size for s in view.results.systems),
        "plotted": len(shown),
        "systems": len(systems),
        "model": only_model(shown),
    }


def published_section() -> Section:
    table, sources = published_table()
    return Section("Published scores", "published", {"scores": table, "sources": sources, "about": published.NOTE})


def few_shot_section(view: View, curves: Mapping[EvalSet, Series]) -> Section:
    return _curve_section(view, curves, "Few target sentences", "few-shot", "target sentences")


def corpus_section(view: View, curves: Mapping[EvalSet, Series]) -> Section:
    return _curve_section(view, curves, "Size of the corpus", "corpus-size", "percent of the corpus")


def _curve_section(view: View, curves: Mapping[EvalSet, Series], title: str, name: str, x: str) -> Section:
    content: dict[str, Any] = {"x": x, "plot": None, "tokens_seen": []}
    curves = {e: series for e, series in curves.items() if series}
    content["tables"] = {name_of(e): curve_table(x, series, view.convention) for e, series in curves.items()}
    if view.with_plots:
        content["plot"] = plots.curves({name_of(e): series for e, series in curves.items()}, x, view.convention, name)
    points = [point for series in curves.values() for points in series.values() for point in points]
    tokens = sorted({(p.x, tokens) for p in points if p.system.size is None and (tokens := tokens_seen(p.runs)) is not None})
    if name == "corpus-size" and len({x for x, _ in tokens}) == len(tokens):
        content["tokens_seen"] = tokens
    return Section(title, "curves", content)


def types_section(view: View) -> Section:
    splits = []
    for e in view.results.eval_sets:
        systems = view.results.of(e)
        shown = view.best_of(systems, SYSTEMS_IN_A_TABLE)
        table = types_table(short_names(shown), systems, view.convention)
        numbers = {"shown": len(shown), "systems": len(systems)}
        splits.append({"name": name_of(e), "table": table, "model": only_model(shown), **numbers})
    drawn = [plot for block in blocks(view.results) if (plot := _kinds_plot(block, view))] if view.with_plots else []
    return Section("Entity types", "entity_types", {"plots": drawn, "splits": splits})


def _kinds_plot(block: Block, view: View) -> dict[str, Any] | None:
    """Specialised against generic types, where the domains have both."""
    panels: dict[str, dict[System, tuple[float, float]]] = {}
    for e in block.eval_sets:
        systems = view.results.of(e)
        shown = view.best_of(systems, SYSTEMS_IN_A_PLOT)
        both = [s for s in shown if {"specialised", "generic"} <= systems[s][0].scores(view.convention).keys()]
        if both:
            panels[e.label] = {
                s: tuple(summary_of(systems[s], view.convention, kind).mean for kind in ("generic", "specialised"))
                for s in both
            }
    if not panels:
        return None
    names = short_names(dict.fromkeys(s for panel in panels.values() for s in panel))
    rows = {title: {names[s]: pair for s, pair in panel.items()} for title, panel in panels.items()}
    plot = plots.kinds(rows, view.convention, f"types-{block.name}")
    return {"plot": plot, "where": block.where, "model": only_model(names)}


def confusion_section(analyses: Sequence[Analysis], view: View) -> Section:
    splits = []
    for a in analyses:
        (best,) = view.best_analysed(a, 1)
        table, unused = confusion_table(a, best)
        about = {"name": name_of(a.eval_set), "system": best, "seeds": len(a.runs[best])}
        splits.append({"table": table, "unused": unused, **about})
    return Section("Confusion between types", "confusion", {"splits": splits})


def significance_section(analyses: Sequence[Analysis], view: View) -> Section:
    splits = []
    for a in analyses:
        shown = view.best_analysed(a, SYSTEMS_IN_A_TABLE)
        chosen = [c for c in a.comparisons if c.first in shown and c.second in shown]
        about = {"name": name_of(a.eval_set), "sentences": len(a.gold.lengths), "model": only_model(shown)}
        numbers = {"shown": len(chosen), "pairs": len(a.comparisons)}
        splits.append({"table": significance_table(chosen, short_names(shown)), **about, **numbers})
    content = {"splits": splits, "resamples": analyses[0].resamples, "level": SIGNIFICANT}
    return Section("Significance", "significance", content)


def sentences_section(analyses: Sequence[Analysis], view: View) -> Section:
    splits, withheld = [], []
    for a in analyses:
        if a.eval_set.domain.removesuffix("_dedup") == SOURCE.name:
            withheld.append(a.eval_set.label)
            continue
        shown = view.best_analysed(a, PREDICTIONS)
        sentences = hardest(a.runs, a.gold, shown, SENTENCES)
        splits.append({"name": name_of(a.eval_set), "names": short_names(shown), "sentences": sentences})
    return Section("Hardest sentences", "hardest_sentences", {"splits": splits, "withheld": withheld})


def left_out_section(
    collected: Collected,
    results: Results,
    analyses: Sequence[Analysis],
    set_aside: Sequence[SetAside],
    pending: Sequence[SetAside],
) -> Section:
    content = {
        "pending": pending and Table(frame_of(["Run", "State"], pending), names=2),
        "set_aside": set_aside and Table(frame_of(["File", "Reason"], set_aside), names=2),
        "missing": [(a.eval_set.label, a.missing) for a in analyses if a.missing],
        "duplicates": results.duplicates,
        "others": sorted(collected.others.items()),
    }
    return Section("Left out", "left_out", content)


def plots_of(sections: Iterable[Section]) -> list[plots.Plot]:
    every = (section.content for section in sections)
    parts = (part for content in every for part in (content, *content.get("blocks", ()), *content.get("plots", ())))
    return [part["plot"] for part in parts if part.get("plot")]
