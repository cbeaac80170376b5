"""The report on the records of runs: report.html, report.md, CSV files and figures in a folder."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from crossner_hf import __version__
from crossner_hf.atomic_write import write_text
from crossner_hf.display import check_matplotlib
from crossner_hf.experiments.report import curves, error_analysis, page, sections, tables
from crossner_hf.experiments.report.pending_runs import pending_runs
from crossner_hf.metric.crossner.span_f1 import DEFAULT_CONVENTIONS
from crossner_hf.results.collect import RUN_FILE, SetAside, collect
from crossner_hf.results.significance import RESAMPLES
from crossner_hf.results.statistics import FEWEST_FOR_INTERVAL, USUAL_SEEDS
from crossner_hf.results.systems import Results, group
from crossner_hf.schema import BUILT_IN


class Report(NamedTuple):
    """What was written, and about what. missing: parts that could not be made, with the reason"""

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
    if convention not in DEFAULT_CONVENTIONS:
        raise ValueError(f"convention must be one of {', '.join(DEFAULT_CONVENTIONS)}, got {convention!r}")
    if output.exists() and not output.is_dir():
        raise ValueError(f"{output}: is a file; choose a folder for the report")
    if resamples < 1:
        raise ValueError(f"resamples must be at least 1, got {resamples}")
    collected = collect(folders, convention)
    results = group(collected.runs)
    if not results.cells:
        reason = results.set_aside[0].reason
        raise ValueError(f"{', '.join(map(str, folders))}: no record is left to report on: {reason}")
    if with_plots:
        check_matplotlib("the report's plots", " (or leave the plots out: --no-plots)")
    analyses = [error_analysis.analyse(results, e, data_dirs, resamples) for e in results.eval_sets]
    pending = pending_runs(folders)
    begun = {f"{run.shown}/{RUN_FILE}" for run in pending}
    unused = [note for a in analyses for note in a.unused]
    set_aside = [run for run in (*collected.set_aside, *results.set_aside, *unused) if run.shown not in begun]

    few_shot = {a.eval_set: _few_shot(results, a) for a in analyses}
    corpus = {e: curves.corpus_series(results.of(e)) for e in results.eval_sets}
    view = sections.View(results, convention, with_plots)
    analysed = [a for a in analyses if a.runs]
    compared = [a for a in analysed if a.comparisons]
    left_out = sections.left_out_section(collected, results, analyses, set_aside, pending)
    shown = [
        sections.main_section(view),
        *([sections.published_section()] if any(e.is_crossner for e in results.eval_sets) else []),
        *([sections.few_shot_section(view, few_shot)] if any(few_shot.values()) else []),
        *([sections.corpus_section(view, corpus)] if any(corpus.values()) else []),
        sections.types_section(view),
        *([sections.confusion_section(analysed, view)] if analysed else []),
        *([sections.significance_section(compared, view)] if compared else []),
        *([sections.sentences_section(analysed, view)] if analysed else []),
        *([left_out] if any(left_out.content.values()) else []),
    ]
    frames = tables.csv_tables(results, convention) | error_analysis.csv_tables(analyses)
    frames["few_shot"] = curves.curves_csv(few_shot, "target_sentences", convention)
    frames["corpus_size"] = curves.curves_csv(corpus, "corpus_percent", convention)
    for name, frame in frames.items():
        write_text(output / f"{name}.csv", frame.to_csv(index=False, lineterminator="\n"))
    runs = sum(map(len, results.cells.values()))
    about = {
        "runs": runs,
        "systems": len(results.systems),
        "eval_sets": len(results.eval_sets),
        "records": len(collected.runs),
        "version": __version__,
        "convention": convention,
        "usual_seeds": USUAL_SEEDS,
        "fewest_for_interval": FEWEST_FOR_INTERVAL,
    }
    for plot in sections.plots_of(shown):
        write_text(output / "figures" / f"{plot.name}.svg", f'<?xml version="1.0" encoding="utf-8"?>\n{plot.svg}')
    write_text(output / "report.md", page.markdown(shown, **about))
    write_text(output / "report.html", page.html_page(shown, **about))
    missing = [
        f"{a.eval_set.label}: no confusion, significance and hardest sentences: {a.missing}"
        for a in analyses
        if a.missing
    ]
    return Report(output, runs, len(results.systems), [e.label for e in results.eval_sets], set_aside, missing)


def _few_shot(results: Results, analysis: error_analysis.Analysis) -> curves.Series:
    """The number of all training sentences is known of official domains, and counted where the files are at hand."""
    systems, e = results.of(analysis.eval_set), analysis.eval_set
    if all(system.size is None for system in systems):
        return {}
    known = BUILT_IN[e.domain].split_sizes.get("train") if e.is_crossner and e.domain in BUILT_IN else None
    return curves.few_shot_series(systems, known or (analysis.gold and analysis.gold.train_sentences))
