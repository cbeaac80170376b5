"""The report's plots as SVG, drawn by matplotlib (extra: report)."""

import io
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crossner_hf.results.statistics import summarise

STYLE = Path(__file__).with_name("style.mplstyle")
# Okabe and Ito's palette without yellow, which is too light for lines: told apart with any colour blindness.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")  # and told apart in grey
DASHES = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)))
# Lengths are in inches.
WIDTH = 9.3  # of a plot: as wide as the page
ABOVE, BELOW, BETWEEN = 0.3, 0.45, 0.2  # a panel: room for title, for ticks and label, for the next panel
ROW, LINE = 0.29, 0.14  # a row of a dot plot, and each line more that its name has
CHARACTER = 0.064  # somewhat wider than the mean in DejaVu Sans
CURVES = 2.3  # height of a panel of curves
MOST_COLUMNS = 5

Panels = Mapping[str, Mapping[str, Sequence[Any]]]  # a panel's title to its rows or curves, by name


@dataclass(frozen=True)
class Plot:
    """An <svg> element; `name` is that of its file, and keeps its ids apart on the page."""

    name: str
    svg: str


@contextmanager
def _style() -> Iterator[None]:
    import matplotlib

    with matplotlib.rc_context(fname=STYLE):
        yield


@_style()
def curves(panels: Panels, x_label: str, convention: str, name: str) -> Plot:
    """Draw one panel for each test split, one line for each curve.

    A line joins means over seeds; its band is the 95 % t-interval; runs are small circles. A point is x with the F1 of
    each seed.
    """
    names = list(dict.fromkeys(curve for series in panels.values() for curve in series))
    beside = len(panels) == 1  # one panel has the names beside it, several have them below
    labels = [textwrap.fill(curve, 34) for curve in names] if beside else names
    columns = min(len(panels), 3)
    right = 0.7 + CHARACTER * _longest(labels) if beside else 0.1
    below = 0.0 if beside else 0.2 * len(names) + 0.1
    figure, axes = _figure(len(panels), columns, CURVES, (0.55, right, 0.0, below), between=0.4)
    for axis, (title, series) in zip(axes, panels.items(), strict=True):
        for curve, points in series.items():
            _draw_curve(axis, points, names.index(curve))
        axis.set_title(title)
        axis.set_xlabel(x_label)
        axis.grid(axis="y")
        axis.locator_params(axis="y", steps=[1, 2, 5, 10])
        _set_ticks(axis, sorted({x for points in series.values() for x, _ in points}))
    for axis in axes[::columns]:
        axis.set_ylabel(f"test F1 (%, {convention})")
    handles = {label: h for axis in axes for h, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    numbers = [str(number) for number in range(len(names))]
    place = {"loc": "center right", "labelspacing": 0.8} if beside else {"loc": "lower left", "labelspacing": 0.35}
    legend = figure.legend([handles[number] for number in numbers], numbers, handlelength=2.8, **place)
    for text, label in zip(legend.get_texts(), labels, strict=True):
        text.set_text(label)
    return _plot(figure, name)


def _set_ticks(axis: Any, places: Sequence[float]) -> None:
    shown: list[float] = []
    room = 0.05 * max(places[-1] - places[0], 1)
    for x in (places[0], *reversed(places)):
        if all(abs(x - other) >= room for other in shown):
            shown.append(x)
    axis.set_xticks(shown, [f"{x:g}" for x in shown])
    axis.set_xticks([x for x in places if x not in shown], minor=True)


def _draw_curve(axis: Any, points: Sequence[tuple[float, Sequence[float]]], number: int) -> None:
    x, values = zip(*points, strict=True)
    colour = COLOURS[number % len(COLOURS)]
    summaries = [summarise(v) for v in values]
    low = [max(0.0, s.mean - (s.interval or 0.0)) for s in summaries]
    high = [min(100.0, s.mean + (s.interval or 0.0)) for s in summaries]
    if len(x) > 1:
        axis.fill_between(x, low, high, color=colour, alpha=0.14, linewidth=0)
    else:
        axis.vlines(x, low, high, color=colour, linewidth=1)
    runs = [(place, value) for place, several in zip(x, values, strict=True) for value in several]
    ring = {"markersize": 3, "markerfacecolor": "none", "markeredgewidth": 0.6, "alpha": 0.8}
    axis.plot(*zip(*runs, strict=True), "o", color=colour, **ring)
    dots = {"marker": MARKERS[number % len(MARKERS)], "markeredgecolor": "white", "markeredgewidth": 0.6}
    line = {"linewidth": 1.6, "linestyle": DASHES[number % len(DASHES)], "label": str(number)}
    axis.plot(x, [s.mean for s in summaries], color=colour, markersize=5, **dots, **line)


@_style()
def dots(panels: Panels, convention: str, name: str) -> Plot:
    """Draw one panel for each test split, one row for each system.

    A row holds the F1 of each seed: hollow dots, and their mean with its standard deviation.
    """
    figure, drawn = _rows(panels, convention)
    for axis, places, rows in drawn:
        runs = [(value, place) for place, row in zip(places, rows, strict=True) for value in row]
        ring = {"markersize": 4.5, "fillstyle": "none", "markeredgewidth": 0.8}
        axis.plot(*zip(*runs, strict=True), "o", color="#8a8a8a", **ring)
        means, deviations, _ = zip(*(summarise(row) for row in rows), strict=True)
        line = {"fmt": "o", "markersize": 5.5, "elinewidth": 1.5, "capsize": 0}
        axis.errorbar(means, places, xerr=[d or 0.0 for d in deviations], color=COLOURS[0], **line)
    return _plot(figure, name)


@_style()
def kinds(panels: Panels, convention: str, name: str) -> Plot:
    """Draw one panel for each test split, one row for each system: F1 of generic and of specialised types, joined."""
    figure, drawn = _rows(panels, convention, above=0.25)
    for axis, places, pairs in drawn:
        generic, specialised = zip(*pairs, strict=True)
        axis.hlines(places, generic, specialised, color="#b5b5b5", linewidth=1.8, zorder=1)
        hollow = {"markersize": 6, "markerfacecolor": "white"}
        axis.plot(generic, places, "o", color=COLOURS[1], label="generic types", **hollow)
        axis.plot(specialised, places, "s", color=COLOURS[0], markersize=5.5, label="specialised types")
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="upper right", ncols=2)
    return _plot(figure, name)


def _rows(panels: Panels, convention: str, above: float = 0.0) -> tuple[Any, list[tuple[Any, list[int], list[Any]]]]:
    """A figure with a row for each system, and what each panel has to draw: its axis, places of rows, their values."""
    systems = list(dict.fromkeys(system for panel in panels.values() for system in panel))
    columns = min(len(panels), MOST_COLUMNS)
    names = [textwrap.wrap(system, 62 if columns == 1 else 52) for system in systems]
    row = ROW + LINE * (max(map(len, names)) - 1)
    left = 0.15 + CHARACTER * _longest(line for lines in names for line in lines)
    figure, axes = _figure(len(panels), columns, len(names) * row, (left, 0.15, above, 0.0))
    for axis, title in zip(axes, panels, strict=True):
        axis.set_title(title)
        axis.set_ylim(len(systems) - 0.5, -0.5)
        axis.set_yticks(range(len(systems)), [])
        axis.tick_params(axis="y", length=0)
        axis.spines["left"].set_visible(False)
        axis.locator_params(axis="x", nbins=7 if columns == 1 else 3, steps=[1, 2, 5, 10], min_n_ticks=2)
        axis.margins(x=0.12)
        axis.grid()
    for axis in axes[::columns]:
        _name_rows(axis, names, LINE / row)
    middle = (len(panels) - 1) // columns * columns + (min(len(panels), columns) - 1) // 2
    axes[middle].set_xlabel(f"test F1 (%, {convention})")
    places = [[systems.index(system) for system in panel] for panel in panels.values()]
    return figure, list(zip(axes, places, (list(panel.values()) for panel in panels.values()), strict=True))


def _name_rows(axis: Any, names: Sequence[Sequence[str]], step: float) -> None:
    """Names to the left of rows, one text for each line: in another font, only single lines stay flush right.

    step: from line to line, in rows
    """
    place = {"xycoords": axis.get_yaxis_transform(), "textcoords": "offset points", "annotation_clip": False}
    for row, lines in enumerate(names):
        for number, line in enumerate(lines):
            y = row + step * (number - (len(lines) - 1) / 2)
            axis.annotate(line, (0, y), xytext=(-5, 0), ha="right", va="center", **place)


def _longest(texts: Any) -> int:
    return max(len(line) for text in texts for line in text.split("\n"))


def _figure(
    panels: int, columns: int, height: float, margins: tuple[float, float, float, float], between: float = BETWEEN
) -> tuple[Any, list[Any]]:
    """A figure with panels in rows of `columns`, laid out by hand: matplotlib's own layouts draw everything again.

    margins: left, right, above and below all panels
    """
    from matplotlib.figure import Figure

    left, right, above, below = margins
    lines = -(-panels // columns)
    total = above + lines * (ABOVE + height + BELOW) + below
    width = (WIDTH - left - right - between * (columns - 1)) / columns
    figure = Figure(figsize=(WIDTH, total))
    axes = []
    for line, column in (divmod(panel, columns) for panel in range(panels)):
        bottom = total - above - line * (ABOVE + height + BELOW) - ABOVE - height
        x = left + column * (width + between)
        axes.append(figure.add_axes((x / WIDTH, bottom / total, width / WIDTH, height / total)))
    return figure, axes


def _plot(figure: Any, name: str) -> Plot:
    file = io.StringIO()
    figure.savefig(file, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = file.getvalue()
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r'\bid="', f'id="{name}-', text)
    return Plot(name, re.sub(r'(href="#|url\(#)', rf"\1{name}-", text))
