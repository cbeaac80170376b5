"""`crossner-hf experiment run`: grids from files and built-in ones, real runs on the sample, kills, exit status."""

import json
import re
import signal
from pathlib import Path

import grid_jobs
import pytest
import torch

from crossner_hf.cli import main as crossner_hf
from crossner_hf.cli.experiment_run import EPILOG, main
from crossner_hf.engine import run as engine_run
from crossner_hf.experiments.grid import Grid
from crossner_hf.experiments.grid_file import read_grid
from crossner_hf.results.record_files import read_record
from crossner_hf.results.records import FewShotSample, RunRecord

GRID = """domains: [sample_music]
settings: [direct, pre_train_then_fine_tune, joint]
models: [{model}]
seeds: [1]
preset: small
arguments: {{source: sample_news, num_train_epochs: {epochs}, early_stopping_patience: 0, learning_rate: 1e-2}}
arguments_of:
  joint: {{target_repeats: 1}}
"""


@pytest.fixture
def grid_file(tmp_path, tiny_model, own_cache):
    """Writes a grid of three short runs of a tiny encoder, one for each setting."""

    def write(epochs: int = 2) -> Path:
        path = tmp_path / "grid.yaml"
        path.write_text(GRID.format(model=tiny_model(), epochs=epochs), encoding="utf-8")
        return path

    return write


@pytest.fixture
def jobs(monkeypatch) -> grid_jobs.Jobs:
    return grid_jobs.stand_in(monkeypatch)


@pytest.fixture
def one_thread():
    """Lets this process compute as the workers do."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def read_records(folder: Path) -> dict[str, RunRecord]:
    return {path.parent.name: read_record(path, RunRecord) for path in sorted(folder.glob("runs/*/record.json"))}


@pytest.mark.slow
def test_a_grid_that_is_stopped_and_killed_ends_as_if_it_had_not_been(
    grid_file, tmp_path, stop_at, capsys, monkeypatch, one_thread
):
    path, folder, whole = grid_file(), tmp_path / "out", tmp_path / "whole"
    arguments = [str(path), "--workers", "1", "--output", str(folder)]
    command = ["-m", "crossner_hf", "experiment", "run", *arguments]
    stderr = stop_at(folder, "runs/*-direct-*/checkpoint-*", signal.SIGINT, *command)
    assert f"stopped; the same command goes on ({folder})" in stderr
    assert "Traceback" not in stderr
    assert "leaked" not in stderr
    assert not (folder / "failed").exists()
    stop_at(folder, "runs/*-joint-*/checkpoint-*", signal.SIGKILL, *command)
    assert not list(folder.glob("runs/*-joint-*/record.json"))
    monkeypatch.setattr(engine_run, "open_executor", lambda *options: grid_jobs.InProcess())  # quicker from here on
    assert main(arguments) == 0
    assert main([str(path), "--output", str(whole)]) == 0
    lines = capsys.readouterr().out
    assert re.search(r"^\[3/3\] sample_music-joint-bert-\w+-1  dev F1 [\d.]+  test F1 [\d.]+  \d+ s$", lines, re.M)
    assert lines.count("3 finished, 0 failed") == 2
    resumed = {}
    for (name, killed), straight in zip(read_records(folder).items(), read_records(whole).values(), strict=True):
        assert killed.dev_by_epoch == straight.dev_by_epoch
        predictions = [json.loads((out / "runs" / name / "predictions.json").read_text()) for out in (folder, whole)]
        assert predictions[0] == predictions[1]
        resumed[killed.setting] = killed.resumed, straight.resumed
    settings = {"direct": True, "joint": True, "pre_train_then_fine_tune": False}
    assert resumed == {setting: (killed, False) for setting, killed in settings.items()}
    assert len(list((folder / "sources").glob("*/record.json"))) == 1
    assert main(arguments) == 0
    assert re.search(r"^3 finished, 0 failed, in \d s$", capsys.readouterr().out, re.M)


def test_sigterm_ends_as_ctrl_c_does(grid_file, tmp_path, capsys, jobs):
    jobs.during = lambda task, folder: signal.raise_signal(signal.SIGTERM)
    assert crossner_hf(["experiment", "run", str(grid_file()), "--output", str(tmp_path / "out")]) == 130
    assert f"stopped; the same command goes on ({tmp_path / 'out'})" in capsys.readouterr().err


def test_a_failed_run_is_listed_at_the_end_and_the_status_is_1(grid_file, tmp_path, capsys, jobs):
    line = [str(grid_file()), "--output", str(tmp_path / "out")]

    def fail(task, folder):
        if task.name.startswith("sample_music-direct"):
            raise OSError("No space left on device")

    jobs.during = fail
    assert main(line) == 1
    (name,) = (path.stem for path in (tmp_path / "out" / "failed").glob("*.json"))
    assert re.search(rf"2 finished, 1 failed, in \d s\n  {name}: No space left on device\n", capsys.readouterr().out)
    jobs.during = lambda task, folder: None
    assert main(line) == 0


def test_a_grid_edited_while_it_runs_goes_on_as_it_was(grid_file, tmp_path, jobs):
    path = grid_file()
    line = [str(path), "--output", str(tmp_path / "out")]
    jobs.during = lambda task, folder: path.write_text("domains: [ai")
    assert main(line) == 0
    assert len(read_records(tmp_path / "out")) == 3
    with pytest.raises(ValueError, match=r"grid.yaml:1: is no YAML"):
        main(line)
    grid_file(epochs=3)
    with pytest.raises(ValueError, match=r"is of another grid \(arguments was .*; choose another folder"):
        main(line)


def test_options_stand_in_the_place_of_what_the_grid_says(grid_file, tmp_path, jobs):
    line = [str(grid_file()), "--output", str(tmp_path / "out"), "--seeds", "7", "8", "--settings", "direct"]
    assert main([*line, "--sizes", "all", "5", "--draw", "seeded", "--preset", "published"]) == 0
    few = FewShotSample(sentences=5, draw="seeded")
    assert [(r.seed, r.few_shot) for r in read_records(tmp_path / "out").values()] == [
        *((7, None), (8, None), (7, few), (8, few))
    ]
    assert {r.arguments.per_device_train_batch_size for r in read_records(tmp_path / "out").values()} == {16}


def test_a_dry_run_shows_runs_states_and_cost_and_writes_nothing(grid_file, tmp_path, capsys, jobs, monkeypatch):
    monkeypatch.setattr("crossner_hf.training.flops.matmul_peak", lambda device: 1e11)
    folder = tmp_path / "out"
    line = [str(grid_file()), "--output", str(folder)]
    assert main([*line, "--dry-run"]) == 0
    table = capsys.readouterr().out
    assert len(re.findall(r"^sample_music-(?:direct|pretrain|joint)-bert-\w+-1 +to do", table, re.M)) == 3
    assert "Nothing has been run or written." in table
    assert "left: 3" in table
    assert "at 40% of this machine's 100 GFLOP/s" in table
    assert not folder.exists()
    main(line)
    capsys.readouterr()
    assert main([*line, "--dry_run"]) == 0
    table = capsys.readouterr().out
    assert (table.count("finished"), "left: 0" in table) == (3, True)


def test_bad_input_is_refused_before_anything_is_written(grid_file, tmp_path, capsys):
    output, path = ["--output", str(tmp_path / "out")], str(grid_file())
    for wrong in ([], [path, "--grid", "smoke"]):
        with pytest.raises(SystemExit) as stop:
            main([*wrong, *output])
        assert stop.value.code == 2
        assert "give either a file with a grid or --grid main-table" in capsys.readouterr().err
    for wrong, message in (
        ([path, "--seeds", "x"], "seeds: input should be a valid integer, got 'x'"),
        ([path, "--sizes", "61"], "sizes: sample_music has 60 training sentences"),
        ([path, "--models", str(tmp_path / "nowhere")], "nowhere: no model can be loaded from there"),
        ([path, "--corpus", "a.txt"], "--corpus is for --grid corpus-size"),
        (["--grid", "main"], "unknown grid 'main'; known are main-table, few-shot, corpus-size, smoke"),
        (
            ["--grid", "smoke", "--preset", "smoke"],
            "--preset is the recipe (published, small, lstm); for this grid say",
        ),
        ([str(tmp_path / "none.yaml")], "none.yaml: cannot be read as a grid: No such file"),
    ):
        with pytest.raises((ValueError, OSError), match=re.escape(message)):
            main([*wrong, *output])
        assert not (tmp_path / "out").exists()


def test_the_grid_of_the_help_text_is_one(tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0
    assert EPILOG in capsys.readouterr().out
    text = EPILOG.partition("must be there:\n")[2].partition("\n\n")[0].replace(", my_domain/", "")
    (tmp_path / "grid.yaml").write_text(text, encoding="utf-8")
    values, lines = read_grid(tmp_path / "grid.yaml")
    assert set(values) == set(Grid.model_fields)
    assert len(Grid.of(values, "grid.yaml", lines).runs()) == 2 * 3 * 2 * 3 * 3
