"""Damage to what a run keeps is noticed, and the run resumes from what is whole."""

import errno
import json
import multiprocessing
import os
import shutil
import threading
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from training_fixtures import StopAtCheckpoint
from transformers import TrainerCallback, TrainingArguments

from crossner_hf.atomic_write import write_text
from crossner_hf.finetuning.arguments import FineTuningArguments
from crossner_hf.finetuning.fine_tune import fine_tune
from crossner_hf.results.record_files import NewerRecordError
from crossner_hf.training.manifest import damage, write_manifest
from crossner_hf.training.resumable_trainer import ResumableTrainer
from crossner_hf.training.run_folder import last_checkpoint, locked, mend

UMASK = 0o022


@pytest.fixture(scope="module")
def train(tiny_model, zoo):
    """Trains three epochs on the zoo, with changes and callbacks, into a folder."""

    def train(folder: Path, *callbacks: TrainerCallback, **changes):
        args = {"num_train_epochs": 3, "per_device_train_batch_size": 8, "use_cpu": True, "disable_tqdm": True}
        args = FineTuningArguments(output_dir=str(folder), **{**args, **changes})
        return fine_tune(zoo, tiny_model("bert"), args, callbacks=callbacks)

    return train


@pytest.fixture(scope="module")
def stopped(train, tmp_path_factory):
    """A run that was stopped after its second epoch, with the checkpoints 3 and 6."""
    folder = tmp_path_factory.mktemp("stopped") / "run"
    before = os.umask(UMASK)
    try:
        with pytest.raises(KeyboardInterrupt):
            train(folder, StopAtCheckpoint(2), save_total_limit=None)
    finally:
        os.umask(before)
    assert {path.name for path in folder.glob("checkpoint-*")} == {"checkpoint-3", "checkpoint-6"}
    return folder


def flip_four_bytes(path: Path) -> None:
    content = bytearray(path.read_bytes())
    for i in range(len(content) - 4, len(content)):
        content[i] ^= 0xFF
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


FILES = ("model.safetensors", "optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json", "manifest.json")


@pytest.mark.parametrize("harm", [Path.unlink, cut, flip_four_bytes])
@pytest.mark.parametrize("name", FILES)
def test_the_checkpoint_before_a_damaged_one_is_taken_with_a_line(stopped, tmp_path, caplog, name, harm):
    folder = shutil.copytree(stopped, tmp_path / "run")
    assert last_checkpoint(folder, with_best=False) == folder / "checkpoint-6"
    assert not caplog.messages
    harm(folder / "checkpoint-6" / name)
    assert last_checkpoint(folder, with_best=False) == folder / "checkpoint-3"
    (line,) = caplog.messages
    assert line.startswith(f"{folder}: checkpoint-6 ")
    assert name in line
    assert line.endswith("; training resumes from checkpoint-3")
    assert not (folder / "checkpoint-6").exists()
    harm(folder / "checkpoint-3" / name)
    assert last_checkpoint(folder, with_best=False) is None
    assert caplog.messages[1].endswith("; training resumes from the start")


def test_a_checkpoint_counts_only_with_its_best_one(stopped, tmp_path):
    folder = shutil.copytree(stopped, tmp_path / "run")
    state_file = folder / "checkpoint-6" / "trainer_state.json"
    state_file.write_text(json.dumps(json.loads(state_file.read_text()) | {"best_global_step": 3}))
    write_manifest(folder / "checkpoint-6")
    assert last_checkpoint(folder, with_best=True) == folder / "checkpoint-6"
    flip_four_bytes(folder / "checkpoint-3" / "model.safetensors")
    assert last_checkpoint(shutil.copytree(folder, tmp_path / "last"), with_best=False) is not None
    assert last_checkpoint(folder, with_best=True) is None


def test_files_of_a_checkpoint_have_the_permissions_of_the_umask(stopped):
    files = [path for path in stopped.glob("checkpoint-*/*") if path.is_file()]
    assert {oct(path.stat().st_mode & 0o777) for path in files} == {oct(0o666 & ~UMASK)}


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.safetensors", "config.json", "manifest.json"])
@pytest.mark.parametrize("harm", [Path.unlink, cut, flip_four_bytes])
def test_a_finished_folder_with_damage_is_trained_again(write_stage, caplog, name, harm):
    folder, settings = write_stage
    mend(folder, settings)
    assert (folder / "record.json").is_file()
    harm(folder / name)
    mend(folder, settings)
    assert not (folder / "record.json").exists()
    assert name in caplog.text
    assert caplog.text.rstrip().endswith("; it is trained again")


@pytest.mark.parametrize("error", [OSError(errno.EIO, "Input/output error"), NewerRecordError("of version 9")])
def test_a_record_that_cannot_be_read_now_stays(write_stage, monkeypatch, error):
    folder, settings = write_stage

    def fail(path):
        raise error

    monkeypatch.setattr("crossner_hf.training.run_folder.read_record", fail)
    with pytest.raises(type(error)):
        mend(folder, settings)
    assert (folder / "record.json").is_file()


def test_a_damaged_run_json_of_a_shared_folder_is_written_again(write_stage):
    folder, settings = write_stage
    (folder / "run.json").write_text("{")
    mend(folder, settings)
    assert json.loads((folder / "run.json").read_text()) == settings


@pytest.fixture
def write_stage(tmp_path, monkeypatch):
    """A folder with the files of a source stage, and its settings."""
    monkeypatch.setattr("crossner_hf.training.run_folder.read_record", lambda path: None)
    for name in ("model", "optimizer"):
        save_file({"weight": torch.ones(4)}, tmp_path / f"{name}.safetensors")
    settings = {"seed": 1}
    for name in ("config", "record", "run"):
        (tmp_path / f"{name}.json").write_text(json.dumps(settings, indent=1) + "\n")
    write_manifest(tmp_path)
    assert damage(tmp_path) is None
    return tmp_path, settings


def test_a_full_disk_under_a_text_file_names_the_file(tmp_path, monkeypatch):
    def full(path, text, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space left") as error:
        write_text(tmp_path / "record.json", "{}")
    assert error.value.errno == errno.ENOSPC
    assert str(tmp_path / "record.json") in str(error.value)


def test_checkpoints_go_by_step_though_a_clock_was_set_back(train, tmp_path):
    kept = []

    class ClockSetBack(TrainerCallback):
        def on_save(self, args, state, control, **kwargs):
            kept.append({path.name for path in Path(args.output_dir).glob("checkpoint-*")})
            for i, path in enumerate(Path(args.output_dir).glob("checkpoint-*")):
                os.utime(path, (time.time() + 3600 * (i + 1),) * 2)

    train(tmp_path / "run", ClockSetBack(), eval_strategy="no", load_best_model_at_end=False, save_total_limit=1)
    assert kept == [{"checkpoint-3"}, {"checkpoint-6"}, {"checkpoint-9"}]


def test_who_waits_for_a_folder_gets_it_though_the_run_before_left_nothing(tmp_path):
    folder, got = tmp_path / "run", []

    def wait():
        with locked(folder, wait=True):
            got.append(folder.is_dir())

    waiting = threading.Thread(target=wait)
    with locked(folder):
        waiting.start()
        time.sleep(0.2)
    waiting.join(timeout=10)
    assert got == [True]


def endless(trainer_folder: Path, pipe) -> None:
    """Start a worker whose queue is full, send its process id, and wait."""

    class Rows(torch.utils.data.Dataset):
        def __len__(self):
            return 100

        def __getitem__(self, i):
            return {"worker": os.getpid(), "text": "x" * 1_000_000}

    args = TrainingArguments(
        str(trainer_folder), use_cpu=True, dataloader_num_workers=1, remove_unused_columns=False, report_to="none"
    )
    model = torch.nn.Linear(1, 1)
    trainer = ResumableTrainer(model, args, data_collator=lambda rows: rows, train_dataset=Rows())
    batches = iter(trainer.get_train_dataloader())
    pipe.send(next(batches)[0]["worker"])
    time.sleep(60)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux")
def test_dataloader_workers_end_with_a_parent_that_is_killed(tmp_path):
    fork = multiprocessing.get_context("fork")
    ours, theirs = fork.Pipe()
    parent = fork.Process(target=endless, args=(tmp_path, theirs))
    parent.start()
    assert ours.poll(30)
    worker = Path(f"/proc/{ours.recv()}/stat")
    parent.kill()
    parent.join()
    end = time.monotonic() + 3  # torch's own look after the parent comes every 5 seconds
    while worker.exists() and worker.read_text().rpartition(")")[2].split()[0] not in "ZX":
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize("whole", [0, 1])
def test_a_full_disk_is_one_sentence_with_the_folder_and_what_is_left(train, tmp_path, monkeypatch, whole):
    save, calls = torch.save, []

    def full(content, file, **options):
        if str(file).endswith("optimizer.pt"):
            calls.append(file)
            if len(calls) > whole:
                raise RuntimeError("[enforce fail at inline_container.cc:664] . unexpected pos 64 vs 0\nframe #0")
        save(content, file, **options)

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match="a checkpoint could not be written") as error:
        train(tmp_path / "run")
    message = str(error.value)
    assert message.startswith(f"{tmp_path / 'run'}: ")
    assert "unexpected pos 64 vs 0; " in message
    assert "MB are free there" in message
    assert ("checkpoint-3 is whole" in message) == bool(whole)
    assert ("no checkpoint was written before" in message) == (not whole)
    assert "\n" not in message
    assert (tmp_path / "run").exists() == bool(whole)


def test_a_checkpoint_that_cannot_be_read_at_the_moment_is_not_taken_for_damaged(tmp_path, monkeypatch):
    folder = tmp_path / "checkpoint-3"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")
    write_manifest(folder)

    def fail(path):
        raise OSError(errno.EIO, "Input/output error", str(path))

    monkeypatch.setattr("crossner_hf.training.manifest.sha256_of", fail)
    with pytest.raises(OSError, match="Input/output error"):
        last_checkpoint(tmp_path, with_best=False)
    assert folder.is_dir()


@pytest.mark.parametrize(
    "content",
    [
        *("", "[]", "[" * 9_000, "{}", '{"a.txt": 3}', '{"a.txt": {"bytes": 2}}'),
        '{"a.txt": {"bytes": "2", "sha256": ""}}',
        '{"../a.txt": {"bytes": 2, "sha256": ""}}',
        '{"\\u0000": {"bytes": 2, "sha256": ""}}',
    ],
)
def test_whatever_is_in_a_manifest_is_damage(tmp_path, content):
    (tmp_path / "a.txt").write_text("hm")
    (tmp_path / "manifest.json").write_text(content)
    assert damage(tmp_path).startswith(("has a damaged manifest.json", "lacks "))
