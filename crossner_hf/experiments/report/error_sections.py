"""The sections made from predictions: confusion, significance, hardest sentences."""

from collections.abc import Mapping, Sequence

import numpy as np

from crossner_hf.experiments.report.analysis import Analysis
from crossner_hf.experiments.report.document import Best, Marked, Section, Shaded, Table
from crossner_hf.experiments.report.error_analysis import OTHER_COLUMNS, confusion, hardest
from crossner_hf.experiments.report.sections import SYSTEMS_IN_A_TABLE, View, apart, best_of, one_model, short_names
from crossner_hf.results.significance import Comparison, holm
from crossner_hf.results.systems import System
from crossner_hf.schema import SOURCE

SENTENCES = 5
PREDICTIONS = 3  # of systems, below each sentence
SIGNIFICANT = 0.05


def confusion_section(analyses: Sequence[Analysis], view: View) -> Section:
    section = Section("Confusion between types")
    for a in analyses:
        if not a.gold or not a.runs:
            continue
        systems = view.results.of(a.eval_set)
        (best,) = best_of({s: systems[s] for s in a.runs}, 1, view.convention)
        section.parts.append(_confusion_table(a, best, first=not section.parts))
    return section


def _confusion_table(a: Analysis, system: System, first: bool) -> Table:
    types, counts = a.gold.domain.entity_types, confusion(a.runs[system], a.gold)
    wanted = counts[:, : len(types) + 2].sum(axis=1)
    order = [i for i in np.argsort(-wanted, kind="stable").tolist() if wanted[i]]
    columns = [*order, *range(len(types), len(types) + len(OTHER_COLUMNS))]
    percent = 100 * counts[np.ix_(order, columns)] / wanted[order, None]
    rows = [
        [types[i], *(Shaded(f"{value:.0f}" if value >= 0.5 else "·" if value else "", value / 100) for value in row)]
        for i, row in zip(order, percent.tolist())
    ]
    unused = [types[i] for i in range(len(types)) if not wanted[i]]
    return Table(
        f"What became of the gold entities of {apart(a.eval_set)}, in percent of each type. The best system, "
        f"{system.label} ({_seeds(len(a.runs[system]))}).",
        ["gold type", *(types[i] for i in order), *OTHER_COLUMNS],
        rows,
        (_COLUMNS if first else "") + (f" Without gold entities: {', '.join(unused)}." if unused else ""),
        heat=True,
    )


_COLUMNS = (
    "A row is a gold type. Blue: found with exact boundaries, by the type given. boundary: overlapped by a "
    "prediction, by none exactly. missed: overlapped by none. These add up to 100. spurious: predictions of the row's "
    "type that overlap no gold entity, for each hundred gold ones. Entities are read as under conlleval. A dot is "
    "less than half a percent. All systems: confusion.csv."
)


def significance_section(analyses: Sequence[Analysis], view: View) -> Section:
    section = Section("Significance")
    for a in analyses:
        if not a.comparisons:
            continue
        systems = view.results.of(a.eval_set)
        shown = best_of({s: systems[s] for s in a.runs}, SYSTEMS_IN_A_TABLE, view.convention)
        names = short_names(shown)
        chosen = [c for c in a.comparisons if c.first in names and c.second in names]
        if not section.parts:
            section.parts.append(_METHOD.format(resamples=a.resamples))
        more = f" {len(a.comparisons):,} pairs: significance.csv." if len(a.comparisons) > len(chosen) else ""
        section.parts.append(
            Table(
                f"Differences in mean F1 (conlleval) on {apart(a.eval_set)}, {len(a.gold.lengths)} test sentences."
                + one_model(shown),
                ["System", "against", "difference", "95 % interval", "p", "p (Holm)"],
                [_compared(c, p, names) for c, p in zip(chosen, holm([c.p for c in chosen]))],
                f"p (Holm): corrected for the {len(chosen)} pairs of this table; bold where it is below "
                f"{SIGNIFICANT:g}.{more}",
                names=2,
            )
        )
    return section


_METHOD = (
    "Paired bootstrap over the test sentences: {resamples:,} resamples with replacement, the same sentences for both "
    "systems (Koehn, 2004); in each, F1 is computed for every run and averaged over a system's seeds. p, two-sided: "
    "the share of resamples whose difference lies at least as far from the observed one as that lies from 0 "
    "(Berg-Kirkpatrick et al., 2012), with one added to both counts. The interval holds the middle 95 % of the "
    "resampled differences. Entities are read as under conlleval, whatever convention the tables have. Runs are held "
    "fixed: this tells what the choice of test sentences may do, not what another seed would."
)


def _compared(c: Comparison, p_holm: float, names: Mapping[System, str]) -> list[str]:
    cells = [f"{c.difference:+.2f}", f"{c.low:+.2f} to {c.high:+.2f}", _p(c.p), _p(p_holm)]
    cells = [cell.replace("-", "−") for cell in cells]
    return [names[c.first], names[c.second], *(map(Best, cells) if p_holm < SIGNIFICANT else cells)]


def _p(value: float) -> str:
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def sentences_section(analyses: Sequence[Analysis], view: View) -> Section:
    section = Section("Hardest sentences")
    for a in analyses:
        if not a.gold or not a.runs:
            continue
        if a.eval_set.domain.removesuffix("_dedup") == SOURCE.name:
            section.parts.append(f"{a.eval_set.label}: not printed, as its text (Reuters) may not be passed on.")
            continue
        systems = view.results.of(a.eval_set)
        shown = best_of({s: systems[s] for s in a.runs}, PREDICTIONS, view.convention)
        names = short_names(shown)
        part = Section(apart(a.eval_set))
        for hard in hardest(a.runs, a.gold, shown, SENTENCES):
            right = frozenset(hard.gold)
            lines = [("gold", hard.gold, None), *((names[s], spans, right) for s, spans in hard.predicted.items())]
            title = (
                f"Sentence {hard.number + 1}: F1 {hard.f1:.1f}, {hard.missed:,} of {hard.wanted:,} entities not found"
            )
            part.parts.append(Marked(title, hard.tokens, lines))
        section.parts.append(part)
    if any(isinstance(part, Section) for part in section.parts):
        section.parts.insert(
            0,
            "The test sentences with the lowest F1 over all runs of all systems and, where that is equal, with the "
            "most entities not found (counted once a run). Below gold, what the best systems predict with their first "
            "seed: blue and underlined, right; orange and dashed, wrong.",
        )
    return section


def _seeds(number: int) -> str:
    return "one seed" if number == 1 else f"{number} seeds"
