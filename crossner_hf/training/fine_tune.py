"""Fine-tuning a tagger on a domain (the paper's direct setting), its scores, and the record of both."""

import logging
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForTokenClassification, EarlyStoppingCallback, set_seed

from crossner_hf import records
from crossner_hf.data.builder import load
from crossner_hf.data.download import domain_files
from crossner_hf.data.sources import sha256_of
from crossner_hf.encoding import encode_labelled, max_pieces
from crossner_hf.inference import Tagger, load_tokenizer
from crossner_hf.packaged import encoder_name, encoder_path
from crossner_hf.schema import Domain, get_domain
from crossner_hf.tagging import spans
from crossner_hf.training import run_folder
from crossner_hf.training.arguments import FineTuningArguments
from crossner_hf.training.progress import show_progress
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

    model: a folder, a Hub id, or 'minilm' (the encoder of the extra `offline`). random_weights: its architecture alone, with fresh weights. test: False leaves the test
    split unscored. resume: go on from the last checkpoint in `args.output_dir`, with the same result as if the run had
    not been cut off; a finished run gives its record again. The folder holds the model, `run.json` and `record.json`.
    """
    domain = domain if isinstance(domain, Domain) else get_domain(domain)
    folder = Path(args.output_dir)
    data = load(domain.folder or domain.name, data_dir=data_dir, verify=verify)
    files = domain_files(domain, data_dir, verify=verify)
    checksums = {split: sha256_of(path) for split, path in files.items()}
    asked = _asked(domain, model, args, checksums, random_weights=random_weights, test=test)
    finished = run_folder.open_run(folder, asked, resume=resume) if args.should_save else None
    if finished:
        logger.info("%s: this run is already finished", folder)
        return finished

    set_seed(args.seed)
    tokenizer = load_tokenizer(encoder_path(model))
    tagger = load_model(encoder_path(model), domain, random_weights=random_weights)
    encoder = {"name": encoder_name(model), "sha256": weights_hash(tagger)}
    trainer, cut = make_trainer(tagger, tokenizer, domain, data, args, callbacks)
    begun = time.perf_counter()
    trainer.train(resume_from_checkpoint=_checkpoint(folder, args) if resume else None)
    seconds = time.perf_counter() - begun

    trainer.accelerator.wait_for_everyone()
    scores = {}
    if args.should_save:
        ready = Tagger(trainer.accelerator.unwrap_model(trainer.model).eval(), tokenizer)
        for split in ("validation", *(["test"] if test else [])):
            scores[split] = evaluate(ready, domain, split, data_dir=data_dir, verify=verify)
    record = records.new_record(
        "fine_tuning",
        domain=domain.name,
        is_crossner=is_crossner(domain, verify),
        setting="direct",
        encoder=encoder,
        random_weights=random_weights,
        data_sha256=checksums,
        seed=args.seed,
        arguments=asked["arguments"],
        epochs=trainer.state.epoch,
        steps=trainer.state.global_step,
        best_epoch=_best_epoch(trainer),
        dev_by_epoch=[entry["eval_conlleval_f1"] for entry in trainer.state.log_history if "eval_loss" in entry],
        wall_seconds=round(seconds, 1),
        entities_beyond_max_length=cut,
        scores=scores,
    )
    if args.should_save:
        run_folder.put_model(folder, ready.model, tokenizer)
        records.write_record(folder / run_folder.RECORD_FILE, record)
        run_folder.remove_checkpoints(folder)
    return record


def load_model(model: str, domain: Domain, *, random_weights: bool = False):
    """The stock linear tagger over an encoder, with the domain's labels and the name of our word splitter."""
    labels = {"num_labels": len(domain.labels), "id2label": domain.id2label, "label2id": domain.label2id}
    config = AutoConfig.from_pretrained(model, word_splitter=DEFAULT_SPLITTER, **labels)
    if random_weights:
        return AutoModelForTokenClassification.from_config(config)
    return AutoModelForTokenClassification.from_pretrained(model, config=config, ignore_mismatched_sizes=True)


def make_trainer(model, tokenizer, domain: Domain, data, args: FineTuningArguments, callbacks: Sequence = ()):
    """The Trainer of a run, and how many gold entities of each split lie beyond `max_length`."""
    limit = min(args.max_length or 1_000_000, max_pieces(tokenizer, model.config))
    encoded, cut = {}, {}
    for split in ("train", "validation"):
        tokens, tags = data[split]["tokens"][:], data[split]["ner_tags"][:]
        encoded[split], cut[split] = _encode(tokenizer, tokens, tags, domain, limit)
        if cut[split]:
            logger.warning("%d entities of %s lie beyond max_length=%d pieces", cut[split], split, limit)
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
        compute_metrics=dev_scorer(domain, data["validation"]["ner_tags"][:], order),
        callbacks=list(callbacks),
    )
    show_progress(trainer)
    return trainer, cut


def _encode(tokenizer, tokens, tags, domain: Domain, limit: int):
    from datasets import Dataset

    columns, beyond = encode_labelled(tokenizer, tokens, tags, limit)
    cut = 0
    for ids, lost in zip(tags, beyond):
        if lost:
            names = [domain.labels[i] for i in ids]
            cut += sum(span.end > len(ids) - lost for span in spans(names))
    return Dataset.from_dict(columns), cut


def _asked(domain: Domain, model: str, args: FineTuningArguments, checksums, **more: Any) -> dict[str, Any]:
    """What makes two runs the same run. Folders and logging do not."""
    unset = FineTuningArguments(output_dir=args.output_dir)
    passing = {"output_dir", "logging_dir", "resume_from_checkpoint", "disable_tqdm", "log_level", "report_to", "run_name"}
    given = {name: value for name, value in args.to_dict().items() if name not in passing}
    plain = unset.to_dict()
    told = {name: value for name, value in given.items() if value != plain.get(name) or name in _TOLD}
    return {"domain": asdict(domain)["name"], "model": str(model), "data_sha256": checksums, "arguments": told, **more}


# Always in the record, also at their default.
_TOLD = (
    "learning_rate lr_scheduler_type warmup_steps weight_decay max_grad_norm num_train_epochs per_device_train_batch_size "
    "gradient_accumulation_steps early_stopping_patience length_grouped_batches max_length seed"
).split()


def _checkpoint(folder: Path, args: FineTuningArguments) -> str | None:
    """Where to go on from. A run that had already stopped early is not trained on: its epochs end there."""
    checkpoint = run_folder.last_checkpoint(folder)
    if checkpoint is None:
        return None
    epoch = run_folder.stopped_early(checkpoint)
    if epoch is not None:
        args.num_train_epochs = epoch
    return str(checkpoint)


def _best_epoch(trainer: TaggerTrainer) -> float | None:
    step = trainer.state.best_global_step
    return next((e["epoch"] for e in trainer.state.log_history if step and e["step"] == step), None)


def weights_hash(model: torch.nn.Module) -> str:
    """SHA-256 over the encoder's tensors by name: the same weights give the same hash whatever file held them."""
    import hashlib

    key = hashlib.sha256()
    for name, tensor in sorted(model.base_model.state_dict().items()):
        key.update(name.encode())
        key.update(tensor.detach().cpu().contiguous().float().numpy().tobytes())
    return key.hexdigest()
