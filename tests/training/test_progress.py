"""Progress lines where stderr is no terminal: one for each evaluation, and at least one a minute in between."""

import sys
from types import SimpleNamespace

import pytest

from crossner_hf.training.progress import DaptProgress, FineTuningProgress, Progress


class Clock:
    """A clock that the test moves."""

    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    monkeypatch.setattr(Progress, "clock", clock := Clock())
    return clock


def state(step=0, **changes):
    values = {"global_step": step, "max_steps": 1000, "epoch": step / 100, "is_world_process_zero": True}
    return SimpleNamespace(**{**values, "best_metric": None, "num_input_tokens_seen": 1_000 * step, **changes})


EPOCHS = SimpleNamespace(eval_strategy="epoch")


@pytest.mark.parametrize("seconds", [0.1, 7, 29])
def test_a_line_comes_at_least_once_a_minute_within_an_epoch(clock, capsys, seconds):
    progress = FineTuningProgress("source stage, circus")
    progress.on_train_begin(EPOCHS, state(), None)
    steps, times = int(600 / seconds), []
    for step in range(1, steps + 1):
        clock.now += seconds
        progress.on_step_end(EPOCHS, state(step), None)
        lines = capsys.readouterr().err.splitlines()
        times += [clock.now] * len(lines)
        assert all(line.startswith(f"source stage, circus: step {step}/1000  epoch ") for line in lines)
    gaps = [after - before for before, after in zip([0.0, *times], [*times, clock.now], strict=True)]
    assert max(gaps) <= 60
    assert len(times) <= 600 / 29


@pytest.mark.parametrize("hook", ["on_substep_end", "on_prediction_step"])
def test_lines_come_during_accumulation_and_evaluation_too(clock, capsys, hook):
    progress = DaptProgress()
    progress.on_train_begin(EPOCHS, state(), None)
    clock.now = 31
    getattr(progress, hook)(EPOCHS, state(5), None)
    assert capsys.readouterr().err == "pre-training: step 5/1000  epoch 0.05\n"


def test_an_evaluation_has_its_line_which_counts_for_the_minute(clock, capsys):
    progress = FineTuningProgress()
    progress.on_train_begin(EPOCHS, state(), None)
    progress.on_log(EPOCHS, state(1), None, logs={"loss": 0.5})
    clock.now = 29
    progress.on_evaluate(EPOCHS, state(100), None, metrics={"eval_conlleval_f1": 0.25})
    clock.now = 40
    progress.on_step_end(EPOCHS, state(101), None)
    assert capsys.readouterr().err == "epoch 1  loss 0.500  dev F1 25.00  best 25.00\n"


def test_only_the_first_process_prints(clock, capsys):
    progress = DaptProgress()
    progress.on_train_begin(EPOCHS, state(is_world_process_zero=False), None)
    clock.now = 100
    progress.on_step_end(EPOCHS, state(5, is_world_process_zero=False), None)
    progress.on_evaluate(EPOCHS, state(5, is_world_process_zero=False), None, metrics={"eval_span_perplexity": 2.0})
    assert capsys.readouterr().err == ""


def test_a_closed_stderr_shows_nothing(clock, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)  # what Python gives for a stream that was closed before it started
    progress = FineTuningProgress()
    progress.on_train_begin(EPOCHS, state(), None)
    clock.now = 31
    progress.on_step_end(EPOCHS, state(5), None)
    assert progress.bar is None
    assert capsys.readouterr().out == ""
