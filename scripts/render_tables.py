"""Writes the tables of README.md, CONTRIBUTING.md and docs/: `python scripts/render_tables.py`.

Scores come from the records in model_cards/results. A table stands between `<!-- table: NAME -->` and
`<!-- /table -->`. Tables of significance and the audit need the official sentences (--data-dir or CROSSNER_DATA_DIR);
without them they are left as they are.
"""

import argparse
import ast
import os
import re
import statistics
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path

from crossner_hf.atomic_write import write_text
from crossner_hf.corpora.levels import LEVELS
from crossner_hf.results.collect import RunResult, collect
from crossner_hf.results.markdown import markdown_table
from crossner_hf.results.predictions import read_gold, read_predictions
from crossner_hf.results.published import EARLIER
from crossner_hf.results.published_corpora import OVERLAP, OVERLAP_DOMAINS, published_ratio
from crossner_hf.results.record_files import read_record
from crossner_hf.results.records import SETTINGS, OnnxExportRecord
from crossner_hf.results.score_table import EFFECTS
from crossner_hf.results.significance import Comparison, compare_all
from crossner_hf.results.statistics import summarise
from crossner_hf.results.systems import group
from crossner_hf.results.text_records import CorpusRecord, DaptRecord, OverlapRecord
from crossner_hf.schema import DOMAINS

AUDIT = "audit"
AUDITED = ("main-minilm", "crf-minilm")  # folders of runs
AUDITED_MOST = 8  # cases of a kind

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "model_cards" / "results"
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))
MARKED = re.compile(r"(<!-- table: ([\w-]+) -->\n)(.*?)(<!-- /table -->)", flags=re.DOTALL)

# Tagger and setting to the folder and name of the records, with `*` for the domain.
MAIN_TABLE = {
    ("linear over all-MiniLM-L6-v2", "direct"): "main-minilm/*-direct-minilm",
    ("linear over all-MiniLM-L6-v2", "pre-train, then fine-tune"): "main-minilm/*-pretrain-minilm",
    ("CRF over all-MiniLM-L6-v2", "direct"): "crf-minilm/*-direct-crf-minilm",
    ("BiLSTM-CRF over GloVe", "direct"): "lstm/*-direct-bilstm-crf-glove",
    ("BiLSTM-CRF over GloVe", "joint"): "lstm-joint/*-joint-bilstm-crf-glove",
    ("Coach over GloVe", "direct"): "lstm/*-direct-coach-glove",
    ("Coach over GloVe", "joint"): "lstm-joint/*-joint-coach-glove",
    ("CRF over concepts", "direct"): "concepts/*-direct-crf-concepts",
    ("types in words, CRF over concepts", "no training"): "concepts/*-concepts",
    ("names of a gazetteer", "no training"): "gazetteer/*-gazetteer",
}
# Setting and tagger to the records and to the name of the published row.
TAGGERS = {
    ("direct", "linear"): ("main-minilm/*-direct-minilm", None),
    ("direct", "crf"): ("crf-minilm/*-direct-crf-minilm", None),
    ("direct", "bilstm-crf"): ("lstm/*-direct-bilstm-crf-glove", None),
    ("direct", "coach"): ("lstm/*-direct-coach-glove", None),
    ("joint", "bilstm-crf"): ("lstm-joint/*-joint-bilstm-crf-glove", "BiLSTM-CRF"),
    ("joint", "coach"): ("lstm-joint/*-joint-coach-glove", "Coach"),
}
TAGGER_DOMAINS = ("politics", "music", "ai")
# Text and masking to the name of the checkpoint.
PRE_TRAINING = {
    "none (the starting point)": "minilm-mlm",
    "Wikipedia for Schools, span-level": "general-span",
    "music, token-level": "music-token",
    "music, span-level": "music-span",
}
# Taggers over one encoder on music, to the records.
CELLS = {
    "linear": "main-minilm/music-direct-minilm",
    "crf": "crf-minilm/music-direct-crf-minilm",
    "multi-cell-lstm": "jia/music-direct-multi-cell-lstm-minilm",
}
# Table of significance to pairs of names of records.
COMPARISONS = {
    "settings-significance": [
        (f"main-minilm/{domain}-pretrain-minilm", f"main-minilm/{domain}-direct-minilm") for domain in DOMAINS
    ],
    "joint-significance": [
        ("joint-minilm/music-joint-minilm", f"main-minilm/music-{setting}-minilm") for setting in ("direct", "pretrain")
    ],
    "head-significance": [
        ("target-head-minilm/politics-pretrain-minilm", "main-minilm/politics-pretrain-minilm"),
    ],
    "few-shot-significance": [
        (f"few-minilm/music-pretrain-minilm-n{size}", f"few-minilm/music-direct-minilm-n{size}") for size in (10, 25)
    ],
    "taggers-significance": [
        (first.replace("*", domain), second.replace("*", domain))
        for first, second in (
            ("crf-minilm/*-direct-crf-minilm", "main-minilm/*-direct-minilm"),
            ("lstm/*-direct-bilstm-crf-glove", "lstm/*-direct-coach-glove"),
            ("lstm-joint/*-joint-bilstm-crf-glove", "lstm-joint/*-joint-coach-glove"),
            ("lstm-joint/*-joint-bilstm-crf-glove", "lstm/*-direct-bilstm-crf-glove"),
            ("lstm-joint/*-joint-coach-glove", "lstm/*-direct-coach-glove"),
        )
        for domain in TAGGER_DOMAINS
    ],
    "cells-significance": [(CELLS["multi-cell-lstm"], CELLS[tagger]) for tagger in ("crf", "linear")],
    "concepts-significance": [
        (f"concepts/{domain}-direct-crf-concepts", f"crf-minilm/{domain}-direct-crf-minilm") for domain in DOMAINS
    ],
}


@cache
def all_runs() -> dict[str, list[RunResult]]:
    """Runs by the folder and name of their records, the seed left out, in the order of the seeds."""
    runs = defaultdict(list)
    for run in sorted(collect([RESULTS]).runs, key=lambda run: run.seed):
        runs[run.shown.removeprefix(f"{RESULTS.name}/").removesuffix(f"-{run.seed}.json")].append(run)
    return dict(runs)


def f1(name: str, split: str = "test", convention: str = "conlleval", entity_type: str | None = None) -> list[float]:
    """F1 in percent of each seed's run, of all types or of one; empty where there are no such records."""
    scores = [run.record.scores[split][convention] for run in all_runs().get(name, [])]
    if entity_type is None:
        return [100 * score.overall.f1 for score in scores]
    return [100 * score.per_type[entity_type].f1 if entity_type in score.per_type else 0.0 for score in scores]


def cell(values: Sequence[float]) -> str:
    return str(summarise(values)) if values else "–"


def difference(first: Sequence[float], second: Sequence[float]) -> str:
    return f"{statistics.mean(first) - statistics.mean(second):+.2f}"


def main_table() -> str:
    rows = []
    for titles, pattern in MAIN_TABLE.items():
        values = [f1(pattern.replace("*", domain)) for domain in DOMAINS]
        same_seeds = len(set(map(len, values))) == 1
        complete = [statistics.mean(of_seed) for of_seed in zip(*values, strict=True)] if same_seeds else []
        rows.append([*titles, *map(cell, values), cell(complete)])
    return markdown_table(["tagger", "setting", *DOMAINS, "average"], rows, names=2)


def settings_table() -> str:
    rows, means = [], []
    for domain in DOMAINS:
        direct, pre_trained = (f1(f"main-minilm/{domain}-{name}-minilm") for name in ("direct", "pretrain"))
        rows.append([domain, cell(direct), cell(pre_trained), difference(pre_trained, direct)])
        means.append((statistics.mean(direct), statistics.mean(pre_trained)))
    direct, pre_trained = zip(*means, strict=True)
    average = [f"{statistics.mean(direct):.2f}", f"{statistics.mean(pre_trained):.2f}"]
    rows.append(["average", *average, difference(pre_trained, direct)])
    return markdown_table(["domain", "direct", "pre-train, then fine-tune", "difference"], rows)


def few_shot_names(size: int) -> list[str]:
    folder, suffix = ("main-minilm", "") if size == 100 else ("few-minilm", f"-n{size}")
    return [f"{folder}/music-{setting}-minilm{suffix}" for setting in ("direct", "pretrain")]


def few_shot_table() -> str:
    rows = []
    for size in (10, 25, 100):
        direct, pre_trained = map(f1, few_shot_names(size))
        rows.append([str(size), cell(direct), cell(pre_trained), difference(pre_trained, direct)])
    return markdown_table(["sentences", "direct", "pre-train, then fine-tune", "difference"], rows, names=0)


def few_shot_types_table() -> str:
    rows = []
    for name in DOMAINS["music"].entity_types:
        direct, pre_trained = (f1(names, entity_type=name) for names in few_shot_names(10))
        means = [statistics.mean(values) for values in (direct, pre_trained)]
        change = f"{means[1] - means[0]:+.1f}".replace("-0.0", "+0.0")
        rows.append([name, *(f"{mean:.1f}" for mean in means), change])
    rows.sort(key=lambda row: -float(row[-1]))
    return markdown_table(["type", "direct", "pre-train, then fine-tune", "difference"], rows)


def joint_table() -> str:
    titles = ("direct", "pre-train, then fine-tune", "joint")
    names = ("main-minilm/music-direct-minilm", "main-minilm/music-pretrain-minilm", "joint-minilm/music-joint-minilm")
    return markdown_table(
        ["setting", "test F1"], [[title, cell(f1(name))] for title, name in zip(titles, names, strict=True)]
    )


def head_table() -> str:
    names = {"source (default)": "main-minilm", "target (released code)": "target-head-minilm"}
    rows = [[title, cell(f1(f"{folder}/politics-pretrain-minilm"))] for title, folder in names.items()]
    return markdown_table(["labels of the source stage's head", "test F1"], rows)


def taggers_table() -> str:
    published = {row.system: dict(zip(DOMAINS, row.scores, strict=True)) for row in EARLIER}
    rows = []
    for domain in TAGGER_DOMAINS:
        for (setting, tagger), (pattern, published_row) in TAGGERS.items():
            name = pattern.replace("*", domain)
            calibration = [run.record.calibration.get("test") for run in all_runs()[name]]
            errors = [100 * of_run.ece for of_run in calibration if of_run and of_run.ece is not None]
            rows.append(
                [
                    *(domain, setting, tagger),
                    *(cell(f1(name, split)) for split in ("validation", "test")),
                    cell(f1(name, convention="strict")),
                    f"{statistics.mean(errors):.1f} %" if errors else "–",
                    f"{published[published_row][domain]:.2f}" if published_row else "–",
                ]
            )
    columns = ["dev F1", "test F1", "test F1 (strict)", "calibration error", "published"]
    return markdown_table(["domain", "setting", "tagger", *columns], rows, names=3)


def cells_table() -> str:
    rows = []
    for tagger, name in CELLS.items():
        scores = [cell(f1(name, split)) for split in ("validation", "test")]
        rows.append([tagger, str(len(all_runs()[name])), *scores])
    return markdown_table(["tagger", "seeds", "dev F1", "test F1"], rows)


def gazetteer_table() -> str:
    rows = []
    for domain in DOMAINS:
        ((run,), dev) = all_runs()[f"gazetteer/{domain}-gazetteer"], f1(f"gazetteer/{domain}-gazetteer", "validation")
        overall = run.scores("conlleval").overall
        values = (*dev, *(100 * value for value in (overall.precision, overall.recall, overall.f1)))
        rows.append([domain, *(f"{value:.2f}" for value in values)])
    return markdown_table(["domain", "dev F1", "test precision", "test recall", "test F1"], rows)


# Column to the records.
CONCEPTS = {
    "0, dev F1": ("concepts/*-concepts", "validation"),
    "0": ("concepts/*-concepts", "test"),
    "10": ("concepts/*-concepts-n10-draw", "test"),
    "25": ("concepts/*-concepts-n25-draw", "test"),
    "100": ("concepts/*-concepts-n100-draw", "test"),
    "all": ("concepts/*-direct-crf-concepts", "test"),
}
WITHOUT_CONCEPTS = {
    "gazetteer": ("gazetteer/*-gazetteer", "test"),
    "CRF over MiniLM, 10": ("crf-minilm/*-crf-minilm-n10-draw", "test"),
    "CRF over MiniLM, all": ("crf-minilm/*-direct-crf-minilm", "test"),
}


def by_domain_table(columns: Mapping[str, tuple[str, str]]) -> str:
    """One row a domain, and the average of the columns that have all domains."""
    values = {column: [f1(name.replace("*", d), split) for d in DOMAINS] for column, (name, split) in columns.items()}
    rows = [[domain, *(cell(of[number]) for of in values.values())] for number, domain in enumerate(DOMAINS)]
    means = [statistics.fmean(map(statistics.fmean, of)) if all(of) else None for of in values.values()]
    rows.append(["average", *("–" if mean is None else f"{mean:.2f}" for mean in means)])
    return markdown_table(["domain", *columns], rows)


def dapt_record(name: str) -> DaptRecord:
    return read_record(RESULTS / "dapt-music" / f"{name}.json", DaptRecord)


def starting_point_table() -> str:
    losses = dapt_record("minilm-mlm").losses
    rows = [[str(at.step), f"{at.token_perplexity:.2f}", f"{at.span_perplexity:.2f}"] for at in losses]
    return markdown_table(["step", "token-level masks", "span-level masks"], rows, names=0)


def perplexity_table() -> str:
    last = {title: dapt_record(name).losses[-1] for title, name in PRE_TRAINING.items()}
    rows = [[title, f"{at.token_perplexity:.2f}", f"{at.span_perplexity:.2f}"] for title, at in last.items()]
    return markdown_table(["pre-training on", "token-level masks", "span-level masks"], rows)


def dapt_table() -> str:
    rows = []
    for title, checkpoint in PRE_TRAINING.items():
        sizes = {"0": ""} if checkpoint == "minilm-mlm" else {"0.5 M": "-half", "1.0 M": ""}
        for tokens, suffix in sizes.items():
            name = f"dapt-music/tagger-{checkpoint}{suffix}"
            rows.append([title, tokens, *(cell(f1(name, split)) for split in ("validation", "test"))])
    rows.append(["the packaged encoder as it is", "–", cell(f1("main-minilm/music-direct-minilm", "validation"))])
    rows[-1].append(cell(f1("main-minilm/music-direct-minilm")))
    return markdown_table(["pre-training on", "tokens", "dev F1", "test F1"], rows)


@cache
def comparisons(domain: str, data_dir: str) -> dict[tuple[str, str], Comparison]:
    """Paired bootstrap of all systems that the tables compare on one domain, by the names of their records."""
    pairs = [pair for pairs in COMPARISONS.values() for pair in pairs]
    names = sorted({name for pair in pairs for name in pair if all_runs()[name][0].record.domain == domain})
    run = all_runs()[names[0]][0]
    _, eval_set = next(iter(group([run]).cells))
    gold = read_gold(eval_set, run.record.entity_types, [data_dir])
    compared = {name: [read_predictions(run, gold) for run in all_runs()[name]] for name in names}
    return {(result.first, result.second): result for result in compare_all(compared, gold)}


def significance_table(pairs: Sequence[tuple[str, str]], data_dir: str) -> str:
    rows = []
    for first, second in pairs:
        domain = all_runs()[first][0].record.domain
        of_domain = comparisons(domain, data_dir)
        swapped = (first, second) not in of_domain
        result = of_domain[(second, first) if swapped else (first, second)]
        values = (-result.high, -result.low) if swapped else (result.low, result.high)
        by = -result.difference if swapped else result.difference
        interval = f"{values[0]:+.2f} to {values[1]:+.2f}"
        p = "< 0.001" if result.p < 0.001 else f"{result.p:.3f}"
        rows.append([domain, title_of(first), title_of(second), f"{by:+.2f}", interval, p])
    return markdown_table(["domain", "first", "second", "difference", "95 % interval", "p"], rows, names=3)


def title_of(name: str) -> str:
    """'lstm-joint/ai-joint-coach-glove' as 'coach: joint'."""
    record = all_runs()[name][0].record
    title = f"{record.arguments.tagger}: {SETTINGS[record.setting]}"
    if name.startswith("concepts/"):
        title += ", concepts"
    if record.few_shot:
        title += f"; {record.few_shot.sentences} sentences"
    if record.source and record.source.head == "target":
        title += "; target's labels"
    return title


def corpus() -> CorpusRecord:
    return read_record(RESULTS / "corpora" / "simplewiki.json", CorpusRecord)


def corpora_sizes_table() -> str:
    """Sizes of the levels; ratios are of bytes."""
    rows = []
    for name, domain in corpus().domains.items():
        for level, size in domain.levels.items():
            published = published_ratio(name, level)
            counts = [f"{count:,}" for count in (size.documents, size.sentences, size.words)]
            ratios = ["–" if ratio is None else f"{ratio:.1%}".replace("%", " %") for ratio in (size.ratio, published)]
            rows.append([name, level, *counts, f"{size.bytes / 1e6:.1f}", *ratios])
    header = ["domain", "level", "documents", "sentences", "words", "MB", "of the domain level", "published"]
    return markdown_table(header, rows, names=2)


def corpora_overlap_table() -> str:
    """Ours, and the published number behind it."""
    record = read_record(RESULTS / "corpora" / "overlap.json", OverlapRecord)
    labels = [stream.label for stream in record.streams]
    assert tuple(labels) == OVERLAP_DOMAINS
    pairs = [zip(ours, theirs, strict=True) for ours, theirs in zip(record.matrix.percent, OVERLAP, strict=True)]
    rows = [
        [label, *("–" if ours == 100 else f"{ours:.1f} ({published})" for ours, published in row)]
        for label, row in zip(labels, pairs, strict=True)
    ]
    return markdown_table(["", *labels], rows)


def corpora_coverage_table() -> str:
    """Share of the test mentions that occur in each level."""
    rows = []
    for name, domain in corpus().domains.items():
        rows.append([name, *(f"{size.covered or 0.0:.1%}".replace("%", " %") for size in domain.levels.values())])
    return markdown_table(["domain", *LEVELS], rows)


def conventions_table() -> str:
    """What each convention does to a score."""
    return markdown_table(["convention", "what it does to a score"], list(EFFECTS.items()), names=2)


def audit_of_domains(data_dir: str) -> str:
    """The report of `data audit` on the five domains, with the committed runs, without its title."""
    from crossner_hf.finetuning.audit import AuditOptions, audit

    options = AuditOptions(predictions=[str(RESULTS / name) for name in AUDITED], most_shown=AUDITED_MOST)
    return audit(tuple(DOMAINS), options, data_dir=data_dir).partition("\n\n")[2].rstrip()


def modules_list() -> str:
    """Each module of the package with the first line of its docstring."""
    package = ROOT / "crossner_hf"
    lines = []
    for path in sorted(package.rglob("*.py")):
        docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
        if docstring and path.name != "__init__.py":
            lines.append(f"- `{path.relative_to(package)}`: {docstring.splitlines()[0]}")
    return "\n".join(lines)


def int8_table() -> str:
    """F1 of taggers before and after their export with weights of 8 bits."""
    rows = []
    for domain in DOMAINS:
        record = read_record(RESULTS / f"onnx/{domain}-int8.json", OnnxExportRecord)
        before, after = (100 * f1 for f1 in record.f1())
        labels = f"{record.differing_sentences} of {record.sentences}"
        rows.append([domain, f"{before:.2f}", f"{after:.2f}", f"{after - before:+.2f}".replace("-", "−"), labels])
    return markdown_table(["domain", "F1 before", "after", "difference", "sentences with other labels"], rows)


TABLES: Mapping[str, Callable[[], str]] = {
    "main": main_table,
    "settings": settings_table,
    "few-shot": few_shot_table,
    "few-shot-types": few_shot_types_table,
    "joint": joint_table,
    "head": head_table,
    "taggers": taggers_table,
    "cells": cells_table,
    "gazetteer": gazetteer_table,
    "concepts": lambda: by_domain_table(CONCEPTS),
    "without-concepts": lambda: by_domain_table(WITHOUT_CONCEPTS),
    "starting-point": starting_point_table,
    "perplexity": perplexity_table,
    "dapt": dapt_table,
    "corpora-sizes": corpora_sizes_table,
    "corpora-overlap": corpora_overlap_table,
    "corpora-coverage": corpora_coverage_table,
    "int8": int8_table,
    "conventions": conventions_table,
    "modules": modules_list,
}


def render(text: str, data_dir: str | None) -> str:
    """The page with every table written anew.

    Raises:
        ValueError: The page names a table that does not exist.
    """

    def rewritten(match: re.Match[str]) -> str:
        begin, name, body, end = match.groups()
        if name in COMPARISONS:
            body = f"{significance_table(COMPARISONS[name], data_dir)}\n" if data_dir else body
        elif name == AUDIT:
            body = f"{audit_of_domains(data_dir)}\n" if data_dir else body
        elif name in TABLES:
            body = f"{TABLES[name]()}\n"
        else:
            raise ValueError(f"unknown table {name!r}; known are {', '.join([*TABLES, *COMPARISONS, AUDIT])}")
        return f"{begin}{body}{end}"

    return MARKED.sub(rewritten, text)


def main(argv: Sequence[str] | None = None) -> int:
    """Write the pages, or with --check name those that differ; the exit status is 1 if any does."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit status 1 if a page differs")
    parser.add_argument("--data-dir", default=os.environ.get("CROSSNER_DATA_DIR"), help="folder of the official files")
    args = parser.parse_args(argv)
    status = 0
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        rendered = render(text, args.data_dir)
        if rendered == text:
            continue
        if args.check:
            print(f"{page.relative_to(ROOT)}: its tables are not those of the records; run `make tables`")
            status = 1
        else:
            write_text(page, rendered)
    return status


if __name__ == "__main__":
    sys.exit(main())
