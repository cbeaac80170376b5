"""Joint training of the cross-domain language model: adaptations, breaks, what the arguments allow."""

import json
from collections import Counter
from dataclasses import replace

import pytest
import torch
from training_fixtures import SMALL, StopAtCheckpoint, same_weights, write_circus
from transformers import AutoModelForTokenClassification, TrainerCallback

from crossner_hf.corpora.corpus import Corpus
from crossner_hf.finetuning.arguments import FineTuningArguments
from crossner_hf.finetuning.fine_tune import fine_tune
from crossner_hf.finetuning.optimizer_switch import RMSpropThenSGD
from crossner_hf.finetuning.presets import preset
from crossner_hf.finetuning.task import Task
from crossner_hf.finetuning.tokenized_dataset import stage_examples, translate
from crossner_hf.finetuning.trainer import TaggerTrainer
from crossner_hf.schema import get_domain
from crossner_hf.tagger.tagger import Tagger

# No scoring and no checkpoint before the end.
AT_ONCE = {"eval_strategy": "no", "save_strategy": "no", "load_best_model_at_end": False}
FAST = {**AT_ONCE, "optim": "adamw_torch", "learning_rate": 0.02, "lr_decay": 0.0, "num_train_epochs": 6}


@pytest.fixture(scope="module")
def circus(tmp_path_factory, write_zoo):
    """The source domain."""
    return write_circus(write_zoo(tmp_path_factory.mktemp("source") / "circus"))


@pytest.fixture(scope="module")
def run(zoo, circus, zoo_text, tiny_vectors):
    """Trains on the zoo with the circus as source; gives the record."""

    def run(folder, *, resume=False, callbacks=(), **changes):
        values = {
            **preset("cross-domain-lm"),
            "tagger": "cross-domain-lm",
            "config_overrides": f"{SMALL},task_dim=4,domain_dim=4,num_draws=8",
            "setting": "joint",
            "source": str(circus),
            "target_repeats": 2,
            "per_device_train_batch_size": 12,
            "num_train_epochs": 2,
            "use_cpu": True,
            "disable_tqdm": True,
            **changes,
        }
        if values.get("adaptation", "supervised") != "supervised":
            values |= {"target_text": [str(zoo_text)], "source_text": [str(zoo_text)], "text_sentences": 30}
        args = FineTuningArguments(output_dir=str(folder), **values)
        return fine_tune(zoo, tiny_vectors, args, resume=resume, callbacks=callbacks)

    return run


# Of batches with all streams, and of batches of one stream in turn.
@pytest.mark.parametrize(
    "values", [{"adaptation": "combined"}, {"tagger": "multi-cell-lstm", "config_overrides": SMALL}]
)
def test_a_run_stopped_within_an_epoch_goes_on_to_the_same_result(run, tmp_path, values):
    values = {"eval_strategy": "steps", "eval_steps": 3, "save_strategy": "steps", "save_steps": 3, **values}
    record = run(tmp_path / "whole", **values)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "broken", callbacks=[StopAtCheckpoint(1.1)], **values)
    (checkpoint,) = sorted((tmp_path / "broken").glob("checkpoint-*"), key=lambda folder: folder.stat().st_mtime)[-1:]
    assert json.loads((checkpoint / "trainer_state.json").read_text())["epoch"] not in (1, 2)
    resumed = run(tmp_path / "broken", resume=True, **values)
    assert resumed.resumed
    assert resumed.scores == record.scores
    assert same_weights(tmp_path / "whole", tmp_path / "broken")
    raw = {"source_text_sha256", "target_text_sha256"} & record.arguments.given().keys()
    assert len(raw) == (2 if "adaptation" in values else 0)
    assert ("zoo.txt" in record.as_json()) == ("adaptation" in values)
    config = AutoModelForTokenClassification.from_pretrained(tmp_path / "whole").config
    assert config.source_labels is not None
    assert getattr(config, "source_weight", 0.8) == 0.8


def test_it_learns_the_target_with_the_source(run, tmp_path):
    record = run(tmp_path / "run", **FAST)
    assert record.scores["validation"]["conlleval"].overall.f1 > 0.5
    tagged = list(Tagger.from_pretrained(str(tmp_path / "run")).tag_words([["a", "red", "panda", "in", "Paris"]]))
    assert len(tagged[0].labels) == 5


def test_without_labels_of_the_target_only_types_of_the_source_are_found(run, tmp_path):
    record = run(tmp_path / "run", adaptation="unsupervised", **FAST)
    by_type = record.scores["validation"]["conlleval"].per_type
    assert by_type["animal"].f1 > 0.5  # which the circus has
    assert by_type["place"].f1 == 0  # which it does not


def test_types_of_the_source_become_what_the_file_says(run, tmp_path):
    types = tmp_path / "types.tsv"
    with pytest.raises(ValueError, match=r"types\.tsv: no such file; it has a type of circus, a tab and a type of zoo"):
        run(tmp_path / "run", adaptation="unsupervised", source_types=str(types), **FAST)
    types.write_text("person\tplace\n")  # what is a person in the circus is a place in the zoo
    record = run(tmp_path / "run", adaptation="unsupervised", source_types=str(types), **FAST)
    by_type = record.scores["validation"]["conlleval"].per_type
    assert by_type["place"].f1 > 0.5
    assert list(record.arguments.given()["source_types_sha256"]) == ["types.tsv"]


def test_without_labels_of_the_target_the_source_chooses_the_epoch(zoo, circus, zoo_text, tiny_vectors, tmp_path):
    args = FineTuningArguments(
        output_dir=str(tmp_path),
        tagger="cross-domain-lm",
        setting="joint",
        adaptation="unsupervised",
        target_text=[str(zoo_text)],
    )
    domains = {"target": get_domain(zoo), "source": get_domain(str(circus))}
    task = Task(domains, tiny_vectors, choice=args.tagger_choice(), raw=args.raw_text(), most_raw=5)
    tagger = task.new_tagger("target")
    examples = stage_examples(*args.stages(), task, tagger.config, args)
    assert set(examples.dev.rows["domain_ids"]) == {1}
    of_source = task.rows("source", "validation")["ner_tags"]
    assert examples.dev.gold == translate(of_source, domains["source"], domains["target"])
    sampler = TaggerTrainer(tagger, args, task.tokenizer, examples)._get_train_sampler()
    sizes = Counter(zip(examples.train["domain_ids"], (max(row) >= 0 for row in examples.train["labels"]), strict=True))
    assert sizes == {(1, True): len(task.rows("source", "train")["tokens"]), (0, False): 5}
    assert sampler.draws == [sizes[1, True]] * 2
    drawn = Counter(examples.train[row]["domain_ids"] for row in sampler)
    assert drawn == {1: sizes[1, True], 0: sizes[1, True]}


def test_raw_text_has_no_sentence_of_a_dev_or_test_set_of_either_domain(circus, write_zoo, tiny_vectors, tmp_path):
    words = ["the", "old", "red", "panda", "of", "the", "zoo", "in", "Lisbon", "sleeps"]
    zoo = get_domain(str(write_zoo(tmp_path / "zoo", [(words, ["O"] * len(words))])))
    text = tmp_path / "text.txt"
    text.write_text(" ".join(words) + ".\nA sentence that is in no other file of this test.\n", encoding="utf-8")
    task = Task({"target": zoo, "source": get_domain(str(circus))}, tiny_vectors, raw={"source": Corpus((str(text),))})
    assert [" ".join(sentence) for sentence in replace(task, most_raw=9).raw_sentences("source")] == [
        "A sentence that is in no other file of this test ."
    ]


def test_rmsprop_gives_way_to_sgd_after_a_dev_score_and_a_resumed_run_knows_it(run, tmp_path):
    rates = []

    class Watch(TrainerCallback):
        def on_step_begin(self, args, state, control, optimizer=None, **kwargs):
            rates.append((optimizer.param_groups[0]["lr"], optimizer.param_groups[0]["sgd"]))

    values = {**preset("cross-domain-lm-unsupervised"), "adaptation": "unsupervised", "sgd_learning_rate": 1e-3}
    values |= {"switch_to_sgd": 0.0, "learning_rate": 0.01, "lr_decay": 0.0, "num_train_epochs": 6}
    record = run(tmp_path / "whole", callbacks=[Watch()], **values)
    switched = rates.index((1e-3, True))
    assert set(rates[:switched]) == {(0.01, False)}
    assert set(rates[switched:]) == {(1e-3, True)}
    per_epoch = len(rates) // 6
    assert switched % per_epoch == 0
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "broken", callbacks=[StopAtCheckpoint(switched // per_epoch)], **values)
    resumed = run(tmp_path / "broken", resume=True, **values)
    assert resumed.resumed
    assert resumed.dev_by_epoch == record.dev_by_epoch
    assert AutoModelForTokenClassification.from_pretrained(tmp_path / "whole").config.source_labels is None
    assert same_weights(tmp_path / "whole", tmp_path / "broken")


def test_sgd_after_rmsprop_is_torchs():
    torch.manual_seed(0)
    start, gradients = torch.randn(3, 2), torch.randn(4, 3, 2)
    mine, theirs = (torch.nn.Parameter(start.clone()) for _ in range(2))
    optimizer = RMSpropThenSGD([mine], lr=0.1, weight_decay=0.01)
    optimizer.param_groups[0].update(sgd=True, lr=0.2)
    stock = torch.optim.SGD([theirs], lr=0.2, weight_decay=0.01)
    for gradient in gradients:
        mine.grad, theirs.grad = gradient.clone(), gradient.clone()
        optimizer.step()
        stock.step()
    torch.testing.assert_close(mine, theirs)


def test_gradients_of_tables_are_sparse_with_sgd_alone_and_clipping_sees_them(run, tmp_path, monkeypatch):
    """Clipping to a small norm, with sparse gradients and with dense ones, gives the same weights."""
    seen = []
    step = TaggerTrainer._get_grad_norm

    def watch(self, model, grad_norm=None):
        seen.append(model.language_model.weight.weight.grad.is_sparse)
        return step(self, model, grad_norm)

    monkeypatch.setattr(TaggerTrainer, "_get_grad_norm", watch)
    run(tmp_path / "sparse", **AT_ONCE)
    assert set(seen) == {True}
    seen.clear()
    monkeypatch.setattr(TaggerTrainer, "_sparse_tables", lambda self: [])
    run(tmp_path / "dense", **AT_ONCE)
    assert set(seen) == {False}
    one, other = (
        AutoModelForTokenClassification.from_pretrained(tmp_path / name).state_dict() for name in ("sparse", "dense")
    )
    torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def test_the_learning_rate_falls_with_the_epochs(run, tmp_path):
    rates = []

    class Watch(TrainerCallback):
        def on_step_begin(self, args, state, control, optimizer=None, **kwargs):
            rates.append(optimizer.param_groups[0]["lr"])

    run(tmp_path / "run", **AT_ONCE, num_train_epochs=3, callbacks=[Watch()])
    expected = [0.015 / (1 + 0.05 * epoch) for epoch in range(3) for _ in range(len(rates) // 3)]
    assert rates == pytest.approx(expected)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"adaptation": "both"}, "adaptation must be one of supervised, combined, unsupervised, got 'both'"),
        ({"adaptation": "combined", "setting": "joint"}, "needs raw text of the target; give --target-text"),
        ({"target_text": ["x"], "setting": "joint"}, "supervised adaptation reads no raw text"),
        ({"target_text": ["x"]}, "are for --setting joint --tagger cross-domain-lm"),
        ({"adaptation": "combined", "tagger": "coach", "setting": "joint"}, "are for --setting joint"),
        ({"adaptation": "combined", "tagger": "multi-cell-lstm", "setting": "joint"}, "--tagger cross-domain-lm"),
        ({"target_text": ["x"], "tagger": "multi-cell-lstm", "setting": "joint"}, "--tagger cross-domain-lm"),
        (
            {"adaptation": "unsupervised", "setting": "joint", "target_text": ["x"], "num_sentences": 9},
            "num_sentences: adaptation=unsupervised learns from no labelled sentence of the target",
        ),
        ({"text_sentences": 0}, "text_sentences must be at least 1, got 0"),
        ({"lr_decay": -1}, "lr_decay must be a number of at least 0, got -1"),
        ({"lr_decay": 0.1, "lr_scheduler_type": "linear"}, "lr_decay is a schedule of its own"),
        ({"lr_decay": 0.1, "warmup_steps": 10}, "lr_decay is a schedule of its own"),
        ({"switch_to_sgd": 72}, "needs --optim rmsprop, got 72 with adamw_torch"),
        ({"switch_to_sgd": 101, "optim": "rmsprop"}, "is a dev F1 from 0 to 100"),
        ({"sgd_learning_rate": 0}, "sgd_learning_rate must be more than 0, got 0"),
        ({"source_types": "x.tsv"}, "source_types and source_names are for --adaptation unsupervised"),
        (
            {"adaptation": "unsupervised", "setting": "joint", "target_text": ["x"], "source_names": ["x.tsv"]},
            "give --source-types too",
        ),
    ],
)
def test_arguments_that_do_not_go_together_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        FineTuningArguments(output_dir="x", **{"tagger": "cross-domain-lm", **values})
