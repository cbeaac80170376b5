"""The report's plots as SVG, drawn by matplotlib (extra: report)."""

import io
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from crossner_hf.experiments.report.curves import Series
from crossner_hf.experiments.report.tables import f1_of
from crossner_hf.results.statistics import summarise

# Okabe and Ito's palette without yellow, which is too light for lines: told apart with any colour blindness.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")  # and told apart in grey
DASHES = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)))
INK, PALE = "#222222", "#8a8a8a"
STYLE = {
    "svg.hashsalt": "crossner-hf",  # one report gives one file
    "svg.fonttype": "none",  # text stays text: it can be searched, read aloud, and takes the page's font
    "text.parse_math": False,  # a name may hold $
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "axes.axisbelow": True,
    "axes.edgecolor": INK,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.labelcolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "grid.color": "#e3e3e3",
    "grid.linewidth": 0.6,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "text.color": INK,
    "legend.frameon": False,
}
# Inches.
WIDTH = 9.3  # as wide as the page
TITLE, TICKS, GAP = 0.3, 0.5, 0.25  # above a panel, below it, and between panels
ROW, LINE = 0.27, 0.14  # a row of a dot plot, and each line more that its name has
CHARACTER = 0.075  # a wide estimate of a character's mean width
PANEL = 3.1  # height of a panel of curves
MOST_COLUMNS = 5


@dataclass(frozen=True)
class Plot:
    """An <svg> element; `name` is that of its file, and keeps its ids apart on the page."""

    name: str
    svg: str


@contextmanager
def _style() -> Iterator[None]:
    import matplotlib

    with matplotlib.rc_context(STYLE):
        yield


def curves(panels: Mapping[str, Series], x_label: str, convention: str, name: str) -> Plot:
    """Draw one panel for each test split, one line for each curve.

    A line joins means over seeds; its band is the 95 % t-interval; runs are small circles.
    """
    names = list(dict.fromkeys(n for series in panels.values() for n in series))
    beside = len(panels) == 1  # one panel has the names beside it, several have them below
    labels = [textwrap.fill(n, 34) for n in names] if beside else names
    right = 0.7 + CHARACTER * max(len(line) for label in labels for line in label.split("\n")) if beside else 0.1
    below = 0.1 if beside else 0.2 * len(names) + 0.15
    columns = min(len(panels), 3)
    with _style():
        figure, axes = _figure(len(panels), columns, PANEL - TITLE - TICKS, (0.6, right, 0.1, below), gap=0.5)
        for axis, (title, series) in zip(axes, panels.items(), strict=True):
            for curve, points in series.items():
                places = [point.x for point in points]
                _curve(axis, places, [[f1_of(run, convention) for run in p.runs] for p in points], names.index(curve))
            axis.set_title(title, pad=8)
            axis.set_xlabel(x_label)
            axis.grid(axis="y")
            _ticks(axis, sorted({point.x for points in series.values() for point in points}))
        for axis in axes[::columns]:
            axis.set_ylabel(f"test F1 (%, {convention})")
        handles = {label: h for axis in axes for h, label in zip(*axis.get_legend_handles_labels(), strict=True)}
        numbers = [str(number) for number in range(len(names))]
        place = {"loc": "center right"} if beside else {"loc": "lower left", "labelspacing": 0.35}
        legend = figure.legend([handles[number] for number in numbers], numbers, handlelength=2.8, **place)
        for text, label in zip(legend.get_texts(), labels, strict=True):
            text.set_text(label)
        return Plot(name, _svg(figure, name))


def _ticks(axis: Any, places: Sequence[float]) -> None:
    """A tick at each place, and its number where there is room for it: first at both ends."""
    room, shown = 0.05 * max(places[-1] - places[0], 1), []
    for x in (places[0], *reversed(places)):
        if all(abs(x - other) >= room for other in shown):
            shown.append(x)
    axis.set_xticks(shown, [f"{x:g}" for x in shown])
    axis.set_xticks([x for x in places if x not in shown], minor=True)
    axis.tick_params(which="minor", length=3, width=0.6)


def _curve(axis: Any, x: Sequence[float], values: Sequence[Sequence[float]], number: int) -> None:
    colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
    summaries = [summarise(v) for v in values]
    low = [max(0.0, s.mean - (s.interval or 0.0)) for s in summaries]
    high = [min(100.0, s.mean + (s.interval or 0.0)) for s in summaries]
    if len(x) > 1:
        axis.fill_between(x, low, high, color=colour, alpha=0.14, linewidth=0)
    else:
        axis.plot([*x, *x], [low[0], high[0]], color=colour, linewidth=1)
    places = [place for place, several in zip(x, values, strict=True) for _ in several]
    ring = {"markersize": 3, "markerfacecolor": "none", "markeredgewidth": 0.6, "alpha": 0.8}
    axis.plot(places, [value for several in values for value in several], "o", color=colour, **ring)
    dots = {"marker": marker, "markersize": 5, "markeredgecolor": "white", "markeredgewidth": 0.6}
    dash = DASHES[number % len(DASHES)]
    axis.plot(x, [s.mean for s in summaries], color=colour, linewidth=1.6, linestyle=dash, label=str(number), **dots)


def dots(panels: Mapping[str, Mapping[str, Sequence[float]]], convention: str, name: str) -> Plot:
    """Draw one panel for each test split, one row for each system.

    A row has the mean over seeds with its standard deviation, and each run as a hollow dot.

    Args:
        panels: Test split to system to its F1 by seed.
        convention: Of the scores.
        name: Of the plot.
    """
    with _style():
        figure, drawn = _rows(panels, convention)
        for axis, places, rows in drawn:
            values = [(value, place) for row, place in zip(rows, places, strict=True) for value in row]
            axis.plot(*zip(*values, strict=True), "o", color=PALE, markersize=4.5, fillstyle="none", markeredgewidth=0.8)
            summaries = [summarise(row) for row in rows]
            means, spread = [s.mean for s in summaries], [s.deviation or 0.0 for s in summaries]
            axis.errorbar(means, places, xerr=spread, fmt="o", color=COLOURS[0], markersize=5.5, elinewidth=1.5)
        return Plot(name, _svg(figure, name))


def kinds(panels: Mapping[str, Mapping[str, tuple[float, float]]], convention: str, name: str) -> Plot:
    """Draw one panel for each test split, one row for each system: F1 of generic and of specialised types, joined.

    Args:
        panels: Test split to system to the two scores.
        convention: Of the scores.
        name: Of the plot.
    """
    with _style():
        figure, drawn = _rows(panels, convention, above=0.45)
        for axis, places, pairs in drawn:
            generic, specialised = zip(*pairs, strict=True)
            axis.hlines(places, generic, specialised, color="#b5b5b5", linewidth=1.8, zorder=1)
            style = {"markersize": 6, "markerfacecolor": "white", "label": "generic types"}
            axis.plot(generic, places, "o", color=COLOURS[1], **style)
            axis.plot(specialised, places, "s", color=COLOURS[0], markersize=5.5, label="specialised types")
        figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="upper right", ncols=2)
        return Plot(name, _svg(figure, name))


def _rows(panels: Mapping[str, Mapping[str, Any]], convention: str, above: float = 0.0) -> tuple[Any, list]:
    """A figure with a row for each system, and what each panel has to draw: its axis, places of rows, their values."""
    systems = list(dict.fromkeys(system for panel in panels.values() for system in panel))
    columns = min(len(panels), MOST_COLUMNS)
    names = [textwrap.wrap(system, 62 if columns == 1 else 52) for system in systems]
    row = ROW + LINE * (max(map(len, names)) - 1)
    left = 0.2 + CHARACTER * max(len(line) for lines in names for line in lines)
    figure, axes = _figure(len(panels), columns, len(names) * row, (left, 0.15, above, 0.1))
    for axis, title in zip(axes, panels, strict=True):
        axis.set_title(title, pad=7)
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


def _figure(
    panels: int, columns: int, height: float, margins: tuple[float, float, float, float], gap: float = GAP
) -> tuple[Any, list[Any]]:
    """A figure with panels in rows of `columns`; margins: left, right, above and below all panels; all in inches.

    Laid out by hand: matplotlib's own layouts draw a figure three times.
    """
    from matplotlib.figure import Figure

    left, right, above, below = margins
    lines = -(-panels // columns)
    total = above + lines * (TITLE + height + TICKS) + below
    width = (WIDTH - left - right - gap * (columns - 1)) / columns
    figure = Figure(figsize=(WIDTH, total))
    axes = []
    for line, column in (divmod(panel, columns) for panel in range(panels)):
        top = above + line * (TITLE + height + TICKS) + TITLE
        x = left + column * (width + gap)
        axes.append(figure.add_axes((x / WIDTH, 1 - (top + height) / total, width / WIDTH, height / total)))
    return figure, axes


def _svg(figure: Any, name: str) -> str:
    file = io.StringIO()
    figure.savefig(file, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = file.getvalue()
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r'\bid="', f'id="{name}-', text)
    return re.sub(r'(href="#|url\(#)', rf"\1{name}-", text)
