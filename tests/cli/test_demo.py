"""`crossner-hf demo`, which `make demo` runs: for real, from start to end."""

import os
import re
import subprocess
import sys

import pytest

from crossner_hf.results.record_files import read_record


@pytest.mark.slow
def test_the_demo_beats_the_baseline_by_ten_points_and_reloads_what_it_saved(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "crossner_hf", "demo", "--color", "always"],
        cwd=tmp_path,
        env={**os.environ, "HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    baseline = float(re.search(r"looks up the mentions of the training sentences: F1 ([\d.]+)", done.stdout)[1])
    record = read_record(tmp_path / "runs/demo/record.json")
    assert 100 * record.scores["test"]["conlleval"].overall.f1 >= baseline + 10
    assert "These are no CrossNER scores" in done.stdout
    assert "\x1b[" in done.stdout
    assert 'pipeline("crossner", model="runs/demo")' in done.stdout
    assert not record.is_crossner


def test_the_demo_refuses_a_folder_with_other_content(tmp_path, capsys):
    from crossner_hf.cli import main

    (tmp_path / "mine.txt").write_text("keep me", encoding="utf-8")
    with pytest.raises(SystemExit) as stop:
        main(["demo", "--output", str(tmp_path)])
    assert stop.value.code == 2
    assert "something other than a previous demo" in capsys.readouterr().err
    assert (tmp_path / "mine.txt").read_text(encoding="utf-8") == "keep me"
