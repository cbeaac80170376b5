"""What the page shows of the results: the best systems, for which there is room; the CSV files have all."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from crossner_hf.experiments.report import plots
from crossner_hf.experiments.report.error_analysis import Analysis, HardSentence, confusion_table, significance_table
from crossner_hf.experiments.report.tables import (
    Table,
    f1_of,
    main_table,
    name_of,
    summary_of,
    type_scores,
    types_table,
)
from crossner_hf.results.collect import RunResult
from crossner_hf.results.systems import EvalSet, System
from crossner_hf.schema import DEDUPLICATED, DOMAINS, SOURCE

SYSTEMS_IN_A_PLOT = 16
SYSTEMS_IN_A_TABLE = 6
SENTENCES = 5
KINDS = ("(generic)", "(specialised)")
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
    """One test split with the runs of each system, in order."""

    eval_set: EvalSet
    runs: Mapping[System, Sequence[RunResult]]
    analysis: Analysis
    convention: str

    @property
    def name(self) -> str:
        return name_of(self.eval_set)

    def best(self, most: int, *, with_predictions: bool = False) -> list[System]:
        """The headline systems with the highest means, at most so many, in their usual order."""
        chosen = headline(s for s in self.runs if s in self.analysis.runs or not with_predictions)
        best = sorted(chosen, key=lambda s: -summary_of(self.runs[s], self.convention).mean)[:most]
        return [s for s in chosen if s in best]

    @cached_property
    def in_table(self) -> list[System]:
        return self.best(SYSTEMS_IN_A_TABLE)

    @cached_property
    def types(self) -> Table:
        return types_table(short_names(self.in_table), self.runs, self.convention)

    @cached_property
    def confusion(self) -> tuple[System, Table, list[str]]:
        """The best system, its confusion table, and the types that have no gold entities."""
        (system,) = self.best(1, with_predictions=True)
        return system, *confusion_table(self.analysis, system)

    @cached_property
    def compared(self) -> list[System]:
        return self.best(SYSTEMS_IN_A_TABLE, with_predictions=True)

    @cached_property
    def significance(self) -> Table:
        chosen = [c for c in self.analysis.comparisons if {c.first, c.second} <= {*self.compared}]
        return significance_table(chosen, short_names(self.compared))

    @property
    def may_be_printed(self) -> bool:
        return self.eval_set.domain.removesuffix("_dedup") != SOURCE.name

    @cached_property
    def hardest(self) -> tuple[list[HardSentence], dict[System, str]]:
        """The hardest sentences, and the names of the systems whose predictions they show."""
        shown = self.best(PREDICTIONS, with_predictions=True)
        return self.analysis.hardest(shown, SENTENCES), short_names(shown)


@dataclass(frozen=True)
class Block:
    """Test splits that go into one table. average: whether a mean over them is meaningful"""

    name: str
    where: str
    splits: Sequence[Split]
    average: bool = False

    @cached_property
    def table(self) -> Table:
        columns = {split.eval_set.label: split.runs for split in self.splits}
        return main_table(columns, self.splits[0].convention, self.average)

    @cached_property
    def systems(self) -> list[System]:
        return headline(sorted({s for split in self.splits for s in split.runs}, key=System.order))

    @cached_property
    def plotted(self) -> list[System]:
        return self.systems[:SYSTEMS_IN_A_PLOT]

    @cached_property
    def scores_plot(self) -> plots.Plot:
        panels = {
            split.eval_set.label: {
                name: [f1_of(run, split.convention) for run in split.runs[s]]
                for s, name in short_names(self.plotted).items()
                if s in split.runs
            }
            for split in self.splits
        }
        drawn = {title: rows for title, rows in panels.items() if rows}
        return plots.dots(drawn, self.splits[0].convention, f"scores-{self.name}")

    @cached_property
    def kinds(self) -> dict[str, dict[System, tuple[float, float]]]:
        """F1 of generic and of specialised types by test split and system, where the domains have both."""
        panels = {}
        for split in self.splits:
            f1 = {s: type_scores(split.runs[s], split.convention) for s in split.best(SYSTEMS_IN_A_PLOT)}
            both = {s: tuple(f[kind][1] for kind in KINDS) for s, f in f1.items() if f.keys() >= {*KINDS}}
            panels |= {split.eval_set.label: both} if both else {}
        return panels

    @cached_property
    def kinds_systems(self) -> list[System]:
        return list(dict.fromkeys(s for panel in self.kinds.values() for s in panel))

    @cached_property
    def kinds_plot(self) -> plots.Plot:
        names = short_names(self.kinds_systems)
        panels = {title: {names[s]: pair for s, pair in panel.items()} for title, panel in self.kinds.items()}
        return plots.kinds(panels, self.splits[0].convention, f"types-{self.name}")


def blocks(splits: Sequence[Split]) -> list[Block]:
    """The test splits by kind: CrossNER, its variants, its source; and, apart, what is not CrossNER."""
    variants = [name for name in DEDUPLICATED if name.removesuffix("_dedup") in DOMAINS]

    def block(name: str, where: str, domains: Sequence[str], has_average: bool = True) -> Block:
        members = [s for s in splits if s.eval_set.is_crossner and s.eval_set.domain in domains]
        every_domain_once = sorted(s.eval_set.domain for s in members) == sorted(domains)
        return Block(name, where, members, average=has_average and every_domain_once)

    every = [
        block("crossner", "on CrossNER", [*DOMAINS]),
        block("without-duplicates", "on CrossNER without its duplicates", variants),
        block("source", "on the source", [SOURCE.name, f"{SOURCE.name}_dedup"], has_average=False),
        Block("not-crossner", "not on CrossNER", [s for s in splits if not s.eval_set.is_crossner]),
    ]
    return [block for block in every if block.splits]
