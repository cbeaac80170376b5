"""The overlap matrix as a heat map, for the screen (PNG) or for print (SVG)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from crossner_hf.atomic_write import new_file
from crossner_hf.display import check_matplotlib, readable_on
from crossner_hf.results.text_records import OverlapRecord

FORMATS = (".png", ".svg")
COLOURS = "Blues"  # one hue that only gets darker, readable in grey and with any colour blindness
DIAGONAL = "#ececec"
CELL = 0.78  # inches
LEVEL_NAMES = 10  # characters; longer names would overlap


def check_plot(path: str | Path) -> None:
    """Raise ValueError unless a file with the ending `.png` or `.svg` can lie there, ImportError without matplotlib."""
    if Path(path).suffix.lower() not in FORMATS:
        raise ValueError(f"{path}: the heat map is written as {' or '.join(FORMATS)}; choose such a name")
    there = next(folder for folder in Path(path).absolute().parents if folder.exists())
    if not there.is_dir() or Path(path).is_dir():
        raise ValueError(f"{path}: no file can be written there, {there} is no folder or holds a folder of this name")
    check_matplotlib("heat maps")


def plot_overlap(record: OverlapRecord, path: str | Path) -> None:
    """Write the heat map of an overlap record, completely or not at all.

    The colours span the values off the diagonal. The diagonal is grey: it is always 100 and would hide differences.
    """
    check_plot(path)
    import matplotlib

    kind = Path(path).suffix.lower()[1:]
    metadata = {"Date": None} if kind == "svg" else None
    style = {"svg.hashsalt": "crossner-hf", "font.family": "DejaVu Sans"}
    with new_file(path) as temporary, matplotlib.rc_context(style):  # a fixed salt and no date: one record, one file
        _figure(record).savefig(temporary, format=kind, dpi=200, bbox_inches="tight", metadata=metadata)


def _figure(record: OverlapRecord) -> Any:
    import numpy
    from matplotlib.figure import Figure

    labels = [stream.label for stream in record.streams]
    percent = numpy.array(record.matrix.percent)
    others = numpy.ma.masked_array(percent, numpy.eye(len(labels), dtype=bool))
    low = 5 * numpy.floor(others.min() / 5)  # in steps of five, so that small differences look small
    high = max(5 * numpy.ceil(others.max() / 5), low + 5)
    figure = Figure(figsize=(CELL * len(labels) + 2.2, CELL * len(labels) + 1.2), layout="constrained")
    axes = figure.add_subplot()
    axes.set_facecolor(DIAGONAL)
    image = axes.imshow(others, cmap=COLOURS, vmin=low, vmax=high)
    for row, column in numpy.ndindex(percent.shape):
        colour = "#6b6b6b" if row == column else readable_on(tuple(image.cmap(image.norm(percent[row, column]))))
        axes.text(column, row, f"{percent[row, column]:.1f}", ha="center", va="center", color=colour, fontsize=10)
    _frame(axes, labels)
    axes.set_title("\n".join(caption(record)), fontsize=9, loc="left", pad=9, linespacing=1.5)
    bar = figure.colorbar(image, ax=axes, shrink=0.75, aspect=24, pad=0.03)
    bar.set_label("shared words (%)", fontsize=9)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=8, length=0)
    return figure


def _frame(axes: Any, labels: Sequence[str]) -> None:
    places = range(len(labels))
    slanted = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"} if max(map(len, labels)) > LEVEL_NAMES else {}
    axes.set_xticks(places, labels, **slanted)
    axes.set_yticks(places, labels)
    axes.set_xticks([place + 0.5 for place in places[:-1]], minor=True)
    axes.set_yticks([place + 0.5 for place in places[:-1]], minor=True)
    axes.grid(which="minor", color="white", linewidth=2)
    axes.tick_params(which="both", length=0, labelsize=10)
    axes.spines[:].set_visible(False)


def caption(record: OverlapRecord) -> tuple[str, str]:
    stops = record.stop_words.name
    without = "no stop words taken out" if stops == "none" else f"stop words out ({stops})"
    case = "lower case" if record.casing == "lower" else "case kept"
    return f"Percent of words shared among the {record.top_k:,} most frequent", f"{without}, {case}"
