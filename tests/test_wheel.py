"""The built wheel, not the source tree, works: data, metric, command line, sample."""

import os
import subprocess
import sys
import zipfile
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SMOKE = """
import sys
from pathlib import Path

import crossner_hf
from datasets import load_dataset

site = Path(sys.argv[1]).resolve()
assert Path(crossner_hf.__file__).resolve().is_relative_to(site), crossner_hf.__file__
rows = load_dataset("crossner", "sample_music", split="test")
tags = [[rows.features["ner_tags"].feature.names[i] for i in ids] for ids in rows["ner_tags"]]
import evaluate
result = evaluate.load(crossner_hf.METRIC_DIR).compute(predictions=tags, references=tags, domain="music")
assert result["conlleval_f1"] == 1.0 and result["conlleval_support"] > 150, result
from crossner_hf.cli import main
assert main(["data", "show", "sample_news", "--max", "1"]) == 0
print("smoke test passed", len(rows))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(folder)]
    subprocess.run([*build, str(ROOT)], check=True, capture_output=True, text=True, timeout=300)
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"crossner_hf"}
    sources = {p.relative_to(ROOT).as_posix() for p in (ROOT / "crossner_hf").rglob("*") if p.is_file()}
    sources = {name for name in sources if "__pycache__" not in name}
    assert sources <= set(names)


@pytest.mark.parametrize(
    "pattern",
    [
        "crossner_hf/py.typed",
        "crossner_hf/data/sample/music/*.txt",
        "crossner_hf/data/sample/news/*.txt",
        "crossner_hf/hub/templates/*.md",
        "crossner_hf/experiments/report/templates/*",
        "crossner_hf/metric/crossner/*.py",
    ],
)
def test_the_wheel_holds_templates_and_data_files(wheel, pattern):
    assert any(fnmatch(name, pattern) for name in zipfile.ZipFile(wheel).namelist())


def test_the_installed_wheel_works_away_from_the_source_tree(wheel, tmp_path):
    site = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(site)]
    subprocess.run([*install, str(wheel)], check=True, capture_output=True, text=True, timeout=300)
    (tmp_path / "smoke.py").write_text(SMOKE, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "smoke.py", str(site)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(site), "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "smoke test passed 40" in done.stdout
