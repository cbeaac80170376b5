"""The collators in real runs of the stock Trainer: epochs, workers, a stop and a resume."""

import warnings

import pytest
import torch
from transformers import AutoConfig, AutoModelForMaskedLM, Trainer, TrainerCallback, TrainingArguments

from crossner_hf.masking import DataCollatorForSpanMasking, MaskingEpoch

ROWS, BATCH, EPOCHS = 20, 4, 3
STEPS = ROWS // BATCH  # of an epoch


class Recording(Trainer):
    """Keeps the batches that it trains on, in order."""

    def training_step(self, model, inputs, *args, **kwargs):
        self.seen = [*getattr(self, "seen", []), (inputs["input_ids"].tolist(), inputs["labels"].tolist())]
        return super().training_step(model, inputs, *args, **kwargs)


class StopAt(TrainerCallback):
    """Ctrl-C after a step."""

    def __init__(self, step: int):
        self.step = step

    def on_save(self, args, state, control, **kwargs):
        if state.global_step == self.step:
            raise KeyboardInterrupt


class InOrder(torch.utils.data.IterableDataset):
    """A stream of rows."""

    def __init__(self, rows):
        self.rows = rows

    def __iter__(self):
        return iter(self.rows)


@pytest.fixture(scope="module")
def rows(random_rows, tokenizer):
    return random_rows(tokenizer(), ROWS, 40)


@pytest.fixture
def trainer(tiny_model, tokenizer, rows, tmp_path):
    """Makes a trainer of a tiny BERT without dropout, fresh and with the same weights every time."""

    def trainer(seed, callbacks=(), settings_given=True, data=rows, folder="run", **changes) -> Recording:
        config = AutoConfig.from_pretrained(tiny_model(), hidden_dropout_prob=0, attention_probs_dropout_prob=0)
        torch.manual_seed(0)
        collator = DataCollatorForSpanMasking(tokenizer(), mlm_probability=0.3, seed=seed)
        options = {
            "output_dir": str(tmp_path / folder),
            "num_train_epochs": EPOCHS,
            "per_device_train_batch_size": BATCH,
            "learning_rate": 1e-3,
            "save_strategy": "no",
            "use_cpu": True,
            "disable_tqdm": True,
        }
        return Recording(
            model=AutoModelForMaskedLM.from_config(config),
            args=TrainingArguments(**options | changes),
            data_collator=collator,
            train_dataset=data,
            callbacks=[*callbacks, *([MaskingEpoch(collator)] if settings_given else [])],
        )

    return trainer


def weights(trainer) -> list:
    return [parameter.tolist() for parameter in trainer.model.parameters()]


def masks_of_epochs(seen) -> list[dict]:
    """For each epoch, the labels of each row by its original tokens: shuffling does not show."""
    epochs = []
    for begin in range(0, len(seen), STEPS):
        epochs.append({})
        for inputs, labels in seen[begin : begin + STEPS]:
            for ids, row in zip(inputs, labels, strict=True):
                epochs[-1][tuple(i if label == -100 else label for i, label in zip(ids, row, strict=True))] = row
    return epochs


def assert_fresh_in_every_epoch(seen, epochs=EPOCHS):
    by_epoch = masks_of_epochs(seen)
    assert len(by_epoch) == epochs
    for number, one in enumerate(by_epoch):
        assert len(one) == ROWS
        for other in by_epoch[:number]:
            assert one.keys() == other.keys()
            assert sum(one[row] == other[row] for row in one) <= 1


def test_without_a_seed_a_stock_trainer_needs_no_callback(trainer):
    runs = []
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*epoch")
        for _ in range(2):
            runs.append(trainer(None, settings_given=False))  # which sets torch's seed
            runs[-1].train()
    first, again = runs
    assert_fresh_in_every_epoch(first.seen)
    assert first.seen == again.seen
    assert weights(first) == weights(again)


def test_a_seeded_run_is_the_same_with_workers_and_after_a_resume(trainer):
    whole = trainer(0)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*epoch")
        whole.train()
    assert_fresh_in_every_epoch(whole.seen)

    workers = trainer(0, dataloader_num_workers=2, dataloader_persistent_workers=True)
    workers.train()
    assert workers.seen == whole.seen
    assert weights(workers) == weights(whole)

    for stop in (STEPS + 2, 2 * STEPS):  # in the second epoch, and at its end
        saved = {"folder": f"stop{stop}", "save_strategy": "steps", "save_steps": stop}
        stopped = trainer(0, [StopAt(stop)], **saved)
        with pytest.raises(KeyboardInterrupt):
            stopped.train()
        assert stopped.seen == whole.seen[:stop]
        resumed = trainer(0, **saved)
        resumed.train(resume_from_checkpoint=True)
        assert resumed.seen == whole.seen[stop:]
        assert weights(resumed) == weights(whole)


def test_epochs_are_counted_over_a_stream_of_unknown_length(trainer, rows):
    run = trainer(0, data=InOrder(rows), max_steps=2 * STEPS)
    run.train()
    assert_fresh_in_every_epoch(run.seen, epochs=2)
    seen, run.seen = run.seen, []
    run.train()  # a second run of the same trainer counts anew
    assert masks_of_epochs(run.seen) == masks_of_epochs(seen)


def test_a_seeded_run_without_the_callback_warns_and_repeats_its_masks(trainer):
    run = trainer(0, settings_given=False, num_train_epochs=2)
    with pytest.warns(UserWarning, match="no epoch was set, so every epoch has the same masks"):
        run.train()
    first, second = masks_of_epochs(run.seen)
    assert first == second
