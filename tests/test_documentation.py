"""README.md, CONTRIBUTING.md and docs/: code runs, commands and links exist, tables are those of the records."""

import json
import os
import re
import statistics
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import render_tables

import crossner_hf
from crossner_hf.cli import COMMANDS, main
from crossner_hf.packaged_encoder import encoder_path

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
REFERENCE = sorted((ROOT / "docs" / "reference").glob("*.md"))
WITH_SUBCOMMANDS = ("concepts", "corpus", "data", "experiment", "push")

each_page = pytest.mark.parametrize("page", [pytest.param(page, id=page.stem) for page in PAGES])

# Long runs are cut to a few steps.
SHORTER = {
    "num_train_epochs=20": "num_train_epochs=1",
    'output_dir="runs/music"': 'output_dir="runs/music", max_steps=4',
    "range(20)": "range(1)",
    '"music"': '"sample_music"',
}

# Libraries are imported once; then each block runs in a process of its own.
RUN_EACH = """
import os, runpy, sys, traceback
import datasets, evaluate
from transformers import Trainer, pipeline
for script in sys.argv[1:]:
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        failed = 1
        try:
            runpy.run_path(script, run_name="__main__")
            failed = 0
        except BaseException:
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(failed)
    if os.waitpid(child, 0)[1]:
        sys.exit(script)
"""


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


@cache
def options_of(*command: str) -> frozenset[str]:
    """The options that the help of a command names."""
    import contextlib
    import io

    with contextlib.redirect_stdout(io.StringIO()) as help_text, pytest.raises(SystemExit):
        main([*command, "--help"])
    return frozenset(re.findall(r"(?<![\w-])--[\w-]+", help_text.getvalue()))


@pytest.mark.slow
def test_python_blocks_run(tmp_path):
    """In the order of the pages and in one folder: later blocks use the model that README's trains."""
    scripts = []
    for page in PAGES:
        for number, code in enumerate(blocks(page, "python")):
            if "USER/" in code:  # tests/hub/test_round_trip.py runs those
                continue
            for long, short in SHORTER.items():
                code = code.replace(long, short)
            scripts.append(tmp_path / f"{page.stem}_{number}.py")
            scripts[-1].write_text(code.replace('"bert-base-cased"', repr(encoder_path("minilm"))), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", RUN_EACH, *map(str, scripts)],
        cwd=tmp_path,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert len(scripts) > 6
    assert done.returncode == 0, done.stderr[-3000:]


@each_page
def test_commands_of_a_page_have_only_options_that_exist(page):
    for block in blocks(page, "sh"):
        for line in re.findall(r"^crossner-hf ([^#\n|]+)", block.replace("\\\n", " "), flags=re.MULTILINE):
            command, *words = line.split()
            assert command in COMMANDS, line
            given = {word.partition("=")[0] for word in words if word.startswith("--")}
            unknown = given - options_of(command, *words[: command in WITH_SUBCOMMANDS])
            assert not unknown, f"{line}: {unknown}"
        for target in re.findall(r"^make ([\w-]+)", block, flags=re.MULTILINE):
            assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), flags=re.MULTILINE), target


def test_options_named_in_the_text_exist():
    commands = [(name,) for name in COMMANDS if name not in WITH_SUBCOMMANDS]
    commands += [("data", "stats"), ("experiment", "run"), ("experiment", "report")]
    commands += [("data", "import"), ("data", "audit")]
    commands += [("concepts", kind) for kind in ("build", "train", "describe")]
    commands += [("corpus", kind) for kind in ("build", "stats", "show")]
    commands += [("push", kind) for kind in ("dataset", "model", "metric", "results")]
    known = frozenset().union(*(options_of(*command) for command in commands))
    named = {option for page in PAGES for option in re.findall(r"`(--[\w-]+)", page.read_text(encoding="utf-8"))}
    assert len(named) > 30
    assert named <= known


def test_commands_are_compared_with_whole_names():
    assert "--model" in options_of("train")
    assert "--mode" not in options_of("train")


@each_page
def test_links_of_a_page_lead_to_files(page):
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
    missing = [target for target in targets if not target.startswith("http") and not (page.parent / target).exists()]
    assert missing == []


def test_the_reference_has_every_public_name():
    text = "".join(page.read_text(encoding="utf-8") for page in REFERENCE)
    documented = set(re.findall(r"^::: crossner_hf\.(\w+)$", text, flags=re.MULTILINE))
    assert documented == {*crossner_hf.__all__} - {"__version__", "METRIC_DIR"}
    assert "`crossner_hf.METRIC_DIR`" in text


def test_tables_of_the_pages_are_those_of_the_records(capsys):
    """The tables of significance are compared where the official files are at hand."""
    assert render_tables.main(["--check"]) == 0, capsys.readouterr().out


def test_every_table_stands_in_a_page():
    text = "".join(page.read_text(encoding="utf-8") for page in render_tables.PAGES)
    shown = {name for _, name, _, _ in render_tables.MARKED.findall(text)}
    assert shown == {*render_tables.TABLES, *render_tables.COMPARISONS, render_tables.AUDIT}


def test_a_cell_of_the_main_table_is_mean_and_deviation_of_the_records():
    records = [
        json.loads((render_tables.RESULTS / f"crf-minilm/ai-direct-crf-minilm-{s}.json").read_text())
        for s in (555, 666, 777)
    ]
    f1 = [100 * record["scores"]["test"]["conlleval"]["overall"]["f1"] for record in records]
    (row,) = [line for line in render_tables.main_table().splitlines() if "CRF over all-MiniLM" in line]
    assert row.split(" | ")[6] == f"{statistics.mean(f1):.2f} ± {statistics.stdev(f1):.2f}"


def test_a_page_that_names_an_unknown_table_is_refused():
    with pytest.raises(ValueError, match="unknown table 'mian'; known are main, settings"):
        render_tables.render("<!-- table: mian -->\n<!-- /table -->", None)
