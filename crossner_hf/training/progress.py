"""The progress of a run: one bar with loss and dev F1 on a terminal, a line an epoch elsewhere; and its duration."""

import sys
import time

from tqdm.auto import tqdm
from transformers import PrinterCallback, ProgressCallback, Trainer, TrainerCallback
from transformers.trainer_callback import ExportableState


class RunProgress(TrainerCallback):
    """Optimizer steps as a bar; behind it the last loss, the last dev F1 and the best with its epoch."""

    def __init__(self):
        self.bar = None
        self.loss = None
        self.best = (0.0, 0.0)  # F1, epoch

    def on_train_begin(self, args, state, control, **kwargs):
        if not state.is_world_process_zero:
            return
        self.best = (100 * (state.best_metric or 0.0), 0.0)
        if sys.stderr.isatty():
            self.bar = tqdm(total=state.max_steps, initial=state.global_step, desc="fine-tuning", unit="step")

    def on_step_end(self, args, state, control, **kwargs):
        if self.bar is not None:
            self.bar.update(state.global_step - self.bar.n)

    def on_log(self, args, state, control, logs=None, **kwargs):
        self.loss = (logs or {}).get("loss", self.loss)

    def on_evaluate(self, args, state, control, metrics=None, **kwargs):
        if not state.is_world_process_zero or "eval_conlleval_f1" not in (metrics or {}):
            return
        f1 = 100 * metrics["eval_conlleval_f1"]
        self.best = max(self.best, (f1, -state.epoch))
        loss = f"loss {float(self.loss):.3f}  " if self.loss is not None else ""
        said = f"epoch {state.epoch:g}  {loss}dev F1 {f1:.2f}  best {self.best[0]:.2f}"
        if self.bar is not None:
            self.bar.set_description(said)
        else:
            print(said, file=sys.stderr, flush=True)

    def on_train_end(self, args, state, control, **kwargs):
        if self.bar is not None:
            self.bar.close()


class RunClock(TrainerCallback, ExportableState):
    """Seconds of training. Checkpoints hold them, so a resumed run counts on; what a kill lost is not in them."""

    def __init__(self, seconds: float = 0.0):
        self.before = seconds
        self.begun: float | None = None

    @property
    def seconds(self) -> float:
        return self.before + (0.0 if self.begun is None else time.perf_counter() - self.begun)

    def on_train_begin(self, args, state, control, **kwargs):
        self.begun = time.perf_counter()

    def state(self) -> dict:
        return {"args": {"seconds": self.seconds}, "attributes": {}}


def show_progress(trainer: Trainer) -> None:
    """Put `RunProgress` in the place of the Trainer's own bars, unless `disable_tqdm` asks for its plain lines."""
    if trainer.args.disable_tqdm:
        return
    for own in (ProgressCallback, PrinterCallback):
        trainer.remove_callback(own)
    trainer.add_callback(RunProgress)
