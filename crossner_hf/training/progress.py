"""The progress of a run: one bar with its scores on a terminal, a line a scoring elsewhere; and its duration."""

import sys
import time

from tqdm.auto import tqdm
from transformers import PrinterCallback, ProgressCallback, Trainer, TrainerCallback
from transformers.trainer_callback import ExportableState


class Progress(TrainerCallback):
    """Optimizer steps as a bar; behind it what `said_of` makes of the last evaluation."""

    task = "training"

    def __init__(self):
        self.bar = None
        self.loss = None

    def said_of(self, state, metrics: dict[str, float]) -> str | None:
        """What is said of an evaluation; None where there is nothing to say."""
        return None

    def on_train_begin(self, args, state, control, **kwargs):
        if state.is_world_process_zero and sys.stderr.isatty():
            self.bar = tqdm(total=state.max_steps, initial=state.global_step, desc=self.task, unit="step")

    def on_step_end(self, args, state, control, **kwargs):
        if self.bar is not None:
            self.bar.update(state.global_step - self.bar.n)

    def on_log(self, args, state, control, logs=None, **kwargs):
        self.loss = (logs or {}).get("loss", self.loss)

    def on_evaluate(self, args, state, control, metrics=None, **kwargs):
        said = self.said_of(state, metrics or {}) if state.is_world_process_zero else None
        if said is None:
            return
        if self.bar is not None:
            self.bar.set_description(said)
        else:
            print(said, file=sys.stderr, flush=True)

    def on_train_end(self, args, state, control, **kwargs):
        if self.bar is not None:
            self.bar.close()


class RunProgress(Progress):
    """Of fine-tuning: the last loss, the last dev F1 and the best one; where no dev is scored, the loss alone."""

    def __init__(self, task: str = "fine-tuning"):
        super().__init__()
        self.task = task
        self.best = 0.0

    def on_train_begin(self, args, state, control, **kwargs):
        self.best = 100 * (state.best_metric or 0.0)
        super().on_train_begin(args, state, control, **kwargs)

    def on_log(self, args, state, control, logs=None, **kwargs):
        super().on_log(args, state, control, logs, **kwargs)
        if args.eval_strategy == "no" and "loss" in (logs or {}) and state.is_world_process_zero and self.bar is None:
            print(f"{self.task}: epoch {state.epoch:.2g}  loss {float(self.loss):.3f}", file=sys.stderr, flush=True)

    def said_of(self, state, metrics):
        if "eval_conlleval_f1" not in metrics:
            return None
        f1 = 100 * metrics["eval_conlleval_f1"]
        self.best = max(self.best, f1)
        loss = f"loss {float(self.loss):.3f}  " if self.loss is not None else ""
        return f"epoch {state.epoch:g}  {loss}dev F1 {f1:.2f}  best {self.best:.2f}"


class DaptProgress(Progress):
    """Of pre-training: pieces seen, the last loss and the held-out perplexities."""

    task = "pre-training"

    def said_of(self, state, metrics):
        if not metrics:
            return None
        loss = f"loss {float(self.loss):.3f}  " if self.loss is not None else ""
        shown = [f"{name[5:-11]} {value:.2f}" for name, value in metrics.items() if name.endswith("_perplexity")]
        done = f"step {state.global_step}/{state.max_steps}  {state.num_input_tokens_seen:,} pieces"
        return f"{done}  {loss}perplexity {'  '.join(shown)}"


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


def show_progress(trainer: Trainer, progress: Progress) -> None:
    """Put `progress` in the place of the Trainer's own bars, unless `disable_tqdm` asks for its plain lines."""
    if trainer.args.disable_tqdm:
        return
    for own in (ProgressCallback, PrinterCallback):
        trainer.remove_callback(own)
    trainer.add_callback(progress)
