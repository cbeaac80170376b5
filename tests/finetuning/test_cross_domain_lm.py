"""Joint training of the cross-domain language model: adaptations, breaks, what the arguments allow."""

import pytest
import torch
from training_fixtures import SMALL, StopAtCheckpoint, same_weights, write_circus
from transformers import AutoModelForTokenClassification, TrainerCallback

from crossner_hf.finetuning.arguments import FineTuningArguments, preset
from crossner_hf.finetuning.fine_tune import fine_tune
from crossner_hf.finetuning.trainer import TaggerTrainer
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


@pytest.mark.parametrize("adaptation", ["combined", "unsupervised"])
def test_a_run_stopped_within_an_epoch_goes_on_to_the_same_result(run, tmp_path, adaptation):
    steps = {"eval_strategy": "steps", "eval_steps": 4, "save_strategy": "steps", "save_steps": 4}
    record = run(tmp_path / "whole", adaptation=adaptation, **steps)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "broken", adaptation=adaptation, callbacks=[StopAtCheckpoint(1.3)], **steps)
    resumed = run(tmp_path / "broken", adaptation=adaptation, resume=True, **steps)
    assert resumed.resumed
    assert resumed.scores == record.scores
    assert same_weights(tmp_path / "whole", tmp_path / "broken")
    raw = {"source_text_sha256", "target_text_sha256"} & record.arguments.given().keys()
    assert len(raw) == 2
    assert "zoo.txt" in record.as_json()
    model = AutoModelForTokenClassification.from_pretrained(tmp_path / "whole")
    assert (model.config.source_labels is None) == (adaptation == "unsupervised")
    assert model.config.source_weight == {"combined": 0.8}.get(adaptation, 1.0)


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
        ({"text_sentences": 0}, "text_sentences must be at least 1, got 0"),
        ({"lr_decay": -1}, "lr_decay must be a number of at least 0, got -1"),
    ],
)
def test_arguments_that_do_not_go_together_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        FineTuningArguments(output_dir="x", **{"tagger": "cross-domain-lm", **values})
