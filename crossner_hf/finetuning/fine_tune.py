"""Fine-tuning of a tagger on a domain in one of the paper's three settings, its scores and its record."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from accelerate.utils import broadcast_object_list
from datasets import Dataset
from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainerCallback, set_seed

from crossner_hf.data.sources import sha256_of
from crossner_hf.finetuning.arguments import FineTuningArguments
from crossner_hf.finetuning.evaluation import is_crossner, tagged_split
from crossner_hf.finetuning.source_stage import source_stage
from crossner_hf.finetuning.source_types import SourceTypes
from crossner_hf.finetuning.task import Task
from crossner_hf.finetuning.tokenized_dataset import stage_examples
from crossner_hf.finetuning.trainer import TaggerTrainer
from crossner_hf.finetuning.transfer import Transfer
from crossner_hf.results.predictions import write_predictions
from crossner_hf.results.record_files import PREDICTIONS_FILE, RECORD_FILE, write_record
from crossner_hf.results.records import RunRecord
from crossner_hf.schema import Domain, get_domain
from crossner_hf.tagger.tagger import Tagger
from crossner_hf.tagger.tokenize_and_align import max_tokens
from crossner_hf.training import run_folder
from crossner_hf.training.progress import FineTuningProgress, show_progress
from crossner_hf.training.resume import claimed, train_from
from crossner_hf.training.run_arguments import recorded_arguments

logger = logging.getLogger(__name__)


class WeakSentences(Protocol):
    """Sentences whose labels are incomplete, with a loss that knows it. `arguments` are for the record."""

    @property
    def arguments(self) -> Mapping[str, Any]:
        """Return what identifies the sentences and the loss."""

    def rows(self, tokenizer: PreTrainedTokenizerBase, max_length: int) -> Dataset:
        """Tokenize the sentences."""

    def loss(self, tagger: PreTrainedModel) -> Callable[..., Any]:
        """Return the loss for `Trainer(compute_loss_func=…)`."""


def fine_tune(
    domain: str | Domain,
    model: str,
    args: FineTuningArguments,
    *,
    data_dir: str | Path | None = None,
    resume: bool = False,
    callbacks: Sequence[TrainerCallback] = (),
) -> RunRecord:
    """Train a tagger on a domain, choose the epoch on dev, and score test once.

    `args.setting` says on whose sentences; a source stage that `args.source_cache` does not hold is trained first. The
    output folder then holds the model, `run.json`, `record.json` and, of the test split, `predictions.json`.

    Args:
        domain: A domain, its name, or the folder of a domain of your own.
        model: What the tagger starts from. An encoder: a folder, a Hub id, or 'minilm' (from the extra `offline`). Word
            vectors, for the taggers over them: a text file, or 'glove' (from the extra `glove`).
        args: The run's arguments.
        data_dir: Folder of the official files; see `crossner_hf.load`.
        resume: Whether to resume from the last checkpoint in `args.output_dir`, with the result that the run would have
            had without the break. A finished run returns its record.
        callbacks: Callbacks for the Trainer of the last stage.

    Returns:
        The record of the run.

    Raises:
        FolderInUse: The output folder holds anything but this run.
        ValueError: The arguments do not fit the data or the model.

    Source: Liu et al. (2021), section 4; main.py of the released code.
    """
    domains = {"target": domain if isinstance(domain, Domain) else get_domain(domain)}
    if args.setting != "direct":
        domains["source"] = get_domain(args.source)
        if domains["source"] == domains["target"]:
            raise ValueError(f"{domains['target'].name} is source and target at once; name another --source")
    types = None
    if args.source_types:
        types = SourceTypes.read(domains["source"], domains["target"], args.source_types, args.source_names or ())
    task = Task(
        domains,
        model,
        data_dir,
        args.verify,
        args.random_weights,
        args.tagger_choice(),
        args.few_shot(),
        args.trust_remote_code,
        args.raw_text(),
        args.text_sentences,
        types,
    )
    return run_task(task, args, resume=resume, callbacks=callbacks)


def run_task(
    task: Task,
    args: FineTuningArguments,
    *,
    weak: WeakSentences | None = None,
    resume: bool = False,
    callbacks: Sequence[TrainerCallback] = (),
) -> RunRecord:
    """Train the tagger of a task; see `fine_tune`. With `weak`, the last stage learns from these sentences alone."""
    domains = task.domains
    set_seed(args.seed)
    tagger = task.new_tagger("target")
    settings = _settings(task, tagger, args)
    if weak is not None:
        settings["arguments"] |= weak.arguments
    with claimed(settings, args, resume=resume) as (finished, checkpoint):
        if finished:
            logger.info("%s: this run is already finished", args.output_dir)
            return finished
        *earlier_stages, stage = args.stages()
        examples = stage_examples(stage, task, tagger.config, args)
        if weak is not None:
            examples = replace(examples, train=weak.rows(task.tokenizer, max_tokens(task.tokenizer, tagger.config)))
        source, carried = settings.get("source", {}), None
        for earlier in earlier_stages:
            folder, came = source_stage(earlier, task, args)
            source = {**source, "dev": came.dev, "wall_seconds": came.wall_seconds}
            transfer = Transfer(folder, domains[earlier.labels], domains["target"])
            transfer.into_model(tagger)
            carried = transfer if stage.optimizer == "carried" else None
        trainer = TaggerTrainer(tagger, args, task.tokenizer, examples, callbacks)
        trainer.carried = carried
        if weak is not None:
            trainer.compute_loss_func = weak.loss(tagger)
        show_progress(trainer, FineTuningProgress())
        seconds = train_from(trainer, checkpoint)
        about = {
            **settings,
            "source": source or None,
            "encoder": {**settings["encoder"], "dapt": task.taggers.pre_training()},
            "wall_seconds": round(seconds, 1),
            "resumed": checkpoint is not None,
            "entities_beyond_max_length": examples.cut,
        }
        record = _save(trainer, task, about) if args.should_save else None
        return broadcast_object_list([record])[0]


def _settings(task: Task, tagger: PreTrainedModel, args: FineTuningArguments) -> dict[str, Any]:
    target = task.domains["target"]
    settings = {
        "domain": target.name,
        "entity_types": list(target.entity_types),
        **task.taggers.described(target),
        "data_sha256": task.checksums("target"),
        "encoder": {"name": task.taggers.name, "sha256": task.taggers.sha256(tagger)},
        "random_weights": args.random_weights,
        "test": args.test,
        "processes": args.world_size * max(1, args.n_gpu),
        "arguments": recorded_arguments(args),
    }
    for whose, corpus in task.raw.items():
        settings["arguments"][f"{whose}_text_sha256"] = corpus.checksums()
    if args.source_types:
        files = [Path(name) for name in (args.source_types, *(args.source_names or ()))]
        settings["arguments"]["source_types_sha256"] = {path.name: sha256_of(path) for path in files}
    if "source" in task.domains:
        settings["source"] = {
            "domain": task.domains["source"].name,
            **args.source_settings(),
            "data_sha256": task.checksums("source"),
        }
    return settings


def _save(trainer: TaggerTrainer, task: Task, about: dict[str, Any]) -> RunRecord:
    """Score the best model, then write it, its predictions and the record into the folder, the record last."""
    args, folder, domain = trainer.args, Path(trainer.args.output_dir), task.domains["target"]
    ready = Tagger(trainer.accelerator.unwrap_model(trainer.model, keep_fp32_wrapper=False), trainer.processing_class)
    tagged = {
        split: tagged_split(ready, domain, split, data_dir=task.data_dir, verify=task.verify)
        for split in (("validation", "test") if about["test"] else ("validation",))
    }
    few_shot = {"sentences": args.num_sentences, "draw": args.few_shot_draw} if args.num_sentences else None
    record = RunRecord.new(
        is_crossner=is_crossner(domain, task.verify),
        setting=args.setting,
        few_shot=few_shot,
        seed=args.seed,
        **about,
        epochs=trainer.state.epoch,
        steps=trainer.state.global_step,
        best_epoch=_best_epoch(trainer),
        dev_by_epoch=[e["eval_conlleval_f1"] for e in trainer.state.log_history if "eval_conlleval_f1" in e],
        scores={split: sentences.scores() for split, sentences in tagged.items()},
        calibration={split: sentences.calibration() for split, sentences in tagged.items()},
    )
    run_folder.put_model(folder, ready.model, ready.tokenizer)
    if about["test"]:
        write_predictions(folder / PREDICTIONS_FILE, domain, {"test": tagged["test"].predicted_ids()})
    write_record(folder / RECORD_FILE, record)
    run_folder.remove_checkpoints(folder)
    return record


def _best_epoch(trainer: TaggerTrainer) -> float | None:
    step = trainer.args.load_best_model_at_end and trainer.state.best_global_step
    return next((e["epoch"] for e in trainer.state.log_history if step and e["step"] == step), None)
