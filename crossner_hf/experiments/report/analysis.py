"""What predictions tell of a test split beyond scores, or why they do not."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from crossner_hf.results.collect import SetAside
from crossner_hf.results.predictions import Compared, Gold, read_gold, read_predictions
from crossner_hf.results.significance import RESAMPLES, Comparison, compare_all
from crossner_hf.results.systems import EvalSet, Results, System


@dataclass
class Analysis:
    """Of one test split. runs: predictions by system, in the order of seeds; missing: why there are none, or ''."""

    eval_set: EvalSet
    gold: Gold | None = None
    runs: dict[System, list[Compared]] = field(default_factory=dict)
    missing: str = ""
    unused: list[SetAside] = field(default_factory=list)
    resamples: int = RESAMPLES

    @cached_property
    def comparisons(self) -> list[Comparison]:
        return compare_all(self.runs, self.gold, self.resamples) if self.gold and self.runs else []


def analyse(
    results: Results, eval_set: EvalSet, data_dirs: Sequence[str | Path], resamples: int = RESAMPLES
) -> Analysis:
    """Read gold and predictions of a test split. A system counts with those of its runs whose predictions fit."""
    found = Analysis(eval_set, resamples=resamples)
    systems = results.of(eval_set)
    types = next(iter(systems.values()))[0].record.entity_types
    try:
        found.gold = read_gold(eval_set, types, data_dirs)
    except (ValueError, OSError) as error:
        found.missing = f"the test sentences are not at hand: {error}"
        return found
    for system, runs in systems.items():
        for run in runs:
            if run.predictions is None:
                continue
            try:
                found.runs.setdefault(system, []).append(read_predictions(run, found.gold))
            except ValueError as error:
                found.unused.append(SetAside(run.shown, f"its scores count, its predictions do not: {error}"))
    found.runs = {system: several for system, several in found.runs.items() if several}
    if not found.runs:
        found.missing = (
            "no predictions that can be used lie beside the records (predictions.json in a run's folder, "
            "NAME.predictions.json beside NAME.json); runs of this version write them"
        )
    return found
