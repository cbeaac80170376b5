"""The report's plots as SVG, drawn by matplotlib (extra: report)."""

import io
import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

from crossner_hf.atomic_write import write_text
from crossner_hf.experiments.report.tables import Point, f1_of
from crossner_hf.results.statistics import summarise

# Okabe and Ito's palette without yellow, which is too light for lines: told apart with any colour blindness.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")  # and told apart in grey
DASHES = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)))
INK, PALE = "#222222", "#8a8a8a"
STYLE = {
    "svg.hashsalt": "crossner-hf",  # one report gives one file
    "svg.fonttype": "none",  # text stays text: it can be searched, read aloud, and takes the page's font
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "axes.edgecolor": INK,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "text.color": INK,
    "legend.frameon": False,
}
WIDTH = 9.3  # inches, as wide as the page
MOST_COLUMNS = 5
ROW, LINE = 0.27, 0.14  # inches: a row, and each line more that its name has


def check_plots() -> None:
    """Raises ImportError where matplotlib is not installed."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "the report's plots need matplotlib, which the extra brings: pip install 'crossner-hf[report]' "
            "(or leave the plots out: --no_plots)"
        ) from error


def _as_svg(draw: Callable) -> Callable[..., str]:
    """Has a function that gives a figure give it as an <svg> element; `name` keeps its ids apart on the page."""

    @wraps(draw)
    def drawn(*arguments, name: str, **more) -> str:
        import matplotlib

        with matplotlib.rc_context(STYLE):
            return _svg(draw(*arguments, **more), name)

    return drawn


@_as_svg
def curves(panels: Mapping[str, Mapping[str, Sequence[Point]]], x_label: str, convention: str):
    """A panel a test split, a line a series: means over seeds, the 95 % t-interval as a band, runs as small circles."""
    names = list(dict.fromkeys(n for series in panels.values() for n in series))
    columns = min(len(panels), 3)
    lines = -(-len(panels) // columns)
    beside = len(panels) == 1  # one panel has the names beside it, several have them below
    below = 0 if beside else 0.2 * len(names) + 0.1
    figure, axes = _figure(lines, columns, 3.1 * lines + below)
    for axis, (title, series) in zip(axes, panels.items()):
        for line, points in series.items():
            _line(axis, points, names.index(line), convention)
        axis.set_title(title, fontsize=10, loc="left", pad=8)
        axis.set_xlabel(x_label)
        _ticks(axis, sorted({p.x for points in series.values() for p in points}))
        _grid(axis, "y")
    for axis in axes[::columns]:
        axis.set_ylabel(f"test F1 (%, {convention})")
    handles = {label: h for axis in axes for h, label in zip(*axis.get_legend_handles_labels())}
    figure.legend(
        [handles[str(number)] for number in range(len(names))],
        [_broken(name, 34) for name in names] if beside else names,
        loc="outside right center" if beside else "outside lower left",
        handlelength=2.8,
        labelspacing=0.8 if beside else 0.35,
    )
    return figure


def _ticks(axis, places: Sequence[float]) -> None:
    """A tick at each place, and its number where there is room for it: first at both ends."""
    room, shown = 0.05 * max(places[-1] - places[0], 1), []
    for x in (places[0], *reversed(places)):
        if all(abs(x - other) >= room for other in shown):
            shown.append(x)
    axis.set_xticks(shown, [f"{x:g}" for x in shown])
    axis.set_xticks([x for x in places if x not in shown], minor=True)
    axis.tick_params(which="minor", length=3, width=0.6)


def _line(axis, points: Sequence[Point], number: int, convention: str) -> None:
    colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
    values = [[f1_of(run, convention) for run in point.runs] for point in points]
    summaries, x = [summarise(v) for v in values], [point.x for point in points]
    low = [max(0.0, s.mean - (s.interval or 0.0)) for s in summaries]
    high = [min(100.0, s.mean + (s.interval or 0.0)) for s in summaries]
    if len(points) > 1:
        axis.fill_between(x, low, high, color=colour, alpha=0.14, linewidth=0)
    else:
        axis.plot(x * 2, [low[0], high[0]], color=colour, linewidth=1)
    places = [place for place, several in zip(x, values) for _ in several]
    ring = {"markersize": 3, "markerfacecolor": "none", "markeredgewidth": 0.6, "alpha": 0.8}
    axis.plot(places, [value for several in values for value in several], "o", color=colour, **ring)
    dots = {"marker": marker, "markersize": 5, "markeredgecolor": "white", "markeredgewidth": 0.6}
    dash = DASHES[number % len(DASHES)]
    axis.plot(x, [s.mean for s in summaries], color=colour, linewidth=1.6, linestyle=dash, label=str(number), **dots)


@_as_svg
def dots(panels: Mapping[str, Mapping[str, Sequence[float]]], convention: str):
    """A panel a test split, a row a system: the mean over seeds with its standard deviation, each run a hollow dot.

    panels: test split to system to its F1 by seed
    """
    figure, rows = _rows(panels, convention)
    for axis, place, values in rows:
        summary = summarise(values)
        ring = {"markersize": 4.5, "fillstyle": "none", "markeredgewidth": 0.8}
        axis.plot(values, [place] * len(values), "o", color=PALE, **ring)
        line = {"fmt": "o", "markersize": 5.5, "elinewidth": 1.5, "capsize": 0}
        axis.errorbar(summary.mean, place, xerr=summary.deviation or 0.0, color=COLOURS[0], **line)
    return figure


@_as_svg
def kinds(panels: Mapping[str, Mapping[str, tuple[float, float]]], convention: str):
    """A panel a test split, a row a system: F1 of generic types (hollow) and of specialised ones (filled), joined.

    panels: test split to system to the two scores
    """
    figure, rows = _rows(panels, convention, legend=0.5)
    for axis, place, (generic, specialised) in rows:
        axis.plot([generic, specialised], [place, place], color="#b5b5b5", linewidth=1.8, zorder=1)
        axis.plot(generic, place, "o", color=COLOURS[1], markersize=6, markerfacecolor="white", label="generic types")
        axis.plot(specialised, place, "s", color=COLOURS[0], markersize=5.5, label="specialised types")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles[:2], labels[:2], loc="outside upper right", ncols=2)
    return figure


def _rows(panels: Mapping[str, Mapping[str, Any]], convention: str, legend: float = 0.0):
    """A figure with a panel a test split, a row a system, and what there is to draw: panel, row, value.

    legend: inches left for one above the panels
    """
    systems = list(dict.fromkeys(system for panel in panels.values() for system in panel))
    columns = min(len(panels), MOST_COLUMNS)
    lines = -(-len(panels) // columns)
    names = [_broken(system, 62 if columns == 1 else 52) for system in systems]
    height = ROW + LINE * max(name.count("\n") for name in names)
    figure, axes = _figure(lines, columns, lines * (len(names) * height + 0.8) + legend, share_y=True)
    found = []
    for axis, (title, panel) in zip(axes, panels.items()):
        found += [(axis, systems.index(system), values) for system, values in panel.items()]
        axis.set_title(title, fontsize=10, loc="left", pad=7)
        axis.set_ylim(len(systems) - 0.5, -0.5)
        axis.set_yticks(range(len(systems)), [])
        axis.tick_params(axis="y", length=0)
        axis.spines["left"].set_visible(False)
        axis.locator_params(axis="x", nbins=7 if columns == 1 else 3, steps=[1, 2, 5, 10], min_n_ticks=2)
        axis.margins(x=0.12)
        _grid(axis, "both")
    for axis in axes[::columns]:
        _name_rows(axis, names, LINE / height)
    axes[(len(panels) - 1) // columns * columns + (min(len(panels), columns) - 1) // 2].set_xlabel(
        f"test F1 (%, {convention})"
    )
    return figure, found


def _name_rows(axis, names: Sequence[str], step: float) -> None:
    """Names to the left of rows, a text a line: where the reader's font is another, only single lines stay flush right.

    step: from line to line, in rows
    """
    place = {"xycoords": axis.get_yaxis_transform(), "textcoords": "offset points", "annotation_clip": False}
    for row, name in enumerate(names):
        for number, line in enumerate(name.split("\n")):
            y = row + step * (number - name.count("\n") / 2)
            axis.annotate(line, (0, y), xytext=(-5, 0), ha="right", va="center", **place)


def _figure(lines: int, columns: int, height: float, share_y: bool = False):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    figure.get_layout_engine().set(h_pad=0.04 if lines == 1 else 0.12)
    return figure, figure.subplots(lines, columns, sharey=share_y, squeeze=False).flatten().tolist()


def _grid(axis, which: str) -> None:
    axis.grid(axis=which, color="#e3e3e3", linewidth=0.6)
    axis.set_axisbelow(True)


def _broken(text: str, width: int) -> str:
    """Long names in several lines."""
    return "\n".join(textwrap.wrap(text, width))


def _svg(figure, name: str) -> str:
    for axis in figure.axes:  # of a grid with more places than panels
        axis.set_visible(axis.has_data())
    for text in figure.findobj(lambda artist: hasattr(artist, "set_parse_math")):
        text.set_parse_math(False)  # a name may hold $
    figure.get_layout_engine().execute(figure)
    figure.set_layout_engine(None)  # or saving would lay it out again, and draw it twice
    file = io.StringIO()
    figure.savefig(file, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = file.getvalue()
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r'\bid="', f'id="{name}-', text)
    return re.sub(r'(href="#|url\(#)', rf"\1{name}-", text)


def write_svg(path: Path, svg: str) -> None:
    write_text(path, f'<?xml version="1.0" encoding="utf-8"?>\n{svg}')
