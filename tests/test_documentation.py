"""The code blocks of README.md and docs/ run, and the scores README states are those of the committed records."""

import os
import re
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

from crossner_hf.packaged_encoder import encoder_path
from crossner_hf.results.record_files import read_record

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PUBLISHED = re.compile(r"bert-base-cased")

# What a test cannot wait for: training is cut to a few steps.
SHORTER = {
    "num_train_epochs=20": "num_train_epochs=1",
    'output_dir="runs/music"': 'output_dir="runs/music", max_steps=4',
    "range(20)": "range(1)",
}


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def runnable(code: str) -> str:
    """The block as a test runs it: offline, on the sample, a few steps."""
    for long, short in SHORTER.items():
        code = code.replace(long, short)
    return code.replace('"bert-base-cased"', repr(encoder_path("minilm"))).replace('"music"', '"sample_music"')


def python_pages():
    return [pytest.param(page, id=page.name) for page in PAGES if blocks(page, "python")]


# Libraries are imported once for the blocks of a page, each of which then runs in a process of its own.
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


@pytest.mark.slow
@pytest.mark.parametrize("page", python_pages())
def test_the_python_blocks_of_a_page_run(page, tmp_path):
    scripts = []
    for number, code in enumerate(blocks(page, "python")):
        if "USER/" not in code:  # tests/hub/test_round_trip.py runs those
            scripts.append(tmp_path / f"block_{number}.py")
            scripts[-1].write_text(runnable(code), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", RUN_EACH, *map(str, scripts)],
        cwd=tmp_path,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, f"{page.name}: {done.stderr[-3000:]}"


@pytest.mark.parametrize("page", [pytest.param(page, id=page.name) for page in PAGES])
def test_links_of_a_page_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        assert target.startswith("http") or (page.parent / target).exists(), target


@pytest.mark.parametrize("page", [pytest.param(page, id=page.name) for page in PAGES])
def test_commands_of_a_page_name_options_that_exist(page, capsys):
    from crossner_hf.cli import COMMANDS, main

    for block in blocks(page, "sh"):
        for line in re.findall(r"crossner-hf ([^#\n|]+)", block.replace("\\\n", " ")):
            command, *words = line.split()
            assert command in COMMANDS, line
            options = {word.split("=")[0].replace("_", "-") for word in words if word.startswith("--")}
            help_of = [command, *([words[0]] if command in ("data", "experiment", "push") else []), "--help"]
            with pytest.raises(SystemExit):
                main(help_of)
            known = set(re.findall(r"--[a-z0-9-]+", capsys.readouterr().out))
            missing = options - known
            assert not missing, f"{line}: unknown {missing}"


def test_perplexities_of_the_starting_point_are_those_of_its_record():
    page = (ROOT / "docs/dapt.md").read_text(encoding="utf-8")
    stated = re.findall(r"^\| (\d+) \| ([\d.]+) \| ([\d.]+) \|$", page, flags=re.MULTILINE)
    losses = read_record(ROOT / "model_cards/results/dapt-music/minilm-mlm.json").losses
    assert stated == [(str(row.step), f"{row.token_perplexity:.2f}", f"{row.span_perplexity:.2f}") for row in losses]


@pytest.mark.parametrize("name", ["general-span", "music-token", "music-span"])
def test_perplexities_after_pre_training_are_those_of_the_records(name):
    page = (ROOT / "docs/dapt.md").read_text(encoding="utf-8")
    (stated,) = re.findall(rf"\| ([\d.]+) \| ([\d.]+) \| \[{name}\]", page)
    last = read_record(ROOT / f"model_cards/results/dapt-music/{name}.json").losses[-1]
    assert stated == (f"{last.token_perplexity:.2f}", f"{last.span_perplexity:.2f}")


def mean_and_spread(paths, split: str) -> tuple[str, str]:
    """F1 over the three seeds, as pages state it."""
    found = [read_record(path) for path in sorted(paths)]
    assert [record.seed for record in found] == [555, 666, 777]
    f1 = [100 * record.scores[split]["conlleval"].overall.f1 for record in found]
    return f"{statistics.mean(f1):.2f}", f"{statistics.stdev(f1):.2f}"


def test_scores_of_the_settings_are_those_of_the_records():
    """Rows `| music | direct | pre-train, then fine-tune | difference |`: every domain of which there are records."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    cells = r"\| ([a-z]+) \| ([\d.]+) ± ([\d.]+) \| ([\d.]+) ± ([\d.]+) \| ([+-][\d.]+) \|"
    rows = re.findall(f"^{cells}$", readme, flags=re.MULTILINE)
    folder = ROOT / "model_cards/results/main-minilm"
    assert {row[0] for row in rows} == {path.name.split("-")[0] for path in folder.iterdir()}
    averages = []
    for domain, *stated, difference in rows:
        found = [
            [p for p in folder.glob(f"{domain}-{setting}-minilm-[567]*.json") if ".predictions" not in p.name]
            for setting in ("direct", "pretrain")
        ]
        assert tuple(stated) == mean_and_spread(found[0], "test") + mean_and_spread(found[1], "test"), domain
        means = [
            statistics.mean(100 * read_record(p).scores["test"]["conlleval"].overall.f1 for p in paths)
            for paths in found
        ]
        assert difference == f"{means[1] - means[0]:+.2f}"
        averages.append(means)
    direct, pre_trained = (statistics.mean(means) for means in zip(*averages))
    assert f"{pre_trained - direct:.2f} points on average ({direct:.2f} to {pre_trained:.2f})" in readme


def test_few_shot_scores_are_those_of_the_records():
    """Rows `| 10 | direct | pre-train, then fine-tune | difference |`."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = re.findall(
        r"^\| (\d+) \| ([\d.]+ ± [\d.]+) \| ([\d.]+ ± [\d.]+) \| [+-][\d.]+ \|$", readme, flags=re.MULTILINE
    )
    assert [row[0] for row in rows] == ["10", "25", "100"]
    for size, *stated in rows:
        folder, part = ("main-minilm", "") if size == "100" else ("few-minilm", f"n{size}-")
        for setting, cell in zip(("direct", "pretrain"), stated):
            files = (ROOT / "model_cards/results" / folder).glob(f"music-{setting}-minilm-{part}[567][567][567].json")
            assert cell == " ± ".join(mean_and_spread(files, "test"))


def test_scores_of_the_taggers_are_those_of_the_records():
    """Rows `| domain | setting | tagger | dev | test | calibration error | published |` of docs/taggers.md."""
    page = (ROOT / "docs/taggers.md").read_text(encoding="utf-8")
    value = r"([\d.]+ ± [\d.]+)"
    cells = rf"^\| (\w+) \| (direct|joint) \| ([a-z-]+) \| {value} \| {value} \| ([\d.]+) % \| [\d.–]+ \|$"
    rows = re.findall(cells, page, flags=re.MULTILINE)
    kept = [path for grid in TAGGER_GRIDS for path in (ROOT / "model_cards/results" / grid).glob("*-[567]*.json")]
    runs = {path.name: read_record(path) for path in kept if path.name.count(".") == 1}
    assert len(rows) == len({name.rpartition("-")[0] for name in runs})
    for domain, setting, tagger, dev, test, calibration in rows:
        name = f"{domain}-{setting}-{tagger}-{'minilm' if tagger == 'crf' else 'glove'}-"
        files = [path for path in kept if path.name in runs and path.name.startswith(name)]
        assert [dev, test] == [" ± ".join(mean_and_spread(files, split)) for split in ("validation", "test")]
        errors = [100 * runs[path.name].calibration["test"].ece for path in files]
        assert calibration == f"{statistics.mean(errors):.1f}"


TAGGER_GRIDS = ("lstm", "lstm-joint", "crf-minilm")


def test_scores_of_the_heads_of_the_source_stage_are_those_of_the_records():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (stated,) = re.findall(r"the official form gives ([\d.]+ ± [\d.]+) against ([\d.]+ ± [\d.]+)", readme)
    folders = [ROOT / "model_cards/results" / name for name in ("target-head-minilm", "main-minilm")]
    found = [folder.glob("politics-pretrain-minilm-[567][567][567].json") for folder in folders]
    assert stated == tuple(" ± ".join(mean_and_spread(paths, "test")) for paths in found)


def test_scores_of_joint_training_are_those_of_the_records():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (stated,) = re.findall(
        r"50 times an epoch, gives ([\d.]+ ± [\d.]+),\nbeside ([\d.]+) direct and ([\d.]+) pre", readme
    )
    results = ROOT / "model_cards/results"
    joint = (results / "joint-minilm").glob("music-joint-minilm-[567][567][567].json")
    others = [(results / "main-minilm").glob(f"music-{name}-minilm-[567]??.json") for name in ("direct", "pretrain")]
    found = [mean_and_spread(paths, "test") for paths in (joint, *others)]
    assert stated == (" ± ".join(found[0]), found[1][0], found[2][0])


def test_scores_of_the_crf_are_those_of_its_records():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    value = r"([\d.]+ ± [\d.]+)"
    (stated,) = re.findall(rf"{value} on politics, {value} on music and\n{value} on ai", readme)
    folder = ROOT / "model_cards/results/crf-minilm"
    found = [folder.glob(f"{domain}-direct-crf-minilm-[567]??.json") for domain in ("politics", "music", "ai")]
    assert stated == tuple(" ± ".join(mean_and_spread(paths, "test")) for paths in found)


STARTS = ("minilm-mlm", "general-span", "music-token", "music-span")


@pytest.mark.parametrize("page", ["README.md", "docs/dapt.md"])
def test_scores_after_pre_training_are_those_of_the_records(page):
    """Rows `| … | 1.0 M pieces | dev F1 | test F1 |`: at the end of pre-training, in the page also half way."""
    text = (ROOT / page).read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if " M pieces |" in line and " ± " in line]
    stated = [re.findall(r"([\d.]+) ± ([\d.]+)", row) for row in rows]
    expected = []
    for start in STARTS:
        for end in ("",) if page == "README.md" or start == "minilm-mlm" else ("-half", ""):
            paths = list((ROOT / "model_cards/results/dapt-music").glob(f"tagger-{start}{end}-[567]*.json"))
            expected.append([mean_and_spread(paths, split) for split in ("validation", "test")])
    assert stated == expected
