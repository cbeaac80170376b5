"""A run's folder is its own while it runs, and what comes of nothing leaves nothing."""

import pytest
from transformers import TrainerCallback

from crossner_hf.finetuning.arguments import FineTuningArguments
from crossner_hf.finetuning.fine_tune import fine_tune
from crossner_hf.training.run_folder import RUN_FILE, FolderInUse, locked, open_run


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


def test_a_run_json_that_is_none_is_said_with_its_path(tmp_path):
    (tmp_path / RUN_FILE).write_text("[1]")
    with pytest.raises(FolderInUse, match=r"run\.json cannot be read \(holds \[1\]\)"):
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
