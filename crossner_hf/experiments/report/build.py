"""The report on the records of runs: report.html, report.md, CSV files and figures in a folder."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from crossner_hf import __version__
from crossner_hf.atomic_write import write_text
from crossner_hf.experiments.report import error_sections, files, plots, sections
from crossner_hf.experiments.report.analysis import Analysis, analyse
from crossner_hf.experiments.report.curves import Series, corpus_series, few_shot_series
from crossner_hf.experiments.report.document import Document, Figure, markdown
from crossner_hf.experiments.report.page import page
from crossner_hf.experiments.report.pending_runs import not_run
from crossner_hf.metric.crossner.span_f1 import DEFAULT_CONVENTIONS
from crossner_hf.results.collect import SetAside, collect
from crossner_hf.results.record_files import RUN_FILE
from crossner_hf.results.significance import RESAMPLES
from crossner_hf.results.systems import Results, group
from crossner_hf.schema import BUILT_IN


class Report(NamedTuple):
    """What was written, and what it is about. missing: parts that could not be made, in words"""

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
    """Report on all records of fine-tuning runs below the folders.

    data_dirs: folders of the test sentences: that of the official files (else CROSSNER_DATA_DIR, else what was
               downloaded before; nothing is downloaded here), and those of domains of your own
    Raises ValueError where there is nothing to report on, and ImportError where plots are wanted without matplotlib.
    """
    output = Path(output)
    if convention not in DEFAULT_CONVENTIONS:
        raise ValueError(f"convention must be one of {', '.join(DEFAULT_CONVENTIONS)}, got {convention!r}")
    if output.exists() and not output.is_dir():
        raise ValueError(f"{output}: is a file; choose a folder for the report")
    if resamples < 1:
        raise ValueError(f"resamples must be at least 1, got {resamples}")
    collected = collect(folders)
    results = group(collected.runs)
    if not results.cells:
        reason = results.set_aside[0].reason
        raise ValueError(f"{', '.join(map(str, folders))}: no record is left to report on: {reason}")
    if with_plots:
        plots.check_plots()
    analyses = [analyse(results, e, data_dirs, resamples) for e in results.eval_sets]
    unused = [note for a in analyses for note in a.unused]
    unfinished = not_run(folders)
    told = {f"{run.shown}/{RUN_FILE}" for run in unfinished}
    set_aside = [run for run in (*collected.set_aside, *results.set_aside, *unused) if run.shown not in told]
    few_shot = {a.eval_set: _few_shot(results, a) for a in analyses}
    corpus = {e: corpus_series(results.of(e)) for e in results.eval_sets}
    view = sections.View(results, convention, with_plots)
    found = [
        sections.main_section(view),
        sections.published_section(view),
        sections.few_shot_section(view, few_shot),
        sections.corpus_section(view, corpus),
        sections.types_section(view),
        error_sections.confusion_section(analyses, view),
        error_sections.significance_section(analyses, view),
        error_sections.sentences_section(analyses, view),
        sections.left_out_section(collected, results, analyses, set_aside, unfinished),
    ]
    document = Document("Experiment report", _summary(results, convention), [s for s in found if s and s.parts])
    texts = {
        "main_table.csv": files.main_csv(results, convention),
        "runs.csv": files.runs_csv(results, convention),
        "per_type.csv": files.types_csv(results, convention),
        "few_shot.csv": files.curves_csv(few_shot, "target_sentences", convention),
        "corpus_size.csv": files.curves_csv(corpus, "corpus_percent", convention),
        "significance.csv": files.significance_csv(analyses),
        "confusion.csv": files.confusion_csv(analyses),
        "report.md": markdown(document),
        "report.html": page(document, f"crossner-hf {__version__}, from {_number(len(collected.runs), 'record')}."),
    }
    for _, part in document.numbered():
        if isinstance(part, Figure):
            plots.write_svg(output / "figures" / f"{part.name}.svg", part.svg)
    for name, text in texts.items():
        write_text(output / name, text)
    missing = [
        f"{a.eval_set.label}: no confusion, significance and hardest sentences: {a.missing}"
        for a in analyses
        if a.missing
    ]
    runs = sum(map(len, results.cells.values()))
    return Report(output, runs, len(results.systems), [e.label for e in results.eval_sets], set_aside, missing)


def _few_shot(results: Results, analysis: Analysis) -> Series:
    """The number of all training sentences is known of official domains, and counted where the files are at hand."""
    systems, e = results.of(analysis.eval_set), analysis.eval_set
    if all(system.size is None for system in systems):
        return {}
    known = BUILT_IN[e.domain].split_sizes.get("train") if e.is_crossner and e.domain in BUILT_IN else None
    return few_shot_series(systems, known or (analysis.gold and analysis.gold.train_sentences))


def _summary(results: Results, convention: str) -> str:
    runs, sets = sum(map(len, results.cells.values())), results.eval_sets
    counted = ", ".join(
        (_number(runs, "run"), _number(len(results.systems), "system"), _number(len(sets), "test split"))
    )
    return f"{counted}. {_CONVENTIONS[convention]} Made from the records of the runs alone."


_CONVENTIONS = {
    "conlleval": "Scores are micro F1 of entities with exact boundaries and type, sentence by sentence, stray I- tags "
    "opening an entity (convention conlleval), unless another is named.",
    "strict": "Scores are micro F1 of entities with exact boundaries and type, sentence by sentence, only B- tags "
    "opening an entity (convention strict), unless another is named.",
    "pooled": "Scores are micro F1 of entities with exact boundaries and type, all sentences joined into one as in "
    "the released code (convention pooled), unless another is named.",
}


def _number(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
