"""The three settings and few-shot: who is trained on what, what is taken over, and that breaks change nothing."""

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from training_fixtures import StopAtCheckpoint, same_weights, write_circus

from crossner_hf.finetuning.arguments import FineTuningArguments
from crossner_hf.finetuning.encoder_taggers import EncoderTaggers
from crossner_hf.finetuning.fine_tune import fine_tune
from crossner_hf.finetuning.settings import FewShot, Stage, Stream
from crossner_hf.finetuning.task import Task, few_shot_rows
from crossner_hf.finetuning.tokenized_dataset import stage_examples, translate
from crossner_hf.finetuning.transfer import OPTIMIZER_FILE, Transfer, label_map
from crossner_hf.metric import score
from crossner_hf.results.record_files import PREDICTIONS_FILE
from crossner_hf.results.records import FewShotSample
from crossner_hf.schema import DOMAINS, SOURCE, Domain, get_domain

RECIPE = {
    "learning_rate": 3e-3,
    "per_device_train_batch_size": 8,
    "num_train_epochs": 3,
    "use_cpu": True,
    "disable_tqdm": True,
}


@pytest.fixture(scope="module")
def circus(tmp_path_factory, write_zoo) -> Path:
    """The source domain."""
    return write_circus(write_zoo(tmp_path_factory.mktemp("source") / "circus"))


@pytest.fixture(scope="module")
def run(tiny_model, zoo, circus, tmp_path_factory):
    """Trains on the zoo with the circus as source, with changes, into a folder; gives the record."""
    cache = tmp_path_factory.mktemp("sources")

    def run(folder: Path, *, domain=zoo, resume=False, callbacks=(), model=None, **changes):
        values = {**RECIPE, "source": str(circus), "source_cache": str(cache), **changes}
        args = FineTuningArguments(output_dir=str(folder), **values)
        return fine_tune(domain, model or tiny_model("bert"), args, resume=resume, callbacks=callbacks)

    return run


def test_each_setting_is_its_list_of_stages():
    def stages(setting, **more):
        return FineTuningArguments(setting=setting, use_cpu=True, **more).stages()

    source, target = Stream("source"), Stage((Stream("target"),), "target")
    assert stages("direct") == (target,)
    assert stages("joint") == (Stage((source, Stream("target", repeats=50)), "target"),)
    assert stages("pre_train_then_fine_tune") == (
        Stage((source,), "source", epochs=2.0),
        target._replace(optimizer="carried"),
    )
    official = stages("pre_train_then_fine_tune", source_head="target", source_optimizer="fresh")
    assert official == (Stage((source,), "target", epochs=2.0), target)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"setting": "both"}, "setting must be one of direct, pre_train_then_fine_tune, joint, got 'both'"),
        ({"source_head": "x"}, "source_head must be one of source, target"),
        ({"few_shot_draw": "random"}, "few_shot_draw must be one of first, seeded"),
        ({"num_sentences": 0}, "num_sentences must be at least 1, got 0"),
        ({"target_repeats": -1}, "target_repeats must be at least 1, got -1"),
        ({"source_epochs": 0}, "source_epochs must be more than 0, got 0"),
    ],
)
def test_values_that_mean_nothing_are_refused(tmp_path, values, message):
    with pytest.raises(ValueError, match=message):
        FineTuningArguments(output_dir=str(tmp_path), use_cpu=True, **values)


def test_a_domain_is_not_its_own_source(run, zoo, tmp_path):
    with pytest.raises(ValueError, match="zoo is source and target at once; name another --source"):
        run(tmp_path / "run", setting="joint", source=str(zoo))


def test_few_shot_is_the_first_sentences_or_nested_draws():
    assert few_shot_rows(100, FewShot(10, "first", seed=5)) == list(range(10))
    draws = [set(few_shot_rows(100, FewShot(number, "seeded", seed=5))) for number in (10, 25, 100)]
    assert [len(draw) for draw in draws] == [10, 25, 100]
    assert draws[0] < draws[1] < draws[2] == set(range(100))
    assert draws[0] != set(few_shot_rows(100, FewShot(10, "seeded", seed=6)))
    for number in (0, 101):
        with pytest.raises(ValueError, match=rf"num_sentences must be 1 to 100 .*got {number}"):
            few_shot_rows(100, FewShot(number, "first", seed=5))


@pytest.mark.parametrize("target", DOMAINS.values(), ids=DOMAINS)
def test_every_label_of_the_source_has_its_like_in_each_domain(target):
    ids = label_map(SOURCE, target)
    assert [target.labels[ids[i]] for i in range(len(SOURCE.labels))] == list(SOURCE.labels)


def test_a_source_type_that_the_target_lacks_counts_as_outside_and_is_said(caplog):
    source, target = Domain("s", ("person", "animal")), Domain("t", ("place", "animal"))
    assert translate([[1, 2, 0, 3, 4]], source, target) == [[0, 0, 0, 3, 4]]
    assert "2 words of s count as O, for t has no type person" in caplog.text


def test_spellings_of_a_type_are_one_type():
    source, target = Domain("s", ("organization",)), Domain("t", ("person", "organisation"))
    assert label_map(source, target) == {0: 0, 1: 3, 2: 4}


def test_joint_training_draws_a_target_sentence_as_often_as_told_and_copies_none(tiny_model, zoo, circus, tmp_path):
    args = FineTuningArguments(
        output_dir=str(tmp_path), setting="joint", source=str(circus), target_repeats=7, num_sentences=15, use_cpu=True
    )
    domains = {"target": get_domain(zoo), "source": get_domain(circus)}
    task = Task(domains, tiny_model("bert"), few_shot=args.few_shot())
    examples = stage_examples(*args.stages(), task, task.new_tagger("target").config, args)
    assert len(examples.train) == 24 + 15 * 7
    assert examples.train.data.num_rows == 24 + 15
    drawn = Counter(tuple(row["input_ids"]) for row in examples.train)
    rows = {whose: task.rows(whose, "train")["tokens"] for whose in ("source", "target")}
    source, target = (
        Counter(map(tuple, task.tokenizer(words, is_split_into_words=True)["input_ids"]))
        for words in (rows["source"], rows["target"])
    )
    assert len(rows["target"]) == 15
    assert drawn == source + Counter({ids: 7 * number for ids, number in target.items()})
    # The circus numbers persons 1 and 2 and animals 3 and 4, the zoo animals 1 and 2 and has no person.
    assert {label for row in examples.train for label in row["labels"]} == {-100, 0, 1, 2, 3, 4}
    assert {label for row in examples.train.data.to_pylist()[:24] for label in row["labels"]} == {-100, 0, 1, 2}


def test_what_labels_share_is_taken_over_and_the_rest_is_new(run, tiny_model, zoo, circus, tmp_path):
    record = run(tmp_path / "run", setting="pre_train_then_fine_tune", source_cache=str(tmp_path / "cache"))
    (folder,) = (tmp_path / "cache").iterdir()
    source, target = get_domain(circus), get_domain(zoo)
    torch.manual_seed(1)
    model = EncoderTaggers(tiny_model("bert")).build(target)
    fresh = {name: value.clone() for name, value in model.state_dict().items()}
    transfer = Transfer(folder, source, target)
    transfer.into_model(model)
    trained, now = load_file(folder / "model.safetensors"), model.state_dict()
    for name in now:
        if name.startswith("bert."):
            assert torch.equal(now[name], trained[name])
    for i, label in enumerate(target.labels):
        expected = (trained, source.labels.index(label)) if label in source.labels else (fresh, i)
        for name in ("classifier.weight", "classifier.bias"):
            assert torch.equal(now[name][i], expected[0][name][expected[1]]), label

    optimizer = torch.optim.AdamW(model.parameters(), lr=0.25)
    transfer.into_optimizer(optimizer, model)
    moments = load_file(folder / OPTIMIZER_FILE)
    for name, parameter in model.named_parameters():
        state = optimizer.state[parameter]
        assert state["step"] == moments[f"{name}/step"] == 6  # two epochs of three batches
        for what in ("exp_avg", "exp_avg_sq"):
            saved = moments[f"{name}/{what}"]
            if name.startswith("bert."):
                assert torch.equal(state[what], saved)
            else:
                rows = {target.labels[i]: state[what][i] for i in range(len(target.labels))}
                assert all(torch.equal(rows[label], saved[i]) for i, label in enumerate(source.labels) if label in rows)
                assert not rows["B-place"].any()
    assert optimizer.param_groups[0]["lr"] == 0.25
    assert record.source.dev["conlleval"].overall.support > 10


def test_a_source_stage_is_trained_once_for_all_that_share_it_and_gives_one_result(run, tmp_path):
    cache = tmp_path / "cache"
    options = {"setting": "pre_train_then_fine_tune", "source_cache": str(cache)}
    first = run(tmp_path / "first", **options)
    (folder,) = cache.iterdir()
    written = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    run(tmp_path / "again", **options)
    run(tmp_path / "few", num_sentences=5, num_train_epochs=1, **options)
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == written
    assert len(list(cache.iterdir())) == 1
    assert same_weights(tmp_path / "first", tmp_path / "again")
    run(tmp_path / "official", source_head="target", **options)
    run(tmp_path / "seed", seed=666, **options)
    run(tmp_path / "longer", source_epochs=1, **options)
    assert len(list(cache.iterdir())) == 4
    shutil.rmtree(cache)
    run(tmp_path / "anew", **options)
    assert same_weights(tmp_path / "first", tmp_path / "anew")
    source = first.source
    assert (source.domain, source.head, source.epochs, source.optimizer) == ("circus", "source", 2.0, "carried")
    assert set(source.data_sha256) == {"train", "validation", "test"}


def test_an_incomplete_source_stage_is_trained_again(run, tmp_path, caplog):
    stage_of = {"setting": "pre_train_then_fine_tune", "source_cache": str(tmp_path / "sources"), "num_train_epochs": 1}
    run(tmp_path / "one", **stage_of)
    (stage,) = (tmp_path / "sources").iterdir()
    for damage in ("record.json", "optimizer.safetensors", "model.safetensors"):
        content = bytearray((stage / damage).read_bytes())
        content[-4:] = bytes(byte ^ 0xFF for byte in content[-4:])
        (stage / damage).write_bytes(content)
        caplog.clear()
        run(tmp_path / damage, **stage_of)
        assert same_weights(tmp_path / "one", tmp_path / damage)
        assert f"{stage}: the model kept there" in caplog.text
        assert (stage / "record.json.broken").is_file()
        assert json.loads((stage / "record.json").read_text())["kind"] == "source_stage"


def test_carried_and_fresh_moments_and_both_heads_give_other_results(run, tmp_path):
    options = {"setting": "pre_train_then_fine_tune", "num_train_epochs": 1}
    run(tmp_path / "carried", **options)
    run(tmp_path / "fresh", source_optimizer="fresh", **options)
    run(tmp_path / "head", source_head="target", **options)
    assert not same_weights(tmp_path / "carried", tmp_path / "fresh")
    assert not same_weights(tmp_path / "carried", tmp_path / "head")


def test_a_break_in_the_source_stage_or_after_it_changes_nothing(run, tmp_path, monkeypatch):
    options = {"setting": "pre_train_then_fine_tune"}
    run(tmp_path / "whole", source_cache=str(tmp_path / "c0"), **options)
    import crossner_hf.finetuning.source_stage as module

    for number, name in enumerate(["save_optimizer", "tagged_split"]):
        cache = {"source_cache": str(tmp_path / f"c{number + 1}")}
        with monkeypatch.context() as patch:

            def stop(*args, **kwargs):
                raise KeyboardInterrupt

            patch.setattr(module, name, stop)
            with pytest.raises(KeyboardInterrupt):
                run(tmp_path / name, **cache, **options)
        record = run(tmp_path / name, resume=True, **cache, **options)
        assert same_weights(tmp_path / name, tmp_path / "whole")
        assert record.setting == "pre_train_then_fine_tune"


@pytest.mark.parametrize("setting", ["pre_train_then_fine_tune", "joint"])
def test_a_run_of_each_setting_stopped_at_a_checkpoint_goes_on_to_the_same_result(run, tmp_path, setting):
    run(tmp_path / "whole", setting=setting, target_repeats=3)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut", setting=setting, target_repeats=3, callbacks=[StopAtCheckpoint(1)])
    run(tmp_path / "cut", setting=setting, target_repeats=3, resume=True)
    assert same_weights(tmp_path / "whole", tmp_path / "cut")


def test_dev_scoring_and_patience_count_in_steps_too(run, tmp_path):
    record = run(
        tmp_path / "run",
        setting="joint",
        target_repeats=3,
        eval_strategy="steps",
        eval_steps=2,
        save_strategy="steps",
        save_steps=2,
        early_stopping_patience=2,
        num_train_epochs=50,
        learning_rate=1e-9,
    )
    assert record.steps == 6  # the first score is the best, two more do not better it
    assert record.setting == "joint"
    assert record.source.target_repeats == 3
    assert set(record.source.data_sha256) == {"train", "validation", "test"}


def test_predictions_beside_the_record_give_its_test_scores(run, zoo, tmp_path):
    record = run(tmp_path / "run", num_sentences=20, few_shot_draw="seeded")
    assert record.few_shot == FewShotSample(sentences=20, draw="seeded")
    kept = json.loads((tmp_path / "run" / PREDICTIONS_FILE).read_text(encoding="utf-8"))
    domain = get_domain(zoo)
    assert (kept["domain"], kept["entity_types"]) == ("zoo", ["animal", "place"])
    predicted = [[domain.labels[i] for i in ids] for ids in kept["test"]]
    gold = [[domain.labels[i] for i in ids] for ids in Task({"target": domain}, "").rows("target", "test")["ner_tags"]]
    assert score(predicted, gold)["conlleval"]["overall"] == record.scores["test"]["conlleval"].overall.model_dump()
    assert len((tmp_path / "run" / PREDICTIONS_FILE).read_text().splitlines()) == len(gold) + 3


def test_the_record_names_the_pre_training_of_its_encoder(run, tiny_model, zoo_text, tmp_path):
    from crossner_hf.corpora.corpus import Corpus
    from crossner_hf.pretraining.arguments import DaptArguments
    from crossner_hf.pretraining.dapt import dapt

    args = DaptArguments(
        output_dir=str(tmp_path / "dapt"),
        block_size=16,
        num_train_epochs=1,
        percent=50,
        use_cpu=True,
        held_out=0,
        level="domain",
    )
    options = dapt(Corpus(str(zoo_text)), tiny_model("bert"), args)
    record = run(tmp_path / "run", model=str(tmp_path / "dapt"), num_train_epochs=1)
    pre_training = record.encoder.dapt
    assert pre_training == options.as_pre_training()
    assert (pre_training.start, pre_training.level, pre_training.masking) == ("bert", "domain", "span")
    assert (pre_training.percent, pre_training.tokens_seen) == (50, options.tokens_seen)
    assert run(tmp_path / "plain", num_train_epochs=1).encoder.dapt is None
