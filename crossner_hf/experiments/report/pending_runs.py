"""Runs of a grid that have no record yet, read from the files that experiments/grid_folder.py writes."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from crossner_hf.json_file import read_json_object
from crossner_hf.results.collect import SetAside
from crossner_hf.results.record_files import GRID_FILE, RECORD_FILE, RUN_FILE


def pending_runs(folders: Sequence[str | Path]) -> list[SetAside]:
    """List the runs without a record of the grids in and below some folders: failed and why, begun, or not begun."""
    pending: dict[Path, SetAside] = {}
    for folder in map(Path, folders):
        for path in _grids(folder):
            shown = Path(folder.resolve().name, path.parent.relative_to(folder)).as_posix()
            for name in _names(path):
                if not (path.parent / "runs" / name / RECORD_FILE).is_file():
                    run = SetAside(f"{shown}/runs/{name}", _state(path.parent, name))
                    pending.setdefault((path.parent / name).resolve(), run)
    return list(pending.values())


def _grids(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        if GRID_FILE in files:
            folders.clear()  # a grid's folder holds runs, not grids
            yield Path(place, GRID_FILE)
        folders[:] = sorted(name for name in folders if not name.startswith((".", "checkpoint-")))


def _names(path: Path) -> list[str]:
    try:
        return list(dict(read_json_object(path)["runs"]))
    except (OSError, ValueError, KeyError, TypeError):
        return []  # some other file of that name


def _state(grid: Path, name: str) -> str:
    try:
        return f"failed: {read_json_object(grid / 'failed' / f'{name}.json')['reason']}"
    except (OSError, ValueError, KeyError):
        return "begun, not finished" if (grid / "runs" / name / RUN_FILE).is_file() else "not begun"
