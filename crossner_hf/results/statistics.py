"""Means and spreads over seeds."""

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

# Quantiles of Student's t for a two-sided 95 % interval, by degrees of freedom; 1.96 beyond.
T_95 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131)
FEWEST_FOR_INTERVAL = 3  # of two values, the interval is nine times their distance: it says nothing
USUAL_SEEDS = 3  # the paper's; other numbers are shown


class Summary(NamedTuple):
    """Of one value a seed: mean and sample standard deviation (None for one seed)."""

    mean: float
    deviation: float | None
    number: int

    @property
    def interval(self) -> float | None:
        """Half of the 95 % t-interval of the mean; None for fewer than three seeds."""
        if self.deviation is None or self.number < FEWEST_FOR_INTERVAL:
            return None
        quantile = T_95[self.number - 2] if self.number - 2 < len(T_95) else 1.96
        return quantile * self.deviation / math.sqrt(self.number)

    def __str__(self) -> str:
        text = f"{self.mean:.2f}" + (f" ± {self.deviation:.2f}" if self.deviation is not None else "")
        return text + (f" ({self.number})" if self.number != USUAL_SEEDS else "")


def summarise(values: Sequence[float]) -> Summary:
    return Summary(statistics.mean(values), statistics.stdev(values) if len(values) > 1 else None, len(values))
