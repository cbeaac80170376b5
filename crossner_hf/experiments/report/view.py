"""What the page shows of the results: the best systems, for which there is room; the CSV files have all."""

from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cached_property

from crossner_hf.experiments.report import plots, tables
from crossner_hf.experiments.report.error_analysis import Analysis, confusion_table, significance_table
from crossner_hf.results.systems import EvalSet, System
from crossner_hf.schema import DEDUPLICATED, DOMAINS, SOURCE

SYSTEMS_IN_A_PLOT = 16
SYSTEMS_IN_A_TABLE = 6
KINDS = ("(generic)", "(specialised)")


def only_model(systems: Iterable[System]) -> str:
    """The model that all the systems have; "" where they have several."""
    models = {s.model for s in systems}
    return models.pop() if len(models) == 1 else ""


def short_names(systems: Collection[System]) -> dict[System, str]:
    """Names that tell the systems apart: the training alone where all have one model."""
    return {s: s.training if only_model(systems) else s.label for s in systems}


@dataclass(frozen=True)
class Split:
    """One test split with the runs of each system, in order, and the analysis of their predictions."""

    eval_set: EvalSet
    runs: tables.Runs
    convention: str
    analysing: Future[Analysis]

    @property
    def analysis(self) -> Analysis:
        return self.analysing.result()

    @property
    def name(self) -> str:
        return tables.name_of(self.eval_set)

    @property
    def analysed(self) -> tables.Runs:
        return {system: runs for system, runs in self.runs.items() if system in self.analysis.seeds}

    @cached_property
    def in_table(self) -> list[System]:
        return tables.best_of(self.runs, SYSTEMS_IN_A_TABLE, self.convention)

    @cached_property
    def types(self) -> tables.Table:
        return tables.types_table(short_names(self.in_table), self.runs, self.convention)

    @cached_property
    def confusion(self) -> tuple[System, tables.Table, list[str]]:
        """The best system, its confusion table, and the types that have no gold entities."""
        (system,) = tables.best_of(self.analysed, 1, self.convention)
        return system, *confusion_table(self.analysis, system)

    @cached_property
    def compared(self) -> list[System]:
        return tables.best_of(self.analysed, SYSTEMS_IN_A_TABLE, self.convention)

    @cached_property
    def significance(self) -> tables.Table:
        chosen = [c for c in self.analysis.comparisons if {c.first, c.second} <= {*self.compared}]
        return significance_table(chosen, short_names(self.compared))

    @property
    def may_be_printed(self) -> bool:
        """Whether its sentences may be shown; those of the source are Reuters text."""
        return self.eval_set.domain.removesuffix("_dedup") != SOURCE.name


@dataclass(frozen=True)
class Block:
    """Test splits that go into one table; `average` says whether a mean over them is meaningful."""

    name: str
    where: str
    splits: Sequence[Split]
    average: bool = False

    @cached_property
    def table(self) -> tables.Table:
        columns = {split.eval_set.label: split.runs for split in self.splits}
        return tables.main_table(columns, self.splits[0].convention, self.average)

    @cached_property
    def systems(self) -> list[System]:
        return tables.headline(sorted({s for split in self.splits for s in split.runs}, key=System.order))

    @cached_property
    def plotted(self) -> list[System]:
        return self.systems[:SYSTEMS_IN_A_PLOT]

    @cached_property
    def scores_plot(self) -> plots.Plot:
        panels = {
            split.eval_set.label: {
                name: [tables.f1_of(run, split.convention) for run in split.runs[s]]
                for s, name in short_names(self.plotted).items()
                if s in split.runs
            }
            for split in self.splits
        }
        drawn = {title: rows for title, rows in panels.items() if rows}
        return plots.dots(drawn, self.splits[0].convention, f"scores-{self.name}")

    @cached_property
    def kinds(self) -> dict[str, dict[System, tuple[float, ...]]]:
        """F1 of generic and of specialised types by test split and system, where the domains have both."""
        panels: dict[str, dict[System, tuple[float, ...]]] = {}
        for split in self.splits:
            chosen = tables.best_of(split.runs, SYSTEMS_IN_A_PLOT, split.convention)
            f1 = {s: tables.type_scores(split.runs[s], split.convention) for s in chosen}
            both = {s: tuple(f[kind][1] for kind in KINDS) for s, f in f1.items() if f.keys() >= {*KINDS}}
            if both:
                panels[split.eval_set.label] = both
        return panels

    @cached_property
    def kinds_systems(self) -> list[System]:
        return list(dict.fromkeys(s for panel in self.kinds.values() for s in panel))

    @cached_property
    def kinds_plot(self) -> plots.Plot:
        names = short_names(self.kinds_systems)
        panels = {title: {names[s]: pair for s, pair in panel.items()} for title, panel in self.kinds.items()}
        return plots.kinds(panels, self.splits[0].convention, f"types-{self.name}")

    @property
    def drawn(self) -> list[plots.Plot]:
        return [self.scores_plot, *([self.kinds_plot] if self.kinds else [])]


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
