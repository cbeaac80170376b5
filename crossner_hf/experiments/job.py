"""What one run of a grid does: fine-tuning, or the pre-training of a checkpoint for runs to start from."""

import gc
from pathlib import Path
from threading import Event

from crossner_hf.experiments.grid import Run
from crossner_hf.experiments.grid_entries import Dapt
from crossner_hf.experiments.grid_folder import SOURCES


class Superseded(Exception):
    """The claim was lost: another process has taken the run over."""


class Training:
    """The job of a real run: fine-tuning, or pre-training of a checkpoint."""

    def __init__(self, folder: Path, data_dir: str | Path | None, verify: bool):
        self.folder, self.data_dir, self.verify = folder, data_dir, verify

    def __call__(self, task: Run | Dapt, folder: Path, lost: Event) -> None:
        import torch
        from transformers import TrainerCallback

        class StopWhenLost(TrainerCallback):
            def on_step_end(self, args, state, control, **kwargs):
                if lost.is_set():
                    raise Superseded

        try:
            if isinstance(task, Dapt):
                self._dapt(task, folder, [StopWhenLost()])
            else:
                self._fine_tune(task, folder, [StopWhenLost()])
        finally:
            gc.collect()  # the Trainer and its model point at each other
            if torch.cuda.is_available():
                torch.cuda.empty_cache()

    def _fine_tune(self, run: Run, folder: Path, callbacks: list) -> None:
        from crossner_hf.finetuning.arguments import FineTuningArguments
        from crossner_hf.finetuning.fine_tune import fine_tune

        sources = str(self.folder / SOURCES)
        args = FineTuningArguments(output_dir=str(folder), source_cache=sources, verify=self.verify, **run.arguments)
        model = str(self.folder / "dapt" / run.model.name) if isinstance(run.model, Dapt) else run.model
        fine_tune(run.domain, model, args, data_dir=self.data_dir, resume=True, callbacks=callbacks)

    def _dapt(self, task: Dapt, folder: Path, callbacks: list) -> None:
        from crossner_hf.corpora.corpus import Corpus
        from crossner_hf.pretraining.arguments import DaptArguments
        from crossner_hf.pretraining.dapt import dapt

        names = {"corpus_config": "config", "corpus_split": "split", "text_column": "text_column"}
        corpus = Corpus(task.corpus, **{names[key]: value for key, value in task.about.items() if key in names})
        about = {key: task.about.get(key) for key in ("domain", "level")}
        args = DaptArguments(output_dir=str(folder), **about, **task.arguments)
        dapt(corpus, task.model, args, resume=True, callbacks=callbacks)
