"""The source stage of pre-train-then-fine-tune: trained once for an encoder and a seed, then shared by all targets."""

import hashlib
import json
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
from crossner_hf.finetuning.transfer import save_optimizer
from crossner_hf.results.environment import package_versions
from crossner_hf.results.record_files import RECORD_FILE, write_record
from crossner_hf.results.records import SourceStageRecord
from crossner_hf.tagger.tagger import Tagger
from crossner_hf.training import run_folder
from crossner_hf.training.manifest import write_manifest
from crossner_hf.training.progress import FineTuningProgress, show_progress
from crossner_hf.training.resume import claimed, train_from, weights_hash
from crossner_hf.training.run_arguments import recorded_arguments

CHECKPOINTS = 0.25  # of the stage, between two checkpoints

# Arguments of a run that have no effect on its source stage, or that the stage sets itself. A name stands for all
# names that begin with it.
_NOT_OF_THE_SOURCE = (
    *("setting", "source", "target_repeats", "num_sentences", "few_shot", "num_train_epochs", "max_steps"),
    *("eval_", "save_", "load_best_model_at_end", "metric_for_best_model", "greater_is_better", "early_stopping"),
)


def source_stage(stage: Stage, task: Task, args: FineTuningArguments) -> tuple[Path, SourceStageRecord]:
    """Return the folder and the record of the source stage of a run; train it if it is not there.

    The folder's name is a hash of all that shapes the result: data, labels, encoder, arguments, versions. If another
    process is training the same stage, this one waits for it.
    """
    set_seed(args.seed)
    tagger = task.new_tagger(stage.labels)
    arguments = source_arguments(args)
    settings = {
        "domain": task.domains["source"].name,
        "labels": list(task.domains[stage.labels].labels),
        **task.taggers.described(task.domains[stage.labels]),
        "data_sha256": task.checksums("source")["train"],
        "encoder_sha256": weights_hash(tagger),
        **task.taggers.vocabulary(),
        "random_weights": task.random_weights,
        "epochs": stage.epochs,
        "processes": args.world_size * max(1, args.n_gpu),
        "arguments": arguments,
        "versions": package_versions(),
    }
    key = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]
    folder = Path(args.source_cache or download_cache().parent / "sources").expanduser() / key
    stage_args = _stage_arguments(stage, args, arguments, folder)
    with claimed(settings, stage_args, resume=True, shared=True) as (finished, checkpoint):
        if finished:
            return folder, finished
        examples = stage_examples(stage, task, tagger.config, stage_args)
        trainer = TaggerTrainer(tagger, stage_args, task.tokenizer, examples)
        show_progress(trainer, FineTuningProgress(f"source stage, {settings['domain']}"))
        seconds = train_from(trainer, checkpoint)
        about = {
            **settings,
            "wall_seconds": round(seconds, 1),
            "resumed": checkpoint is not None,
            "entities_beyond_max_length": examples.cut["source"],
        }
        record = _save(trainer, task, stage, about, checkpoint) if stage_args.should_save else None
        return folder, broadcast_object_list([record])[0]


def source_arguments(args: FineTuningArguments) -> dict[str, Any]:
    """Return the arguments of a run that shape its source stage."""
    return {name: value for name, value in recorded_arguments(args).items() if not name.startswith(_NOT_OF_THE_SOURCE)}


def _stage_arguments(
    stage: Stage, args: FineTuningArguments, arguments: dict[str, Any], folder: Path
) -> FineTuningArguments:
    unrecorded = ("disable_tqdm", "dataloader_num_workers", "report_to")
    return FineTuningArguments(
        output_dir=str(folder),
        **arguments,
        **{name: getattr(args, name) for name in unrecorded},
        num_train_epochs=args.source_epochs,
        eval_strategy="no",
        save_strategy="steps",
        save_steps=CHECKPOINTS,
        load_best_model_at_end=False,
        early_stopping_patience=0,
        logging_strategy="steps",
        logging_steps=0.1,
    )


def _save(
    trainer: TaggerTrainer, task: Task, stage: Stage, about: dict[str, Any], checkpoint: str | None
) -> SourceStageRecord:
    """Write model, optimizer state and record into the folder, the manifest last."""
    folder = Path(trainer.args.output_dir)
    model = trainer.accelerator.unwrap_model(trainer.model, keep_fp32_wrapper=False)
    ready, dev = Tagger(model, trainer.processing_class), None
    if stage.labels == "source":
        sentences = tagged_split(
            ready, task.domains["source"], "validation", data_dir=task.data_dir, verify=task.verify
        )
        dev = {convention: {"overall": scores["overall"]} for convention, scores in sentences.scores().items()}
    if trainer.optimizer is None and checkpoint:  # the run was stopped between the end of training and the record
        optimizer = trainer.create_optimizer()
        optimizer.load_state_dict(torch.load(Path(checkpoint) / "optimizer.pt", map_location="cpu", weights_only=True))
    record = SourceStageRecord.new(seed=trainer.args.seed, **about, steps=trainer.state.global_step, dev=dev)
    run_folder.put_model(folder, model, trainer.processing_class)
    save_optimizer(trainer.optimizer, model, folder)
    write_record(folder / RECORD_FILE, record)
    write_manifest(folder)
    run_folder.remove_checkpoints(folder)
    return record
