"""A run's folder is its own while it runs, and what comes of nothing leaves nothing."""

import os
import shutil
import sys

import pytest
from transformers import TrainerCallback

from crossner_hf.finetuning.arguments import FineTuningArguments
from crossner_hf.finetuning.fine_tune import fine_tune
from crossner_hf.training.run_folder import RUN_FILE, FolderInUse, locked, open_run, remove_checkpoints


class Break(TrainerCallback):
    """Fails in the first step."""

    def on_step_begin(self, args, state, control, **kwargs):
        raise RuntimeError("a cable was pulled")


def test_two_processes_cannot_be_in_one_folder(tmp_path):
    folder = tmp_path / "run"
    with locked(folder):
        with pytest.raises(FolderInUse, match="another process is at work on this run"), locked(folder):
            pass
        (folder / "model").touch()
    with locked(folder):
        pass
    assert [path.name for path in folder.iterdir()] == ["model"]


PROCESSES = """
    import os, sys
    from multiprocessing import get_context
    from pathlib import Path
    from crossner_hf.training.run_folder import locked

    def enter_again_and_again(folder):
        for _ in range(400):
            with locked(folder, wait=True):
                (folder / "inside").touch(exist_ok=False)
                (folder / "inside").unlink()

    processes = [get_context("fork").Process(target=enter_again_and_again, args=(Path("run"),)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    sys.exit(any(process.exitcode for process in processes))
    """


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
def test_of_processes_that_come_and_go_one_at_a_time_is_in_the_folder(run_python):
    run_python(PROCESSES)


def test_a_folder_that_stays_empty_goes_again_unless_it_was_there(tmp_path):
    with locked(tmp_path / "run"):
        assert (tmp_path / "run").is_dir()
    assert not (tmp_path / "run").exists()
    with locked(tmp_path):
        pass
    assert tmp_path.is_dir()


def test_a_file_in_the_place_of_the_folder_is_left_alone(tmp_path):
    (tmp_path / "run").write_text("mine")
    with pytest.raises(FolderInUse, match="is a file"), locked(tmp_path / "run"):
        pass
    assert (tmp_path / "run").read_text() == "mine"


def test_a_run_that_fails_before_its_first_checkpoint_leaves_nothing(tiny_model, zoo, tmp_path):
    def run(**changes):
        args = FineTuningArguments(output_dir=str(tmp_path / "run"), num_train_epochs=1, use_cpu=True, **changes)
        return fine_tune(zoo, tiny_model("bert"), args, callbacks=[Break()] if not changes else [])

    with pytest.raises(RuntimeError, match="a cable was pulled"):
        run()
    assert not (tmp_path / "run").exists()
    assert run(seed=7).seed == 7  # and the corrected command runs


def test_what_a_kill_left_of_run_json_is_no_other_content(tmp_path):
    (tmp_path / f".{RUN_FILE}.123.part").write_text("{")
    assert open_run(tmp_path, {"seed": 1}, resume=True) is None
    assert (tmp_path / RUN_FILE).exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [("[1]", r"expected a JSON object, got '\[1\]'"), ("[" * 100_000, "maximum recursion depth exceeded")],
)
def test_a_run_json_that_is_none_is_said_with_its_path(tmp_path, content, message):
    (tmp_path / RUN_FILE).write_text(content)
    with pytest.raises(FolderInUse, match=rf"run\.json: cannot be read as a run: {message}"):
        open_run(tmp_path, {"seed": 1}, resume=True)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"output_dir": " "}, "output_dir .--output. is empty"),
        ({"per_device_train_batch_size": 0}, "per_device_train_batch_size must be at least 1, got 0"),
        ({"per_device_eval_batch_size": -3}, "per_device_eval_batch_size must be at least 1, got -3"),
        ({"gradient_accumulation_steps": 0}, "gradient_accumulation_steps must be at least 1"),
        ({"learning_rate": float("nan")}, "learning_rate must be a number of at least 0, got nan"),
        ({"learning_rate": -1.0}, "learning_rate must be a number of at least 0"),
        ({"max_steps": 0}, "nothing to train: num_train_epochs is 300.0 and max_steps 0"),
        ({"num_train_epochs": 0}, "nothing to train: num_train_epochs is 0"),
        ({"num_train_epochs": float("nan")}, "nothing to train"),
        ({"dataloader_num_workers": -1}, "dataloader_num_workers must be at least 0"),
    ],
)
def test_numbers_that_cannot_be_are_refused_at_once(changes, said):
    with pytest.raises(ValueError, match=said):
        FineTuningArguments(**{"output_dir": "run", "use_cpu": True, **changes})


def test_checkpoints_go_when_the_disk_has_what_replaces_them(tmp_path, monkeypatch):
    events = []
    sync, remove = os.fsync, shutil.rmtree
    monkeypatch.setattr(os, "fsync", lambda file: events.append(os.fstat(file).st_ino) or sync(file))
    monkeypatch.setattr(shutil, "rmtree", lambda path: events.append("removed") or remove(path))
    (tmp_path / "record.json").write_text("{}")
    remove_checkpoints(tmp_path)
    assert events == []  # a finished run of another account is only read
    (tmp_path / "checkpoint-3").mkdir()
    remove_checkpoints(tmp_path)
    assert events[-1] == "removed"
    assert {path.stat().st_ino for path in (tmp_path / "record.json", tmp_path)} == set(events[:-1])
