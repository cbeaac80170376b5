"""What the page shows of the results: the best systems, for which there is room; the CSV files have all."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from crossner_hf.experiments.report import plots
from crossner_hf.experiments.report.error_analysis import (
    Analysis,
    HardSentence,
    confusion_table,
    hardest,
    significance_table,
)
from crossner_hf.experiments.report.tables import Table, f1_of, main_table, name_of, summary_of, type_scores, types_table
from crossner_hf.results.systems import EvalSet, Results, System
from crossner_hf.schema import DEDUPLICATED, DOMAINS, SOURCE

SYSTEMS_IN_A_PLOT = 16
SYSTEMS_IN_A_TABLE = 6
SENTENCES = 5
PREDICTIONS = 3  # of systems, below each sentence


def headline(systems: Iterable[System]) -> list[System]:
    """The systems trained on all sentences, with all of a corpus; where there are none, all systems."""
    systems = list(systems)
    return [s for s in systems if s.size is None and s.percent in (None, 100)] or systems


def only_model(systems: Iterable[System]) -> str:
    """The model that all the systems have; "" where they have several."""
    models = {s.model for s in systems}
    return models.pop() if len(models) == 1 else ""


def short_names(systems: Sequence[System]) -> dict[System, str]:
    """Names that tell the systems apart: the training alone where all have one model."""
    return {s: s.training if only_model(systems) else s.label for s in systems}


@dataclass(frozen=True)
class Split:
    """One test split."""

    results: Results
    eval_set: EvalSet
    analysis: Analysis
    convention: str

    @property
    def name(self) -> str:
        return name_of(self.eval_set)

    def best(self, most: int, *, with_predictions: bool = False) -> list[System]:
        """The headline systems with the highest means, at most so many, in their usual order."""
        systems = self.results.of(self.eval_set)
        chosen = headline(s for s in systems if s in self.analysis.runs or not with_predictions)
        best = sorted(chosen, key=lambda s: -summary_of(systems[s], self.convention).mean)[:most]
        return [s for s in chosen if s in best]

    @cached_property
    def in_table(self) -> list[System]:
        return self.best(SYSTEMS_IN_A_TABLE)

    @cached_property
    def compared(self) -> list[System]:
        return self.best(SYSTEMS_IN_A_TABLE, with_predictions=True)

    @cached_property
    def types(self) -> Table:
        return types_table(short_names(self.in_table), self.results.of(self.eval_set), self.convention)

    def confusion(self) -> tuple[System, Table, list[str]]:
        """The best system with its confusion table, and the types that have no gold entities."""
        (system,) = self.best(1, with_predictions=True)
        return system, *confusion_table(self.analysis, system)

    @cached_property
    def significance(self) -> Table:
        chosen = [c for c in self.analysis.comparisons if c.first in self.compared and c.second in self.compared]
        return significance_table(chosen, short_names(self.compared))

    @property
    def may_be_printed(self) -> bool:
        return self.eval_set.domain.removesuffix("_dedup") != SOURCE.name

    def hardest(self) -> tuple[list[HardSentence], dict[System, str]]:
        """The hardest sentences, and the names of the systems whose predictions they have."""
        shown = self.best(PREDICTIONS, with_predictions=True)
        return hardest(self.analysis.runs, self.analysis.gold, shown, SENTENCES), short_names(shown)


@dataclass(frozen=True)
class Block:
    """Test splits that go into one table. average: whether a mean over them is meaningful"""

    name: str
    where: str
    splits: list[Split]
    average: bool = False

    @cached_property
    def systems(self) -> list[System]:
        cells = self.splits[0].results.cells
        return headline(
            s for s in self.splits[0].results.systems if any((s, split.eval_set) in cells for split in self.splits)
        )

    @cached_property
    def plotted(self) -> list[System]:
        return self.systems[:SYSTEMS_IN_A_PLOT]

    @cached_property
    def table(self) -> Table:
        first = self.splits[0]
        return main_table(first.results, [s.eval_set for s in self.splits], first.convention, self.average)

    @cached_property
    def scores_plot(self) -> plots.Plot:
        names = short_names(self.plotted)
        panels = {}
        for split in self.splits:
            runs = split.results.of(split.eval_set)
            shown = {names[s]: [f1_of(run, split.convention) for run in runs[s]] for s in names if s in runs}
            panels |= {split.eval_set.label: shown} if shown else {}
        return plots.dots(panels, self.splits[0].convention, f"scores-{self.name}")

    @cached_property
    def kinds_plot(self) -> tuple[plots.Plot, str] | None:
        """Specialised against generic types, where the domains have both; and the only model."""
        panels: dict[str, dict[System, list[float]]] = {}
        for split in self.splits:
            runs = split.results.of(split.eval_set)
            scores = {s: type_scores(runs[s], split.convention)["f1"] for s in split.best(SYSTEMS_IN_A_PLOT)}
            both = {s: f1 for s, f1 in scores.items() if {"(generic)", "(specialised)"} <= {*f1.index}}
            if both:
                panels[split.eval_set.label] = {s: [f1["(generic)"], f1["(specialised)"]] for s, f1 in both.items()}
        if not panels:
            return None
        names = short_names(list(dict.fromkeys(s for panel in panels.values() for s in panel)))
        named = {title: {names[s]: pair for s, pair in panel.items()} for title, panel in panels.items()}
        return plots.kinds(named, self.splits[0].convention, f"types-{self.name}"), only_model(names)


def blocks(splits: Sequence[Split]) -> list[Block]:
    """The test splits by kind: CrossNER, its variants, its source; and, apart, what is not CrossNER."""
    by_domain = {split.eval_set.domain: split for split in splits if split.eval_set.is_crossner}
    dedup = [name for name in DEDUPLICATED if name.removesuffix("_dedup") in DOMAINS]
    source = (SOURCE.name, f"{SOURCE.name}_dedup")

    def of(domains: Iterable[str]) -> list[Split]:
        return [split for split in splits if split.eval_set.is_crossner and split.eval_set.domain in domains]

    every = [
        Block("crossner", "on CrossNER", of(DOMAINS), average={*DOMAINS} <= {*by_domain}),
        Block("without-duplicates", "on CrossNER without its duplicates", of(dedup), average={*dedup} <= {*by_domain}),
        Block("source", "on the source", of(source)),
        Block("not-crossner", "not on CrossNER", [split for split in splits if not split.eval_set.is_crossner]),
    ]
    return [block for block in every if block.splits]
