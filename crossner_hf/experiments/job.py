"""Performs one task of a grid: a fine-tuning, a source stage, or the pre-training of a checkpoint to start from."""

import gc
import io
import sys
import threading
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any, TextIO

from crossner_hf.experiments.grid import Run, SourceStage
from crossner_hf.experiments.grid_entries import Dapt
from crossner_hf.experiments.grid_folder import SOURCES, GridFolder, GridTask


def train(task: GridTask, place: GridFolder, data_dir: str | Path | None, verify: bool) -> None:
    """Do one task of a grid in this process, from its last checkpoint on where there is one."""
    import torch
    from tqdm import tqdm
    from transformers.utils import logging

    tqdm.set_lock(threading.RLock())  # its own one is shared by processes and outlives a worker that is killed
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with redirect_stderr(_Named(task.name, sys.stderr)):
            if isinstance(task, Dapt):
                _pre_train(task, place)
            elif isinstance(task, SourceStage):
                _source_stage(task.run, place, data_dir, verify)
            else:
                _fine_tune(task, place, data_dir, verify)
    finally:
        gc.collect()  # the Trainer and its model point at each other
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def _fine_tune(run: Run, place: GridFolder, data_dir: str | Path | None, verify: bool) -> None:
    from crossner_hf.finetuning.fine_tune import fine_tune

    args = run.settings(str(place.of(run)), source_cache=str(place.folder / SOURCES), verify=verify)
    fine_tune(run.domain, _start_of(run, place), args, data_dir=data_dir, resume=True)


def _source_stage(run: Run, place: GridFolder, data_dir: str | Path | None, verify: bool) -> None:
    from crossner_hf.finetuning.source_stage import source_stage
    from crossner_hf.finetuning.task import Task
    from crossner_hf.schema import get_domain

    args = run.settings(source_cache=str(place.folder / SOURCES), verify=verify)
    domains = {"target": get_domain(run.domain), "source": get_domain(args.source)}
    model, few_shot = _start_of(run, place), args.few_shot()
    task = Task(
        domains, model, data_dir, verify, args.random_weights, args.tagger_choice(), few_shot, args.trust_remote_code
    )
    source_stage(args.stages()[0], task, args)


def _start_of(run: Run, place: GridFolder) -> str:
    return str(place.of(run.model)) if isinstance(run.model, Dapt) else run.model


def _pre_train(task: Dapt, place: GridFolder) -> None:
    from crossner_hf.corpora.corpus import Corpus
    from crossner_hf.pretraining.arguments import DaptArguments
    from crossner_hf.pretraining.dapt import dapt

    names = {"corpus_config": "config", "corpus_split": "split", "text_column": "text_column"}
    part: dict[str, Any] = {names[key]: value for key, value in task.about.items() if key in names}
    corpus = Corpus(task.corpus, **part)
    about: dict[str, Any] = {key: task.about.get(key) for key in ("domain", "level")}
    args = DaptArguments(output_dir=str(place.of(task)), **about, **task.arguments)
    dapt(corpus, task.model, args, resume=True)


class _Named(io.TextIOBase):
    """Puts the name of the task before each line, since several tasks write at once."""

    def __init__(self, name: str, stream: TextIO):
        self.name, self.stream, self.line = name, stream, ""

    def write(self, text: str) -> int:
        *lines, self.line = (self.line + text).split("\n")
        self.stream.write("".join(f"{self.name}: {line}\n" for line in lines))
        return len(text)

    def flush(self) -> None:
        self.stream.flush()
