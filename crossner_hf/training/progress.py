"""Progress of a run: one bar with its scores on a terminal, lines elsewhere; and its duration."""

import sys
import time
from typing import Any

from tqdm.auto import tqdm
from transformers import PrinterCallback, ProgressCallback, Trainer, TrainerCallback, TrainerState
from transformers.trainer_callback import ExportableState

from crossner_hf.display import is_terminal, plain, say

SECONDS_BETWEEN_LINES = 30.0  # so that with steps of up to half a minute a line comes at least once a minute


class Progress(TrainerCallback):
    """A bar of optimizer steps; where stderr is no terminal, a line for each evaluation, and between them by time.

    `task` says what is being done, in bar and lines.
    """

    clock = staticmethod(time.monotonic)

    def __init__(self, task: str):
        self.task = plain(task)
        self.bar: Any = None
        self.loss: float | None = None
        self.last_line = self.clock()

    def summary(self, state: TrainerState, metrics: dict[str, float]) -> str | None:
        """What is shown of an evaluation; None for nothing."""
        return None

    def on_train_begin(self, args: Any, state: TrainerState, control: Any, **kwargs: Any) -> None:
        self.last_line = self.clock()
        if state.is_world_process_zero and is_terminal(sys.stderr):
            self.bar = tqdm(total=state.max_steps, initial=state.global_step, desc=self.task, unit="step")

    def on_step_end(self, args: Any, state: TrainerState, control: Any, **kwargs: Any) -> None:
        if self.bar is not None:
            self.bar.update(state.global_step - self.bar.n)
        elif self.clock() - self.last_line >= SECONDS_BETWEEN_LINES:
            self._line(state, f"{self.task}: step {state.global_step}/{state.max_steps}  epoch {state.epoch or 0:.2f}")

    def on_substep_end(self, args: Any, state: TrainerState, control: Any, **kwargs: Any) -> None:
        self.on_step_end(args, state, control)

    on_prediction_step = on_substep_end

    def on_log(self, args: Any, state: TrainerState, control: Any, **kwargs: Any) -> None:
        logs = kwargs.get("logs") or {}
        if "loss" in logs:
            self.loss = float(logs["loss"])

    def on_evaluate(self, args: Any, state: TrainerState, control: Any, **kwargs: Any) -> None:
        text = self.summary(state, kwargs.get("metrics") or {})
        if text is not None and self.bar is not None:
            self.bar.set_description(text)
        elif text is not None:
            self._line(state, text)

    def on_train_end(self, args: Any, state: TrainerState, control: Any, **kwargs: Any) -> None:
        if self.bar is not None:
            self.bar.close()

    def _line(self, state: TrainerState, text: str) -> None:
        self.last_line = self.clock()
        if state.is_world_process_zero and sys.stderr is not None:
            say(text, file=sys.stderr, flush=True)

    def _loss_text(self) -> str:
        return "" if self.loss is None else f"loss {self.loss:.3f}  "


class FineTuningProgress(Progress):
    """The last loss, the last dev F1 and the best one; where no dev is scored, the loss alone."""

    def __init__(self, task: str = "fine-tuning"):
        super().__init__(task)
        self.best = 0.0

    def on_train_begin(self, args: Any, state: TrainerState, control: Any, **kwargs: Any) -> None:
        self.best = 100 * (state.best_metric or 0.0)
        super().on_train_begin(args, state, control, **kwargs)

    def on_log(self, args: Any, state: TrainerState, control: Any, **kwargs: Any) -> None:
        super().on_log(args, state, control, **kwargs)
        if args.eval_strategy == "no" and "loss" in (kwargs.get("logs") or {}) and self.bar is None:
            self._line(state, f"{self.task}: epoch {state.epoch:.2g}  {self._loss_text()}".rstrip())

    def summary(self, state: TrainerState, metrics: dict[str, float]) -> str | None:
        if "eval_conlleval_f1" not in metrics:
            return None
        f1 = 100 * metrics["eval_conlleval_f1"]
        self.best = max(self.best, f1)
        return f"epoch {state.epoch:g}  {self._loss_text()}dev F1 {f1:.2f}  best {self.best:.2f}"


class DaptProgress(Progress):
    """Tokens seen, the last loss and the held-out perplexities."""

    def __init__(self) -> None:
        super().__init__("pre-training")

    def summary(self, state: TrainerState, metrics: dict[str, float]) -> str | None:
        if not metrics:
            return None
        shown = [f"{name[5:-11]} {value:.2f}" for name, value in metrics.items() if name.endswith("_perplexity")]
        done = f"step {state.global_step}/{state.max_steps}  {state.num_input_tokens_seen:,} tokens"
        return f"{done}  {self._loss_text()}perplexity {'  '.join(shown)}"


class RunClock(TrainerCallback, ExportableState):
    """Seconds of training. Checkpoints hold them, so a resumed run counts on; what a kill lost is not in them."""

    def __init__(self, seconds: float = 0.0):
        self.before = seconds
        self.begun: float | None = None

    @property
    def seconds(self) -> float:
        return self.before + (0.0 if self.begun is None else time.perf_counter() - self.begun)

    def on_train_begin(self, args: Any, state: TrainerState, control: Any, **kwargs: Any) -> None:
        self.begun = time.perf_counter()

    def state(self) -> dict[str, Any]:
        return {"args": {"seconds": self.seconds}, "attributes": {}}


def show_progress(trainer: Trainer, progress: Progress) -> None:
    """Put `progress` in the place of the Trainer's own bars, unless `disable_tqdm` asks for its plain lines."""
    if trainer.args.disable_tqdm:
        return
    for own in (ProgressCallback, PrinterCallback):
        trainer.remove_callback(own)
    trainer.add_callback(progress)
