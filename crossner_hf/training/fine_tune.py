"""Fine-tuning a tagger on a domain (the paper's direct setting), its scores, and the record of both."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import broadcast_object_list
from datasets import Dataset
from transformers import AutoModelForTokenClassification, EarlyStoppingCallback, set_seed

from crossner_hf import records
from crossner_hf.data.builder import load
from crossner_hf.data.download import domain_files
from crossner_hf.data.sources import sha256_of
from crossner_hf.encoding import encode_labelled, max_pieces
from crossner_hf.inference import Tagger, load_config, load_tokenizer
from crossner_hf.packaged import encoder_name, encoder_path
from crossner_hf.schema import Domain, get_domain
from crossner_hf.tagging import spans
from crossner_hf.training import run_folder
from crossner_hf.training.arguments import FineTuningArguments, told_arguments
from crossner_hf.training.progress import RunProgress, show_progress
from crossner_hf.training.resume import claimed, train_from, weights_hash
from crossner_hf.training.scoring import evaluate, is_crossner
from crossner_hf.training.trainer import TaggerTrainer, dev_scorer
from crossner_hf.words import DEFAULT_SPLITTER

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
) -> dict[str, Any]:
    """Fine-tune an encoder on a domain's training split, choose the epoch on dev, score test once; gives the record.

    model:          a folder, a Hub id, or 'minilm' (the encoder of the extra `offline`)
    random_weights: the encoder's architecture alone, with fresh weights
    test:           False leaves the test split unscored
    resume:         go on from the last checkpoint in `args.output_dir`, with the result that the run would have had
                    without the break; a finished run gives its record again

    The folder then holds the model, `run.json` and `record.json`. Raises FolderInUse where it holds anything else.
    """
    domain = domain if isinstance(domain, Domain) else get_domain(domain)
    data = load(domain.folder or domain.name, data_dir=data_dir, verify=verify)
    files = domain_files(domain, data_dir, verify=verify)
    set_seed(args.seed)
    tokenizer = load_tokenizer(encoder_path(model))
    tagger = load_model(encoder_path(model), domain, random_weights=random_weights)
    asked = {
        "domain": domain.name,
        "entity_types": list(domain.entity_types),
        "data_sha256": {split: sha256_of(path) for split, path in files.items()},
        "encoder": {"name": encoder_name(model), "sha256": weights_hash(tagger)},
        "random_weights": random_weights,
        "test": test,
        "processes": args.world_size * max(1, args.n_gpu),
        "arguments": told_arguments(args),
    }
    with claimed(asked, args, resume=resume) as (finished, checkpoint):
        if finished:
            logger.info("%s: this run is already finished", args.output_dir)
            return finished
        trainer, cut = make_trainer(tagger, tokenizer, domain, data, args, callbacks)
        seconds = train_from(trainer, checkpoint)
        about = {
            **asked,
            "wall_seconds": round(seconds, 1),
            "resumed": checkpoint is not None,
            "entities_beyond_max_length": cut,
        }
        record = _save(trainer, domain, about, data_dir=data_dir, verify=verify) if args.should_save else None
        return broadcast_object_list([record])[0]


def _save(trainer: TaggerTrainer, domain: Domain, about: dict[str, Any], *, data_dir, verify: bool) -> dict[str, Any]:
    """Score the best model, put it and the record into the folder, the record last; gives the record."""
    args, folder = trainer.args, Path(trainer.args.output_dir)
    ready = Tagger(trainer.accelerator.unwrap_model(trainer.model), trainer.processing_class)
    splits = ("validation", "test") if about["test"] else ("validation",)
    record = records.new_record(
        "fine_tuning",
        is_crossner=is_crossner(domain, verify),
        setting="direct",
        seed=args.seed,
        **about,
        epochs=trainer.state.epoch,
        steps=trainer.state.global_step,
        best_epoch=_best_epoch(trainer),
        dev_by_epoch=[e["eval_conlleval_f1"] for e in trainer.state.log_history if "eval_conlleval_f1" in e],
        scores={split: evaluate(ready, domain, split, data_dir=data_dir, verify=verify) for split in splits},
    )
    run_folder.put_model(folder, ready.model, ready.tokenizer)
    records.write_record(folder / run_folder.RECORD_FILE, record)
    run_folder.remove_checkpoints(folder)
    return record


def load_model(model: str, domain: Domain, *, random_weights: bool = False):
    """The stock linear tagger over an encoder, with the domain's labels and the name of our word splitter."""
    config = load_config(model, num_labels=len(domain.labels), id2label=domain.id2label, label2id=domain.label2id)
    config.word_splitter = DEFAULT_SPLITTER
    if random_weights:
        return AutoModelForTokenClassification.from_config(config)
    return AutoModelForTokenClassification.from_pretrained(
        model, config=config, dtype=torch.float32, ignore_mismatched_sizes=True
    )


def make_trainer(model, tokenizer, domain: Domain, data, args: FineTuningArguments, callbacks: Sequence = ()):
    """The Trainer of a run, and how many gold entities of each split lie beyond `max_length`."""
    limit = min(args.max_length or 1_000_000, max_pieces(tokenizer, model.config))
    encoded, labelled, cut = {}, {}, {}
    for split in ("train", "validation"):
        tokens, tags = data[split]["tokens"][:], data[split]["ner_tags"][:]
        columns, labelled[split] = encode_labelled(tokenizer, tokens, tags, limit)
        encoded[split] = Dataset.from_dict(columns)
        lost, total = _entities_lost(tags, labelled[split], domain)
        cut[split] = lost
        if lost:
            logger.warning(
                "%d of %d entities of %s lie beyond max_length=%d pieces and cannot be learned or found",
                *(lost, total, split, limit),
            )
    lengths = [len(row) for row in encoded["validation"]["input_ids"]]
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    if args.early_stopping_patience and args.eval_strategy != "no":
        callbacks = [*callbacks, EarlyStoppingCallback(args.early_stopping_patience)]
    trainer = TaggerTrainer(
        model=model,
        args=args,
        processing_class=tokenizer,
        train_dataset=encoded["train"],
        eval_dataset=encoded["validation"].select(order),
        compute_metrics=dev_scorer(domain, data["validation"]["ner_tags"][:], labelled["validation"], order),
        callbacks=list(callbacks),
    )
    show_progress(trainer, RunProgress())
    return trainer, cut


def _entities_lost(tags, labelled, domain: Domain) -> tuple[int, int]:
    """How many gold entities hold a word that the model does not see, and how many there are in all."""
    lost = total = 0
    for ids, seen in zip(tags, map(set, labelled)):
        found = spans([domain.labels[i] for i in ids])
        total += len(found)
        lost += sum(not seen.issuperset(range(span.start, span.end)) for span in found)
    return lost, total


def _best_epoch(trainer: TaggerTrainer) -> float | None:
    step = trainer.state.best_global_step
    return next((e["epoch"] for e in trainer.state.log_history if step and e["step"] == step), None)
