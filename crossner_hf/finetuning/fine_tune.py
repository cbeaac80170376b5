"""Fine-tuning a tagger on a domain in one of the paper's three settings, its scores, and the record of both."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from accelerate.utils import broadcast_object_list
from transformers import set_seed

from crossner_hf.finetuning.arguments import FineTuningArguments
from crossner_hf.finetuning.early_stopping import EarlyStopping
from crossner_hf.finetuning.evaluation import is_crossner, tagged_split
from crossner_hf.finetuning.source_stage import source_stage
from crossner_hf.finetuning.task import Task
from crossner_hf.finetuning.tokenized_dataset import Examples, stage_examples
from crossner_hf.finetuning.trainer import TaggerTrainer, dev_scorer
from crossner_hf.finetuning.transfer import Transfer
from crossner_hf.results.predictions import write_predictions
from crossner_hf.results.record_files import PREDICTIONS_FILE, RECORD_FILE, write_record
from crossner_hf.results.records import RunRecord
from crossner_hf.schema import Domain, get_domain
from crossner_hf.tagger.tagger import Tagger
from crossner_hf.training import run_folder
from crossner_hf.training.progress import RunProgress, show_progress
from crossner_hf.training.resume import claimed, train_from
from crossner_hf.training.run_arguments import told_arguments

logger = logging.getLogger(__name__)


def fine_tune(
    domain: str | Domain,
    model: str,
    args: FineTuningArguments,
    *,
    data_dir: str | Path | None = None,
    verify: bool = True,
    random_weights: bool = False,
    test: bool = True,
    resume: bool = False,
    callbacks: Sequence = (),
) -> RunRecord:
    """Train a tagger on a domain, choose the epoch on dev, score test once; gives the record.

    `args.setting` says on what; a source stage that `args.source_cache` does not hold is trained first.

    model:          what the tagger starts from. An encoder: a folder, a Hub id, or 'minilm' (the one of the extra
                    `offline`). Word vectors, for `args.tagger` 'bilstm-crf' and 'coach': a text file, or 'glove' (the
                    ones of the extra `glove`)
    random_weights: the encoder's architecture alone, or vectors of the same width, with fresh weights
    test:           False leaves the test split unscored
    resume:         go on from the last checkpoint in `args.output_dir`, with the result that the run would have had
                    without the break; a finished run gives its record again

    The folder then holds the model, `run.json`, `record.json` and, of the test split, `predictions.json`. Raises
    FolderInUse where it holds anything else, and ValueError for settings that do not fit the data.
    """
    domains = {"target": domain if isinstance(domain, Domain) else get_domain(domain)}
    if args.setting != "direct":
        domains["source"] = get_domain(args.source)
        if domains["source"] == domains["target"]:
            raise ValueError(f"{domains['target'].name} is source and target at once; name another --source")
    task = Task(domains, model, data_dir, verify, random_weights, args.tagger_choice(), args.few_shot())
    *before, stage = args.stages()
    sums = {whose: task.checksums(whose) for whose in domains}
    set_seed(args.seed)
    tagger = task.new_tagger("target")
    asked = {
        "domain": domains["target"].name,
        "entity_types": list(domains["target"].entity_types),
        **task.taggers.described(domains["target"]),
        "data_sha256": sums["target"],
        "encoder": {"name": task.taggers.name, "sha256": task.taggers.sha256(tagger)},
        "random_weights": random_weights,
        "test": test,
        "processes": args.world_size * max(1, args.n_gpu),
        "arguments": told_arguments(args),
    }
    if "source" in domains:
        asked["source"] = {"domain": domains["source"].name, **args.source_settings(), "data_sha256": sums["source"]}
    with claimed(asked, args, resume=resume) as (finished, checkpoint):
        if finished:
            logger.info("%s: this run is already finished", args.output_dir)
            return finished
        examples = stage_examples(stage, task, tagger.config, args)
        source, carried = asked.get("source"), None
        for earlier in before:
            folder, came = source_stage(earlier, task, args)
            source = {**source, "dev": came.dev, "wall_seconds": came.wall_seconds}
            transfer = Transfer(folder, domains[earlier.labels], domains["target"])
            transfer.into_model(tagger)
            carried = transfer if stage.optimizer == "carried" else None
        trainer = make_trainer(tagger, task, examples, args, callbacks, carried)
        seconds = train_from(trainer, checkpoint)
        about = {
            **asked,
            "source": source,
            "encoder": {**asked["encoder"], "dapt": task.taggers.pre_training()},
            "wall_seconds": round(seconds, 1),
            "resumed": checkpoint is not None,
            "entities_beyond_max_length": examples.cut,
        }
        record = _save(trainer, task, about) if args.should_save else None
        return broadcast_object_list([record])[0]


def make_trainer(
    model, task: Task, examples: Examples, args: FineTuningArguments, callbacks: Sequence = (), carried=None
) -> TaggerTrainer:
    """The Trainer of a run's last stage."""
    if args.early_stopping_patience and args.eval_strategy != "no":
        callbacks = [*callbacks, EarlyStopping(args.early_stopping_patience)]
    dev = examples.dev
    trainer = TaggerTrainer(
        model=model,
        args=args,
        processing_class=task.tokenizer,
        train_dataset=examples.train,
        eval_dataset=dev.rows,
        compute_metrics=dev_scorer(task.domains["target"], dev.gold, dev.labelled, dev.order),
        carried=carried,
        callbacks=list(callbacks),
    )
    show_progress(trainer, RunProgress())
    return trainer


def _save(trainer: TaggerTrainer, task: Task, about: dict[str, Any]) -> RunRecord:
    """Score the best model, put it, its predictions and the record into the folder, the record last."""
    args, folder, domain = trainer.args, Path(trainer.args.output_dir), task.domains["target"]
    ready = Tagger(trainer.accelerator.unwrap_model(trainer.model), trainer.processing_class)
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
        scores={split: found.scores() for split, found in tagged.items()},
        calibration={split: found.calibration() for split, found in tagged.items()},
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
