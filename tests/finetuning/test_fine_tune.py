"""Fine-tuning: what is saved is what the record says, the seed fixes everything, and a stopped run goes on."""

import json
import logging
import re
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest
from training_fixtures import StopAtCheckpoint, same_weights
from transformers import AutoModelForTokenClassification, TrainerCallback

from crossner_hf.finetuning.arguments import FineTuningArguments
from crossner_hf.finetuning.evaluation import evaluate, tagged_split
from crossner_hf.finetuning.fine_tune import fine_tune
from crossner_hf.finetuning.task import Task
from crossner_hf.finetuning.tokenized_dataset import stage_examples
from crossner_hf.finetuning.trainer import TaggerTrainer
from crossner_hf.results.record_files import read_record
from crossner_hf.results.records import RunRecord
from crossner_hf.schema import get_domain
from crossner_hf.tagger.tagger import Tagger
from crossner_hf.training.run_folder import FolderInUse

# Dev F1 rises, then stalls: with patience 2 this run stops early, some epochs after its best one.
RECIPE = {
    "learning_rate": 4e-3,
    "per_device_train_batch_size": 8,
    "num_train_epochs": 30,
    "early_stopping_patience": 2,
    "use_cpu": True,
    "disable_tqdm": True,
}


@pytest.fixture(scope="module")
def run(tiny_model, zoo):
    """Runs the recipe, with changes, into a folder; gives the record."""

    def run(folder: Path, *, resume: bool = False, callbacks=(), domain=zoo, **changes):
        args = FineTuningArguments(output_dir=str(folder), **{**RECIPE, **changes})
        encoder = tiny_model("bert")
        return fine_tune(domain, encoder, args, resume=resume, callbacks=list(callbacks))

    return run


@pytest.fixture(scope="module")
def finished(run, tmp_path_factory):
    """The folder and the record of a whole run."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    return folder, run(folder)


def test_a_tagger_trained_in_bfloat16_is_scored_as_the_saved_one_tags(run, zoo, tmp_path):
    record = run(tmp_path / "run", bf16=True, num_train_epochs=2)
    again = tagged_split(Tagger.from_pretrained(str(tmp_path / "run")), get_domain(str(zoo)), "test")
    assert record.calibration["test"].model_dump() == again.calibration()


RESULT = (
    "epochs",
    "steps",
    "best_epoch",
    "dev_by_epoch",
    "scores",
    "entities_beyond_max_length",
    "arguments",
    "encoder",
)


def assert_same_run(folder: Path, record: RunRecord, finished) -> None:
    whole_folder, whole = finished
    assert [getattr(record, key) for key in RESULT] == [getattr(whole, key) for key in RESULT]
    assert same_weights(folder, whole_folder)
    assert record == read_record(folder / "record.json")
    assert not list(folder.glob("checkpoint-*"))


def test_the_record_says_what_ran_on_what_with_which_result(finished, zoo):
    folder, record = finished
    assert record == read_record(folder / "record.json")
    assert record.kind == "fine_tuning"
    assert record.domain == "zoo"
    assert record.entity_types == ("animal", "place")
    assert record.is_crossner is False
    assert record.setting == "direct"
    assert record.seed == 555
    assert record.processes == 1
    assert record.resumed is False
    assert set(record.data_sha256) == {"train", "validation", "test"}
    assert all(re.fullmatch("[0-9a-f]{64}", key) for key in (*record.data_sha256.values(), record.encoder.sha256))
    assert record.encoder.name == "bert"
    assert {"torch", "transformers", "python"} <= set(record.versions)
    assert record.arguments.learning_rate == 4e-3
    assert record.arguments.weight_decay == 0.0
    assert record.entities_beyond_max_length == {"train": 0, "validation": 0}
    assert set(record.scores) == {"validation", "test"}
    for scores in record.scores.values():
        assert set(scores) == {"conlleval", "strict", "pooled"}
        assert set(scores["conlleval"].per_type) == {"animal", "place"}
    assert len(record.dev_by_epoch) == record.epochs > record.best_epoch > 1
    assert record.wall_seconds > 0
    text = (folder / "record.json").read_text() + (folder / "run.json").read_text()
    assert str(folder.parent) not in text
    assert str(zoo.parent) not in text


def test_the_saved_model_is_that_of_the_best_dev_epoch(finished, zoo):
    folder, record = finished
    best = max(record.dev_by_epoch)
    assert record.dev_by_epoch.index(best) + 1 == record.best_epoch < record.epochs
    assert record.dev_by_epoch[-1] < best  # so that the last epoch's model would score less
    assert record.scores["validation"]["conlleval"].overall.f1 == pytest.approx(best, abs=1e-12)
    for split in ("validation", "test"):
        assert evaluate(str(folder), zoo, split).scores[split] == record.scores[split]


def test_the_folder_holds_the_model_its_record_and_nothing_of_the_run(finished):
    folder, _ = finished
    names = {path.name for path in folder.iterdir()}
    assert {"model.safetensors", "config.json", "tokenizer.json", "run.json", "record.json"} <= names
    assert not [name for name in names if name.startswith((".", "checkpoint"))]
    assert len({path.stat().st_mode for path in folder.iterdir()}) == 1  # none is closed to other accounts
    config = json.loads((folder / "config.json").read_text())
    assert config["word_splitter"] == "crossner"
    assert config["id2label"] == {"0": "O", "1": "B-animal", "2": "I-animal", "3": "B-place", "4": "I-place"}
    assert "custom_pipelines" not in config
    assert Tagger.from_pretrained(str(folder)).labels == list(get_domain("music").labels[:1]) + [
        f"{prefix}-{t}" for t in ("animal", "place") for prefix in "BI"
    ]


def test_the_seed_fixes_the_weights_bit_by_bit_and_another_gives_others(run, finished, tmp_path):
    record = run(tmp_path / "again")
    assert_same_run(tmp_path / "again", record, finished)
    run(tmp_path / "other", seed=666)
    assert not same_weights(tmp_path / "other", finished[0])


def test_what_changes_nothing_in_the_result_may_differ(run, finished, tmp_path):
    record = run(tmp_path / "run", logging_strategy="steps", logging_steps=1, save_total_limit=5)
    assert_same_run(tmp_path / "run", record, finished)


def test_the_test_split_can_be_left_unscored(run, tmp_path):
    record = run(tmp_path / "run", test=False, num_train_epochs=1)
    assert set(record.scores) == {"validation"}
    assert record.test is False


def test_with_no_dev_scoring_the_last_model_is_kept(run, tmp_path):
    record = run(
        tmp_path / "run", num_train_epochs=2, eval_strategy="no", save_strategy="no", load_best_model_at_end=False
    )
    assert (record.epochs, record.best_epoch, record.dev_by_epoch) == (2, None, ())
    assert "conlleval" in record.scores["validation"]


def test_words_beyond_max_length_count_as_outside_are_counted_and_said(run, finished, tmp_path, caplog, zoo):
    with caplog.at_level(logging.WARNING, logger="crossner_hf"):
        record = run(tmp_path / "run", max_length=8, num_train_epochs=1)
    cut = record.entities_beyond_max_length
    scores = evaluate(str(finished[0]), zoo, "validation").scores["validation"]["conlleval"].overall
    total = scores.support
    assert min(cut.values()) > 5
    assert f"{cut['validation']} of {total} entities of validation lie beyond max_length=8 tokens" in caplog.text
    # While it trains, what lies behind the cut cannot be found; the final scores reach it by windows.
    model = AutoModelForTokenClassification.from_pretrained(finished[0])
    args = FineTuningArguments(output_dir=str(tmp_path / "none"), max_length=8, use_cpu=True)
    task = Task({"target": get_domain(zoo)}, str(finished[0]))
    examples = stage_examples(*args.stages(), task, model.config, args)
    trainer = TaggerTrainer(model, args, task.tokenizer, examples)
    recall = trainer.evaluate()["eval_conlleval_recall"]
    assert 0 < recall <= (total - cut["validation"]) / total
    assert recall < scores.recall


def test_the_warning_tells_words_without_tokens_from_words_beyond_max_length(write_zoo, tiny_model, tmp_path, caplog):
    sentence = (["\u200b", "fox", "saw", "sea", "\ufffd", "lion", "\u200b"], ["B", "I", "O", "B", "I", "I", "O"])
    tags = [tag if tag == "O" else f"{tag}-animal" for tag in sentence[1]]
    folder = write_zoo(tmp_path / "gaps", [(sentence[0], tags), (["fox"] * 20, ["B-animal"] * 20)])
    args = FineTuningArguments(output_dir=str(tmp_path / "none"), max_length=12, use_cpu=True)
    task = Task({"target": get_domain(folder)}, tiny_model())
    with caplog.at_level(logging.WARNING, logger="crossner_hf"):
        examples = stage_examples(*args.stages(), task, task.new_tagger("target").config, args)
    assert examples.cut == {"train": 10, "validation": 10}
    assert "10 of 22 entities of train lie beyond max_length=12 tokens" in caplog.text
    message = "1 of 22 entities of {} begin or end with a word of which the tokenizer makes no token"
    assert message.format("train") in caplog.text
    assert message.format("test") not in caplog.text
    tagged_split(Tagger(task.new_tagger("target"), task.tokenizer), get_domain(folder), "test")
    assert message.format("test") in caplog.text


@pytest.mark.parametrize("kind", ["roberta", "distilbert", "deberta-v2"])
def test_other_encoders_train_and_tag_the_same_way(tiny_model, zoo, tmp_path, kind):
    args = FineTuningArguments(output_dir=str(tmp_path / "run"), **{**RECIPE, "num_train_epochs": 2})
    record = fine_tune(zoo, tiny_model(kind), args)
    assert max(record.dev_by_epoch) == record.scores["validation"]["conlleval"].overall.f1


# Stopping and going on.


@pytest.mark.parametrize("before_the_end", [100, 1])
def test_a_run_stopped_by_ctrl_c_goes_on_to_the_result_of_the_whole_one(run, finished, tmp_path, before_the_end):
    """One epoch before the end, early stopping has counted one epoch already."""
    folder = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        run(folder, callbacks=[StopAtCheckpoint(finished[1].epochs - before_the_end)])
    assert not (folder / "record.json").exists()
    assert not (folder / "model.safetensors").exists()
    record = run(folder, resume=True)
    assert_same_run(folder, record, finished)
    assert record.resumed is True


def test_a_run_stopped_in_the_middle_of_an_epoch_goes_on_to_the_same_result(run, tmp_path):
    steps = {
        "eval_strategy": "steps",
        "save_strategy": "steps",
        "eval_steps": 2,
        "save_steps": 2,
        "num_train_epochs": 3,
    }
    whole = run(tmp_path / "whole", **steps)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut", callbacks=[StopAtCheckpoint(4 / 3)], **steps)
    assert_same_run(tmp_path / "cut", run(tmp_path / "cut", resume=True, **steps), (tmp_path / "whole", whole))


def test_a_half_written_checkpoint_is_passed_over(run, finished, tmp_path):
    folder = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        run(folder, callbacks=[StopAtCheckpoint(4)], save_total_limit=None)
    last = max(folder.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))
    state = (last / "trainer_state.json").read_text()
    (last / "trainer_state.json").write_text(state[: len(state) // 2])
    newer = folder / "checkpoint-999"  # killed before its state was written at all
    newer.mkdir()
    shutil.copy(last / "model.safetensors", newer)
    record = run(folder, resume=True, save_total_limit=None)
    assert_same_run(folder, record, finished)


def test_a_run_stopped_after_its_early_stopping_does_not_train_on(run, finished, tmp_path, monkeypatch):
    folder = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        run(folder, callbacks=[StopAtCheckpoint(finished[1].epochs)])
    moved = tmp_path / "moved"  # the best checkpoint's path in the Trainer's state leads nowhere now
    folder.rename(moved)
    record = run(moved, resume=True)
    assert_same_run(moved, record, finished)


@pytest.mark.parametrize("place", ["put_model", "remove_checkpoints", "write_record"])
def test_a_run_stopped_between_training_and_its_record_ends_the_same(run, finished, tmp_path, monkeypatch, place):
    from crossner_hf.training import run_folder

    folder = tmp_path / "run"

    def interrupt(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(sys.modules[fine_tune.__module__] if place == "write_record" else run_folder, place, interrupt)
        with pytest.raises(KeyboardInterrupt):
            run(folder)
    assert_same_run(folder, run(folder, resume=True), finished)


def test_all_epochs_done_but_no_record_is_gone_on_with_too(run, tmp_path):
    few = {"num_train_epochs": 3, "lr_scheduler_type": "linear"}
    whole = run(tmp_path / "whole", **few)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut", callbacks=[StopAtCheckpoint(3)], **few)
    assert_same_run(tmp_path / "cut", run(tmp_path / "cut", resume=True, **few), (tmp_path / "whole", whole))


def test_a_killed_process_goes_on_to_the_result_of_the_whole_run(run, finished, tmp_path, stop_at, tiny_model, zoo):
    folder = tmp_path / "run"
    arguments = {"output_dir": str(folder), **RECIPE}
    program = (
        "from crossner_hf import FineTuningArguments, fine_tune; "
        f"fine_tune({str(zoo)!r}, {tiny_model('bert')!r}, FineTuningArguments(**{arguments!r}))"
    )
    stop_at(folder, "checkpoint-*", signal.SIGKILL, "-c", program)
    assert not (folder / "record.json").exists()
    assert_same_run(folder, run(folder, resume=True), finished)


def test_a_resumed_run_counts_the_seconds_of_its_first_part(run, tmp_path):
    class Slow(TrainerCallback):
        def on_epoch_begin(self, args, state, control, **kwargs):
            time.sleep(0.5)

    short = {"num_train_epochs": 3}
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "run", callbacks=[Slow(), StopAtCheckpoint(2)], **short)
    assert run(tmp_path / "run", resume=True, **short).wall_seconds > 1.0


def test_resume_of_a_finished_run_gives_its_record_and_of_none_begins_one(run, finished, tmp_path):
    folder, record = finished
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert run(folder, resume=True) == record
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    assert run(tmp_path / "new", resume=True, num_train_epochs=1).epochs == 1


def test_a_folder_in_use_is_left_alone(run, finished, tmp_path, write_zoo):
    folder, _ = finished
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(
        FolderInUse, match="holds this same run, already finished; add --resume, or choose another folder"
    ):
        run(folder)
    for resume in (False, True):
        with pytest.raises(FolderInUse, match=r"another run \(arguments.learning_rate was 0.004, now 0.001\)"):
            run(folder, resume=resume, learning_rate=1e-3)
        with pytest.raises(FolderInUse, match=r"another run \(arguments.seed was 555, now 666\)"):
            run(folder, resume=resume, seed=666)
        with pytest.raises(FolderInUse, match=r"arguments.label_smoothing_factor was None, now 0.1"):
            run(folder, resume=resume, label_smoothing_factor=0.1)
    changed = write_zoo(tmp_path / "changed")
    with open(changed / "dev.txt", "a", encoding="utf-8") as file:
        file.write("\nfox\tB-animal\n")
    with pytest.raises(FolderInUse, match=r"another run \(data_sha256.validation was"):
        run(folder, resume=True, domain=changed)
    swapped = write_zoo(tmp_path / "swapped")
    (swapped / "domain.json").write_text('{"name": "zoo", "entity_types": ["place", "animal"]}')
    with pytest.raises(FolderInUse, match=r"another run \(entity_types was \['animal', 'place'\], now"):
        run(folder, resume=True, domain=swapped)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before

    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "thesis.tex").write_text("years of work")
    for resume in (False, True):
        with pytest.raises(FolderInUse, match="is not empty and holds no run to resume; choose another folder"):
            run(foreign, resume=resume)
    assert [path.name for path in foreign.iterdir()] == ["thesis.tex"]
    (foreign / "run.json").write_text("{")
    with pytest.raises(FolderInUse, match=r"run\.json: cannot be read as a run"):
        run(foreign, resume=True)


def test_arguments_that_could_not_work_are_refused_at_once():
    with pytest.raises(ValueError, match=r"metric_for_best_model must be one of conlleval_f1, .*, got 'f1'"):
        FineTuningArguments(metric_for_best_model="f1")
    assert FineTuningArguments(metric_for_best_model="loss").greater_is_better is False
    assert FineTuningArguments().greater_is_better is True
    with pytest.raises(ValueError, match="resume_from_checkpoint cannot be set: --resume"):
        FineTuningArguments(resume_from_checkpoint="checkpoint-3")
    with pytest.raises(ValueError, match="early_stopping_patience must be 0 or more, got -1"):
        FineTuningArguments(early_stopping_patience=-1)
    with pytest.raises(ValueError, match="max_length must be at least 4 tokens, got 3"):
        FineTuningArguments(max_length=3)


def test_the_scores_that_may_choose_are_those_of_dev_scoring():
    from types import SimpleNamespace

    import numpy as np

    from crossner_hf.finetuning.arguments import DEV_SCORES
    from crossner_hf.metric import compute_metrics

    ids = np.ones((1, 2), dtype=int)
    assert set(compute_metrics("music")(SimpleNamespace(predictions=ids, label_ids=ids))) | {"loss"} == set(DEV_SCORES)
