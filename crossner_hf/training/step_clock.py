"""Measures the optimizer steps of a training: their seconds and their tokens."""

import time
from typing import Any

from transformers import TrainerCallback, TrainerState


class StepClock(TrainerCallback):
    """Seconds of the optimizer steps, without evaluation and saving, and their number of tokens."""

    def __init__(self) -> None:
        self.seconds, self.tokens = 0.0, 0
        self._begun: float | None = None
        self._before = 0

    def on_train_begin(self, args: Any, state: TrainerState, control: Any, **kwargs: Any) -> None:
        self._begun, self._before = None, state.num_input_tokens_seen

    def on_step_begin(self, args: Any, state: TrainerState, control: Any, **kwargs: Any) -> None:
        if self._begun is None:
            self._begun = time.perf_counter()

    def on_step_end(self, args: Any, state: TrainerState, control: Any, **kwargs: Any) -> None:
        now = time.perf_counter()
        self.seconds += now - (self._begun or now)
        self.tokens += state.num_input_tokens_seen - self._before
        self._begun, self._before = now, state.num_input_tokens_seen

    def on_evaluate(self, args: Any, state: TrainerState, control: Any, **kwargs: Any) -> None:
        self._begun = None

    on_save = on_evaluate
