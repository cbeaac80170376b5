"""`crossner-hf experiment run`: grids from files and presets, real runs on the sample, kills, exit status."""

import functools
import importlib.util
import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from crossner_hf.cli.experiment_run import main
from crossner_hf.experiments import runner
from crossner_hf.results.record_files import read_record
from crossner_hf.results.records import FewShotSample

_spec = importlib.util.spec_from_file_location("grid_jobs", Path(__file__).parents[1] / "experiments" / "grid_jobs.py")
grid_jobs = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(grid_jobs)

GRID = """domains: [sample_music]
settings: [direct, pre_train_then_fine_tune, joint]
models: [{model}]
seeds: [1]
preset: small
arguments: {{source: sample_news, num_train_epochs: {epochs}, early_stopping_patience: 0, learning_rate: 1e-2}}
arguments_of:
  joint: {{target_repeats: 2}}
"""


@pytest.fixture
def grid_file(tmp_path, tiny_model, own_cache):
    """Writes a grid of three short runs of a tiny encoder, one a setting."""

    def write(epochs: int = 2) -> Path:
        path = tmp_path / "grid.yaml"
        path.write_text(GRID.format(model=tiny_model(), epochs=epochs), encoding="utf-8")
        return path

    return write


@pytest.fixture
def quick(monkeypatch, tmp_path):
    """Lets the runs of a folder be stand-ins, which `quick.during` may change."""
    jobs = grid_jobs.Jobs(tmp_path / "out")
    jobs.during = lambda task: None

    class Quick:
        def __init__(self, *about):
            pass

        def __call__(self, task, folder, lost):
            jobs.during(task)
            jobs(task, folder, lost)

    monkeypatch.setattr(runner, "Training", Quick)
    return jobs


def test_all_three_settings_run_and_leave_their_records(grid_file, tmp_path, capsys):
    folder = tmp_path / "out"
    command = [str(grid_file()), "--output", str(folder), "--sizes", "all", "20"]
    assert main(command) == 0
    said = capsys.readouterr().out
    assert re.search(r"^\[6/6\] sample_music-joint-bert-\w+-n20-1  dev F1 [\d.]+  test F1 [\d.]+  \d+ s$", said, re.M)
    assert "6 finished, 0 failed" in said
    found = [read_record(path) for path in sorted((folder / "runs").glob("*/record.json"))]
    assert sorted((r.setting, r.few_shot.sentences if r.few_shot else 0) for r in found) == [
        *(("direct", 0), ("direct", 20), ("joint", 0), ("joint", 20)),
        *(("pre_train_then_fine_tune", 0), ("pre_train_then_fine_tune", 20)),
    ]
    assert len(list((folder / "runs").glob("*/predictions.json"))) == 6
    assert len(list((folder / "sources").glob("*/record.json"))) == 1  # both sizes start from one source stage
    assert not list((folder / "claims").iterdir())
    assert main(command) == 0
    assert "6 finished, 0 failed, in 0 s" in capsys.readouterr().out


@pytest.mark.slow
def test_a_grid_that_is_killed_twice_ends_as_if_it_had_not_been(grid_file, tmp_path, child_environment):
    path, folder, whole = grid_file(epochs=5), tmp_path / "out", tmp_path / "whole"
    program = "import sys; from crossner_hf.cli.experiment_run import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", program, str(path), "--output", str(folder)]
    for setting in ("direct", "joint"):
        with subprocess.Popen(command, env=child_environment, stderr=subprocess.DEVNULL) as process:
            states = f"runs/*-{setting}-*/checkpoint-*/trainer_state.json"
            while process.poll() is None and not list(folder.glob(states)):
                time.sleep(0.005)
            assert process.poll() is None, "it was over before it could be killed"
            process.kill()
        assert not list((folder / "runs").glob(f"*-{setting}-*/record.json"))
    assert main([str(path), "--output", str(folder)]) == 0
    assert main([str(path), "--output", str(whole)]) == 0
    resumed = []
    for record in sorted((folder / "runs").glob("*/record.json")):
        other = whole / record.relative_to(folder)
        killed, straight = read_record(record), read_record(other)
        assert killed.dev_by_epoch == straight.dev_by_epoch
        predictions = [json.loads((p.parent / "predictions.json").read_text()) for p in (record, other)]
        assert predictions[0] == predictions[1]
        resumed.append((killed.setting, killed.resumed, straight.resumed))
    settings = {"direct": True, "joint": True, "pre_train_then_fine_tune": False}
    assert sorted(resumed) == [(setting, killed, False) for setting, killed in settings.items()]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_with_130_and_says_how_to_go_on(grid_file, tmp_path, child_environment, number):
    folder = tmp_path / "out"
    program = "import sys; from crossner_hf.cli.experiment_run import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", program, str(grid_file(epochs=400)), "--output", str(folder)]
    heed = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    pipes = {"stderr": subprocess.PIPE, "text": True, "preexec_fn": heed}
    with subprocess.Popen(command, env=child_environment, **pipes) as process:
        while process.poll() is None and not list(folder.glob("runs/*/checkpoint-*/trainer_state.json")):
            time.sleep(0.01)
        process.send_signal(number)
        said = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert f"stopped; the same command goes on ({folder})" in said
    assert "Traceback" not in said
    assert not list((folder / "claims").iterdir())
    assert not (folder / "failed").exists()


def test_a_failed_run_is_listed_at_the_end_and_the_status_is_1(grid_file, tmp_path, capsys, quick):
    command = [str(grid_file()), "--output", str(tmp_path / "out")]

    def fail(task):
        if task.setting == "direct":
            raise OSError("No space left on device")

    quick.during = fail
    assert main(command) == 1
    said = capsys.readouterr().out
    (name,) = (path.stem for path in (tmp_path / "out" / "failed").glob("*.json"))
    assert f"2 finished, 1 failed, in 0 s\n  {name}: No space left on device\n" in said
    quick.during = lambda task: None
    assert main(command) == 0


def test_a_grid_edited_while_it_runs_goes_on_as_it_was(grid_file, tmp_path, quick):
    path = grid_file()
    command = [str(path), "--output", str(tmp_path / "out")]
    quick.during = lambda task: path.write_text("domains: [ai")
    assert main(command) == 0
    assert len(quick.noted("end")) == 3
    with pytest.raises(ValueError, match=r"grid.yaml:1: is no YAML"):
        main(command)
    grid_file(epochs=3)
    with pytest.raises(ValueError, match=r"is of another grid \(arguments was .*; choose another folder"):
        main(command)


def test_options_stand_in_the_place_of_what_the_grid_says(grid_file, tmp_path, quick):
    command = [str(grid_file()), "--output", str(tmp_path / "out"), "--seeds", "7", "8", "--settings", "direct"]
    assert main([*command, "--sizes", "all", "5", "--draw", "seeded", "--recipe", "published"]) == 0
    found = [read_record(path) for path in (tmp_path / "out" / "runs").glob("*/record.json")]
    few = FewShotSample(sentences=5, draw="seeded")
    assert {(r.seed, r.few_shot) for r in found} == {(7, None), (8, None), (7, few), (8, few)}
    assert {r.arguments.per_device_train_batch_size for r in found} == {16}


def test_a_dry_run_shows_runs_states_and_cost_and_writes_nothing(grid_file, tmp_path, capsys, quick):
    folder = tmp_path / "out"
    command = [str(grid_file()), "--output", str(folder)]
    assert main([*command, "--dry_run"]) == 0
    said = capsys.readouterr().out
    assert len(re.findall(r"^sample_music-(?:direct|pretrain|joint)-bert-\w+-1 +to do", said, re.M)) == 3
    assert "Nothing has been run or written." in said
    assert "left: 3" in said
    assert not folder.exists()
    main(command)
    capsys.readouterr()
    assert main([*command, "--dry_run"]) == 0
    said = capsys.readouterr().out
    assert said.count("finished") == 3
    assert "left: 0" in said


def test_bad_input_is_refused_before_anything_is_written(grid_file, tmp_path, capsys):
    output, path = ["--output", str(tmp_path / "out")], str(grid_file())
    for wrong, said in (
        ([], "give either a file with a grid or --preset main-table"),
        ([path, "--preset", "smoke"], "give either a file with a grid or --preset main-table"),
    ):
        with pytest.raises(SystemExit) as stop:
            main([*wrong, *output])
        assert stop.value.code == 2
        assert said in capsys.readouterr().err
    for wrong, said in (
        ([path, "--seeds", "x"], "a seed is a whole number"),
        ([path, "--sizes", "61"], "sizes: sample_music has 60 training sentences"),
        ([path, "--models", str(tmp_path / "nowhere")], "nowhere: no model can be loaded from there"),
        ([path, "--corpus", "a.txt"], "--corpus is for --preset corpus-size"),
        (["--preset", "main"], "unknown preset 'main'; known are main-table, few-shot, corpus-size, smoke"),
        ([str(tmp_path / "none.yaml")], "none.yaml: cannot be read as a grid: No such file"),
    ):
        with pytest.raises((ValueError, OSError), match=re.escape(said)):
            main([*wrong, *output])
        assert not (tmp_path / "out").exists()


def test_help_teaches_grids_and_several_processes(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0
    said = capsys.readouterr().out
    for text in ("--preset smoke", "arguments_of:", "dapt: {model", "Several processes", "torchrun --nproc_per_node 2"):
        assert text in said


def test_the_grid_of_the_help_text_is_one(tmp_path, capsys):
    from crossner_hf.cli.experiment_run import EPILOG
    from crossner_hf.experiments.grid import Grid
    from crossner_hf.experiments.grid_checks import read_grid

    text = EPILOG.partition("must be there:\n")[2].partition("\n\n")[0].replace(", my_domain/", "")
    (tmp_path / "grid.yaml").write_text(text, encoding="utf-8")
    values, lines = read_grid(tmp_path / "grid.yaml")
    assert set(values) == set(Grid.__dataclass_fields__)
    assert len(Grid.of(values, "grid.yaml", lines).runs()) == 2 * 3 * 2 * 3 * 3
