"""`crossner-hf experiment report`: options land where they belong, errors in one line, no torch is imported."""

from pathlib import Path

import pytest
import report_runs

from crossner_hf.cli.experiment import main


@pytest.fixture
def runs(tmp_path) -> Path:
    make = report_runs.RunMaker(tmp_path / "runs")
    report_runs.write_grid(make, ["sample_music"], seeds=(1, 2))
    return make.folder


def test_the_command_writes_the_report_and_says_what_it_is_about(runs, tmp_path, capsys):
    (runs / "cut.json").write_text('{"schema_version": 1')
    out = tmp_path / "out"
    assert main(["report", str(runs), "--output", str(out), "--no_plots", "--resamples", "50"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "6 runs, 3 systems, test splits: sample_music (conlleval)"
    assert lines[1].startswith("set aside: runs/cut.json: cannot be read as a record")
    assert lines[2].startswith(str(out / "report.html"))
    assert {path.name for path in out.iterdir()} >= {"report.html", "report.md", "main_table.csv", "significance.csv"}
    assert "50 resamples" in (out / "report.md").read_text(encoding="utf-8")


def test_convention_and_data_dir_land_in_the_report(runs, tmp_path, write_zoo, capsys):
    zoo = write_zoo(tmp_path / "zoo")
    make = report_runs.RunMaker(tmp_path / "more")
    make(str(zoo))
    out = tmp_path / "out"
    command = ["report", str(runs), str(make.folder), "--output", str(out), "--no_plots", "--convention", "pooled"]
    assert main(command) == 0
    assert "left out: zoo: no confusion, significance and hardest sentences" in capsys.readouterr().out
    assert main([*command, "--data_dir", str(zoo)]) == 0
    printed = capsys.readouterr().out
    assert "left out" not in printed
    assert "test splits: sample_music, zoo (pooled)" in printed
    assert "convention pooled" in (out / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("folder", "options", "message"),
    [
        ("nowhere", [], "no such folder"),
        ("empty", [], "no record of a fine-tuning run to report on"),
        ("runs", ["--output", "file"], "is a file; choose a folder"),
        ("runs", ["--resamples", "0"], "resamples must be at least 1, got 0"),
    ],
)
def test_errors_are_one_line_and_write_nothing(runs, tmp_path, user_error, monkeypatch, folder, options, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    assert message in user_error("experiment", "report", folder, "--no_plots", "--output", "out", *options)
    assert not (tmp_path / "out").exists()


def test_the_report_imports_neither_torch_nor_datasets(runs, tmp_path, run_python):
    program = (
        "import sys; from crossner_hf.cli import main; status = main(sys.argv[1:]);"
        "print([m for m in ('torch', 'transformers', 'datasets') if m in sys.modules]); sys.exit(status)"
    )
    done = run_python(program, "experiment", "report", str(runs), "--output", str(tmp_path / "out"), "--no_plots")
    assert done.stdout.splitlines()[-1] == "[]"
