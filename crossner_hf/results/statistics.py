"""Means and spreads over seeds."""

import math
import statistics
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

FEWEST_FOR_INTERVAL = 3  # of two values, the interval is nine times their distance: it says nothing
USUAL_SEEDS = 3  # the paper's; other numbers are shown


class Summary(NamedTuple):
    """Of one value for each seed: mean and sample standard deviation (None for one seed)."""

    mean: float
    deviation: float | None
    number: int

    @property
    def interval(self) -> float | None:
        """Half of the 95 % t-interval of the mean; None for fewer than three seeds."""
        if self.deviation is None or self.number < FEWEST_FOR_INTERVAL:
            return None
        return t_quantile(self.number - 1) * self.deviation / math.sqrt(self.number)

    def __str__(self) -> str:
        text = f"{self.mean:.2f}" + (f" ± {self.deviation:.2f}" if self.deviation is not None else "")
        return text + (f" ({self.number})" if self.number != USUAL_SEEDS else "")


def summarise(values: Sequence[float]) -> Summary:
    return Summary(statistics.mean(values), statistics.stdev(values) if len(values) > 1 else None, len(values))


@cache
def t_quantile(degrees: int) -> float:
    """The t between whose negative and which Student's distribution holds 95 %: 2.120 for 16 degrees."""
    low, high = 0.0, math.pi / 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _t_share(middle, degrees) < 0.95 else (low, middle)
    return math.sqrt(degrees) * math.tan(low)


def _t_share(angle: float, degrees: int) -> float:
    """The share of the distribution within ± sqrt(degrees) tan(angle) (Abramowitz and Stegun, 26.7.3 and 26.7.4)."""
    is_odd, cosine = degrees % 2, math.cos(angle)
    term = cosine if is_odd else 1.0
    total = term if degrees > 1 else 0.0
    for k in range(2 + is_odd, degrees - 1, 2):
        term *= cosine**2 * (k - 1) / k
        total += term
    share = math.sin(angle) * total
    return 2 / math.pi * (angle + share) if is_odd else share
