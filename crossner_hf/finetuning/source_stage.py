"""The source stage of pre-train-then-fine-tune: trained once for an encoder and a seed, kept, shared by all targets."""

import hashlib
import json
import logging
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import broadcast_object_list
from transformers import set_seed

from crossner_hf.data.sources import download_cache
from crossner_hf.finetuning.arguments import FineTuningArguments
from crossner_hf.finetuning.evaluation import tagged_split
from crossner_hf.finetuning.settings import Stage
from crossner_hf.finetuning.task import Task
from crossner_hf.finetuning.tokenized_dataset import stage_examples
from crossner_hf.finetuning.trainer import TaggerTrainer
from crossner_hf.finetuning.transfer import OPTIMIZER_FILE, save_optimizer
from crossner_hf.results.environment import package_versions
from crossner_hf.results.record_files import RECORD_FILE, read_record, write_record
from crossner_hf.results.records import SourceStageRecord
from crossner_hf.tagger.tagger import Tagger
from crossner_hf.training import run_folder
from crossner_hf.training.progress import RunProgress, show_progress
from crossner_hf.training.resume import claimed, train_from, weights_hash
from crossner_hf.training.run_arguments import told_arguments

logger = logging.getLogger(__name__)

CHECKPOINTS = 0.25  # of the stage, between two checkpoints

# Arguments of a run that mean nothing to its source stage, or that the stage sets itself.
_NOT_OF_THE_SOURCE = (
    *("setting", "source", "target_repeats", "num_sentences", "few_shot_draw", "num_train_epochs", "max_steps"),
    *("eval_", "save_", "load_best_model_at_end", "metric_for_best_model", "greater_is_better", "early_stopping"),
)


def source_stage(stage: Stage, task: Task, args: FineTuningArguments) -> tuple[Path, SourceStageRecord]:
    """The folder and the record of the finished source stage of a run; trained now where it is not there.

    The folder's name is a hash of all that shapes the result: data, labels, encoder, arguments, versions. Where another
    process is training the same stage, this one waits for it.
    """
    set_seed(args.seed)
    tagger = task.new_tagger(stage.labels)
    told = {name: value for name, value in told_arguments(args).items() if not name.startswith(_NOT_OF_THE_SOURCE)}
    asked = {
        "domain": task.domains["source"].name,
        "labels": list(task.domains[stage.labels].labels),
        **task.taggers.described(task.domains[stage.labels]),
        "data_sha256": task.checksums("source")["train"],
        "encoder_sha256": weights_hash(tagger),
        **task.taggers.vocabulary(),
        "random_weights": task.random_weights,
        "epochs": stage.epochs,
        "processes": args.world_size * max(1, args.n_gpu),
        "arguments": told,
        "versions": package_versions(),
    }
    key = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:16]
    folder = Path(args.source_cache or download_cache().parent / "sources").expanduser() / key
    own = _stage_arguments(stage, args, told, folder)
    if own.should_save:
        _set_aside_if_damaged(folder, with_optimizer=args.source_optimizer == "carried")
    with claimed(asked, own, resume=True, wait=True) as (finished, checkpoint):
        if finished:
            return folder, finished
        examples = stage_examples(stage, task, tagger.config, own)
        trainer = TaggerTrainer(
            model=tagger, args=own, processing_class=task.tokenizer, train_dataset=examples.train, eval_dataset=None
        )
        show_progress(trainer, RunProgress(f"source stage, {asked['domain']}"))
        seconds = train_from(trainer, checkpoint)
        about = {
            **asked,
            "wall_seconds": round(seconds, 1),
            "resumed": checkpoint is not None,
            "entities_beyond_max_length": examples.cut["source"],
        }
        record = _save(trainer, task, stage, about, checkpoint) if own.should_save else None
        return folder, broadcast_object_list([record])[0]


def _set_aside_if_damaged(folder: Path, *, with_optimizer: bool) -> None:
    """Rename the record of a stage of which something is missing, so that it is trained again."""
    record = folder / RECORD_FILE
    if not record.is_file():
        return
    needed = ["config.json", "model.safetensors", *([OPTIMIZER_FILE] if with_optimizer else [])]
    lacking = [name for name in needed if not (folder / name).is_file()]
    wrong = f"lacks {', '.join(lacking)}" if lacking else ""
    try:
        read_record(record, SourceStageRecord)
    except ValueError as error:
        wrong = str(error).removeprefix(f"{record}: ")
    if wrong:
        with suppress(FileNotFoundError):  # another process was faster
            record.rename(record.with_name(f"{record.name}.broken"))
            logger.warning("%s: the source stage kept there %s; it is trained again", folder, wrong)


def _stage_arguments(stage: Stage, args: FineTuningArguments, told: dict[str, Any], folder: Path):
    passing = ("disable_tqdm", "dataloader_num_workers", "report_to")
    return FineTuningArguments(
        output_dir=str(folder),
        **told,
        **{name: getattr(args, name) for name in passing},
        num_train_epochs=stage.epochs,
        eval_strategy="no",
        save_strategy="steps",
        save_steps=CHECKPOINTS,
        load_best_model_at_end=False,
        early_stopping_patience=0,
        logging_strategy="steps",
        logging_steps=0.1,
    )


def _save(trainer: TaggerTrainer, task: Task, stage: Stage, about: dict[str, Any], checkpoint) -> SourceStageRecord:
    """Put model, optimizer state and record into the folder, the record last."""
    folder = Path(trainer.args.output_dir)
    model = trainer.accelerator.unwrap_model(trainer.model)
    ready, dev = Tagger(model, trainer.processing_class), None
    if stage.labels == "source":
        found = tagged_split(
            ready, task.domains["source"], "validation", data_dir=task.data_dir, verify=task.verify
        ).scores()
        dev = {convention: {"overall": scores["overall"]} for convention, scores in found.items()}
    if trainer.optimizer is None:  # a break came between the end of training and the record
        optimizer = trainer.create_optimizer()
        optimizer.load_state_dict(torch.load(Path(checkpoint) / "optimizer.pt", map_location="cpu", weights_only=True))
    record = SourceStageRecord.new(seed=trainer.args.seed, **about, steps=trainer.state.global_step, dev=dev)
    run_folder.put_model(folder, model, trainer.processing_class)
    save_optimizer(trainer.optimizer, model, folder)
    write_record(folder / RECORD_FILE, record)
    run_folder.remove_checkpoints(folder)
    return record
