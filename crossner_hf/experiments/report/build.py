"""The report on the records of runs: report.html, report.md, CSV files and figures in a folder."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from crossner_hf import __version__
from crossner_hf.atomic_write import write_text
from crossner_hf.display import check_matplotlib, csv_cell
from crossner_hf.experiments.report import curves, error_analysis, page, tables
from crossner_hf.experiments.report.pending_runs import pending_runs
from crossner_hf.experiments.report.view import Split, blocks
from crossner_hf.metric.crossner.span_f1 import DEFAULT_CONVENTIONS
from crossner_hf.results.collect import SetAside, collect
from crossner_hf.results.record_files import RUN_FILE
from crossner_hf.results.significance import RESAMPLES
from crossner_hf.results.statistics import FEWEST_FOR_INTERVAL, USUAL_SEEDS
from crossner_hf.results.systems import group


class Report(NamedTuple):
    """What was written, and about what; `missing` names parts that could not be made, with the reason."""

    folder: Path
    runs: int
    systems: int
    eval_sets: list[str]
    set_aside: list[SetAside]
    missing: list[str]


def write_report(
    folders: Sequence[str | Path],
    output: str | Path,
    *,
    data_dirs: Sequence[str | Path] = (),
    convention: str = "conlleval",
    with_plots: bool = True,
    resamples: int = RESAMPLES,
) -> Report:
    """Report on all records of fine-tuning runs below some folders.

    Args:
        folders: Folders of records, at any depth.
        output: The folder to write.
        data_dirs: Folders of the test sentences: that of the official files (else CROSSNER_DATA_DIR, else those
            downloaded before; nothing is downloaded here), and those of domains of your own.
        convention: Of the scores: conlleval, strict or pooled.
        with_plots: Whether to draw plots, which needs matplotlib.
        resamples: Of the bootstrap.

    Raises:
        ValueError: There is nothing to report on, or an argument is wrong.
        ImportError: Plots are wanted, and matplotlib is not installed.
    """
    output = Path(output)
    _check_arguments(output, convention, resamples)
    collected = collect(folders)
    results = group(collected.runs)
    if not results.cells:
        reason = results.set_aside[0].reason
        raise ValueError(f"{', '.join(map(str, folders))}: no record is left to report on: {reason}")
    if with_plots:
        check_matplotlib("the report's plots", " (or leave the plots out: --no-plots)")
    with error_analysis.executor_for(len(collected.runs), len(results.eval_sets)) as executor:
        submitted = {
            e: executor.submit(error_analysis.analyse, e, results.of(e), data_dirs, convention, resamples)
            for e in results.eval_sets
        }
        splits = [Split(e, results.of(e), convention, analysing) for e, analysing in submitted.items()]
        in_blocks = blocks(splits)
        few_shot, corpus_size = curves.few_shot_curves(splits, convention), curves.corpus_curves(splits, convention)
        drawn = [plot for block in in_blocks for plot in block.drawn] if with_plots else []
        drawn += [several.plot for several in (few_shot, corpus_size) if several.series and with_plots]
        frames = tables.csv_tables(results, convention) | {"few_shot": few_shot.csv, "corpus_size": corpus_size.csv}
        analyses = [split.analysis for split in splits]
    frames |= error_analysis.csv_tables(analyses)
    pending = pending_runs(folders)
    begun = {f"{run.shown}/{RUN_FILE}" for run in pending}
    unused = [note for a in analyses for note in a.unused]
    set_aside = [run for run in (*collected.set_aside, *results.set_aside, *unused) if run.shown not in begun]
    content: dict[str, Any] = {
        "splits": splits,
        "blocks": in_blocks,
        "few_shot": few_shot,
        "corpus_size": corpus_size,
        "published_table": tables.published_table(),
        "pending": pending and tables.Table(["Run", "State"], pending, names=2),
        "set_aside": set_aside and tables.Table(["File", "Reason"], set_aside, names=2),
        "duplicates": results.duplicates,
        "records": len(collected.runs),
        "other_records": sorted(collected.others.items()),
        "runs": sum(map(len, results.cells.values())),
        "systems": results.systems,
        "with_plots": with_plots,
        "convention": convention,
        "resamples": resamples,
        "version": __version__,
        "usual_seeds": USUAL_SEEDS,
        "fewest_for_interval": FEWEST_FOR_INTERVAL,
        "significant": error_analysis.SIGNIFICANT,
    }
    for plot in drawn:
        write_text(output / "figures" / f"{plot.name}.svg", f'<?xml version="1.0" encoding="utf-8"?>\n{plot.svg}')
    for name, frame in frames.items():
        cells = frame.rename(columns=csv_cell)
        texts = cells.select_dtypes(exclude="number").columns
        cells[texts] = cells[texts].map(csv_cell)
        write_text(output / f"{name}.csv", cells.to_csv(index=False, lineterminator="\n"))
    write_text(output / "report.md", page.markdown(content))
    write_text(output / "report.html", page.html_page(content))
    parts = "no confusion, significance and hardest sentences"
    missing = [f"{a.eval_set.label}: {parts}: {a.missing}" for a in analyses if a.missing]
    labels = [e.label for e in results.eval_sets]
    return Report(output, content["runs"], len(results.systems), labels, set_aside, missing)


def _check_arguments(output: Path, convention: str, resamples: int) -> None:
    if convention not in DEFAULT_CONVENTIONS:
        raise ValueError(f"convention must be one of {', '.join(DEFAULT_CONVENTIONS)}, got {convention!r}")
    if output.exists() and not output.is_dir():
        raise ValueError(f"{output}: is a file; choose a folder for the report")
    if resamples < 1:
        raise ValueError(f"resamples must be at least 1, got {resamples}")
