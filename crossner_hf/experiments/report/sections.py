"""The sections made from scores, and the list of what was left out; a section with nothing to say is None."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from crossner_hf.experiments.report import plots
from crossner_hf.experiments.report.analysis import Analysis
from crossner_hf.experiments.report.curves import Series, tokens_seen
from crossner_hf.experiments.report.document import Figure, Section, Table
from crossner_hf.experiments.report.tables import (
    Block,
    blocks,
    curve_table,
    f1_of,
    main_table,
    published_table,
    summary_of,
    types_table,
)
from crossner_hf.results.collect import Collected, RunResult, SetAside
from crossner_hf.results.statistics import FEWEST_FOR_INTERVAL
from crossner_hf.results.systems import EvalSet, Results, System

# What a page has room for; the CSV files have all.
SYSTEMS_IN_A_PLOT = 16
SYSTEMS_IN_A_TABLE = 6


@dataclass(frozen=True)
class View:
    """The results, and how to show them."""

    results: Results
    convention: str
    with_plots: bool = True


def headline(systems: Iterable[System]) -> list[System]:
    """The systems trained on all sentences, with all of a corpus; where there are none, all systems."""
    systems = list(systems)
    return [s for s in systems if s.size is None and s.percent in (None, 100)] or systems


def best_of(systems: Mapping[System, Sequence[RunResult]], most: int, convention: str) -> list[System]:
    """The headline systems with the highest means, at most so many, in their usual order."""
    chosen = headline(systems)
    best = sorted(chosen, key=lambda s: -summary_of(systems[s], convention).mean)[:most]
    return [s for s in chosen if s in best]


def short_names(systems: Iterable[System]) -> dict[System, str]:
    """What tells the systems apart: the training alone where all have one model."""
    systems = list(systems)
    one = len({s.model for s in systems}) == 1
    return {s: s.training if one else s.label for s in systems}


def one_model(systems: Iterable[System]) -> str:
    """The model that all the systems have, for the end of a caption; nothing where they have several."""
    models = {s.model for s in systems}
    return f" Model: {models.pop()}." if len(models) == 1 else ""


def apart(e: EvalSet) -> str:
    """A test split's name, with a word where it is not CrossNER's."""
    return e.label if e.is_crossner else f"{e.label} (not CrossNER)"


def main_section(view: View) -> Section:
    section = Section("Main results")
    for block in blocks(view.results):
        section.parts.append(main_table(block, view.results, view.convention))
        if view.with_plots:
            section.parts.append(_scores_figure(block, view))
    return section


def _scores_figure(block: Block, view: View) -> Figure:
    cells, several = view.results.cells, block.eval_sets
    systems = headline(s for s in view.results.systems if any((s, e) in cells for e in several))
    shown = systems[:SYSTEMS_IN_A_PLOT]
    names = short_names(shown)
    panels = {
        e.label: {names[s]: [f1_of(run, view.convention) for run in cells[s, e]] for s in shown if (s, e) in cells}
        for e in several
    }
    panels = {title: rows for title, rows in panels.items() if rows}
    caption = (
        f"Test F1 {block.where}: filled, the mean over seeds with its sample standard deviation; hollow, single runs."
        + (
            " Systems trained on all sentences."
            if any(s.size for s in view.results.systems) and not shown[0].size
            else ""
        )
        + (f" The first {len(shown)} of {len(systems)} systems." if len(shown) < len(systems) else "")
        + one_model(shown)
    )
    name = f"scores-{block.name}"
    alt = f"Dot plot of F1 by system {block.where}; the numbers are in the table above."
    return Figure(name, plots.dots(panels, view.convention, name=name), caption, alt)


def published_section(view: View) -> Section | None:
    """Only beside CrossNER scores: there is nothing else to compare them with."""
    return (
        Section("Published scores", [published_table()]) if any(e.is_crossner for e in view.results.eval_sets) else None
    )


def few_shot_section(view: View, curves: Mapping[EvalSet, Series]) -> Section | None:
    about = "F1 against the number of target sentences; the last point is all of them, where there are such runs."
    return _curve_section(view, curves, ("Few target sentences", "few-shot", "target sentences"), about)


def corpus_section(view: View, curves: Mapping[EvalSet, Series]) -> Section | None:
    about = "F1 against the share of the corpus used in domain-adaptive pre-training; 0 is the encoder without it."
    section = _curve_section(view, curves, ("Size of the corpus", "corpus-size", "percent of the corpus"), about)
    points = [point for series in curves.values() for points in series.values() for point in points]
    pieces = dict.fromkeys(sorted((p.x, seen) for p in points if (seen := tokens_seen(p.runs)) is not None))
    if section and pieces and len({x for x, _ in pieces}) == len(pieces):
        told = ", ".join(f"{x:g} %: {seen:,}" for x, seen in pieces)
        section.parts.append(f"Tokens seen in pre-training: {told}.")
    return section


def _curve_section(
    view: View, curves: Mapping[EvalSet, Series], names: tuple[str, str, str], about: str
) -> Section | None:
    """names: of the section, of the figure, of the x axis"""
    curves = {e: series for e, series in curves.items() if series}
    if not curves:
        return None
    title, name, x = names
    section = Section(title)
    if view.with_plots:
        svg = plots.curves({apart(e): series for e, series in curves.items()}, x, view.convention, name=name)
        caption = (
            f"{about} Lines: means over seeds; small circles: single runs; bands: 95 % t-interval of the mean over "
            f"seeds, from {FEWEST_FOR_INTERVAL} seeds on."
        )
        alt = f"Curves of F1 against {x}; the numbers are in the tables below."
        section.parts.append(Figure(name, svg, caption, alt))
    for e, series in curves.items():
        caption = f"Test F1 in percent by {x} on {apart(e)} ({view.convention}), mean ± sample standard deviation."
        section.parts.append(curve_table(caption, "Curve", series, view.convention, "" if view.with_plots else about))
    return section


def types_section(view: View) -> Section:
    section = Section("Entity types")
    if view.with_plots:
        section.parts += [figure for block in blocks(view.results) if (figure := _kinds_figure(block, view))]
    for e in view.results.eval_sets:
        systems = view.results.of(e)
        shown = best_of(systems, SYSTEMS_IN_A_TABLE, view.convention)
        caption = f"F1 in percent by entity type on {apart(e)} ({view.convention}), mean over seeds.{one_model(shown)}"
        table = types_table(caption, short_names(shown), systems, view.convention)
        if len(shown) < len(systems):
            table.note += f" {len(shown)} of {len(systems)} systems; per_type.csv has all."
        section.parts.append(table)
    return section


def _kinds_figure(block: Block, view: View) -> Figure | None:
    """Specialised against generic types, where the domains have both."""
    panels: dict[str, dict[System, tuple[float, float]]] = {}
    for e in block.eval_sets:
        systems = view.results.of(e)
        shown = best_of(systems, SYSTEMS_IN_A_PLOT, view.convention)
        scores = {s: systems[s][0].scores(view.convention) for s in shown}
        both = [s for s in shown if scores[s].specialised and scores[s].generic]
        if both:
            panels[e.label] = {
                s: tuple(summary_of(systems[s], view.convention, kind).mean for kind in ("generic", "specialised"))
                for s in both
            }
    if not panels:
        return None
    names = short_names(dict.fromkeys(s for panel in panels.values() for s in panel))
    rows = {title: {names[s]: pair for s, pair in panel.items()} for title, panel in panels.items()}
    caption = (
        f"F1 of a domain's specialised types against its generic ones (person, location, organisation, country, misc), "
        f"{block.where}, mean over seeds.{one_model(names)}"
    )
    alt = "Dot plot of F1 of generic and of specialised types by system; the numbers are in the tables below."
    name = f"types-{block.name}"
    return Figure(name, plots.kinds(rows, view.convention, name=name), caption, alt)


def left_out_section(
    collected: Collected,
    results: Results,
    analyses: Sequence[Analysis],
    set_aside: Sequence[SetAside],
    unfinished: Sequence[SetAside],
) -> Section | None:
    section = Section("Left out")
    if unfinished:
        rows = [[run.shown, run.reason] for run in unfinished]
        section.parts.append(Table("Runs of a grid that have no record.", ["RunResult", "State"], rows, names=2))
    missing = [f"{a.eval_set.label}: {a.missing}." for a in analyses if a.missing]
    if missing:
        said = "Confusion, significance and hardest sentences need predictions and the test sentences. Not shown for "
        section.parts.append(said + " ".join(missing))
    rows = [[s.shown, s.reason] for s in set_aside]
    if rows:
        section.parts.append(Table("Files set aside.", ["File", "Reason"], rows, names=2))
    if results.duplicates:
        section.parts.append(
            f"Exact duplicates (the same run with the same scores), counted once: {', '.join(results.duplicates)}."
        )
    if collected.others:
        told = ", ".join(f"{number} of kind {kind}" for kind, number in sorted(collected.others.items()))
        section.parts.append(f"Records that are no fine-tuning runs: {told}.")
    return section if section.parts else None
