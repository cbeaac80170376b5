"""Concept pre-training: an encoder learns from sentences whose mentions have the phrases of first sentences."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import broadcast_object_list
from torch import nn
from torch.utils.data import Sampler
from transformers import AutoModel, TrainerCallback, set_seed

from crossner_hf.atomic_write import write_text
from crossner_hf.concepts.arguments import ConceptArguments
from crossner_hf.concepts.batches import ConceptCollator
from crossner_hf.concepts.concept_card import README_FILE, concept_card
from crossner_hf.concepts.masked_text import MaskedText
from crossner_hf.concepts.model import ConceptModel
from crossner_hf.concepts.rows import ConceptRow
from crossner_hf.concepts.streams import read_streams, text_masker
from crossner_hf.finetuning.length_grouped_sampler import LengthGroupedBatches
from crossner_hf.masking import MaskingEpoch
from crossner_hf.models.description_head import ConceptHead, concepts_file
from crossner_hf.packaged_encoder import encoder_name, encoder_path
from crossner_hf.results.record_files import RECORD_FILE, write_record
from crossner_hf.results.text_records import ConceptRecord
from crossner_hf.tagger.checkpoint import loading
from crossner_hf.tagger.tagger import load_tokenizer
from crossner_hf.training import run_folder
from crossner_hf.training.flops import encoder_flop, training_speed
from crossner_hf.training.progress import FineTuningProgress, show_progress
from crossner_hf.training.resumable_trainer import ResumableTrainer
from crossner_hf.training.resume import claimed, train_from, weights_hash
from crossner_hf.training.run_arguments import recorded_arguments
from crossner_hf.training.step_clock import StepClock

logger = logging.getLogger(__name__)


class ConceptTrainer(ResumableTrainer):
    """`Trainer` with batches of sentences of about one length, and a learning rate of its own for new heads."""

    args: ConceptArguments
    optimizer: torch.optim.Optimizer | None

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int]:
        lengths = [len(row.get("tokens") or row["input_ids"]) for row in self.train_dataset]
        size = self.args.train_batch_size * self.args.world_size * self.args.gradient_accumulation_steps
        return LengthGroupedBatches(lengths, size, self.args.seed)

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """Create AdamW once, with two groups of parameters."""
        if self.optimizer is None:
            target = self.accelerator.unwrap_model(model or self.model)
            optimizer_class, options = self.get_optimizer_cls_and_kwargs(self.args, target)
            options["weight_decay"] = self.args.weight_decay
            groups: list[dict[str, Any]] = [
                {"params": list(target.encoder.parameters())},
                {"params": list(target.head.parameters()), "lr": self.args.head_learning_rate},
            ]
            if target.text is not None:
                groups[0 if target.text.head == "kept" else 1]["params"] += target.text.own_parameters()
            self.optimizer = optimizer_class(groups, **options)
        return self.optimizer


def pretrain_concepts(
    data: str | Path,
    model: str,
    args: ConceptArguments,
    *,
    data_dir: str | Path | None = None,
    resume: bool = False,
    callbacks: Sequence[TrainerCallback] = (),
) -> ConceptRecord:
    """Pre-train an encoder on concept data and save it for `from_pretrained`, with `concepts.safetensors` beside it.

    An encoder that was pre-trained on concepts before goes on with its head; any other gets a new one.

    Args:
        data: A folder of concept data, as `crossner-hf concepts build` makes it.
        model: An encoder: a folder, a Hub id, or 'minilm' or 'concepts' (from the extra `offline`).
        args: The run's arguments.
        data_dir: Folder of the official files, for `args.ner_source`.
        resume: Whether to resume from the last checkpoint in `args.output_dir`, with the result that the run would have
            had without the break. A finished run returns its record.
        callbacks: Callbacks for the Trainer.

    Returns:
        The record of the run.

    Raises:
        FolderInUse: The output folder holds anything but this run.
        ValueError: The data or the encoder is not suitable.
    """
    set_seed(args.seed)
    path = encoder_path(model)
    tokenizer = load_tokenizer(path, trust_remote_code=args.trust_remote_code)
    if tokenizer.mask_token is None and args.masked_mentions:
        raise ValueError(f"{model}: its tokenizer has no mask token; set --masked-mentions 0")
    network, goes_on = _network(path, args)
    streams = read_streams(data, args, tokenizer, data_dir)
    if network.text is not None:
        streams.about["mlm_text"]["head"] = network.text.head
    rows = streams.rows()
    settings = {
        **streams.about,
        "encoder": {"name": encoder_name(model), "sha256": weights_hash(network)},
        "processes": args.world_size * max(1, args.n_gpu),
        "arguments": recorded_arguments(args),
        **({"head_sha256": weights_hash(network.head)} if goes_on else {}),
    }
    with claimed(settings, args, resume=resume) as (finished, checkpoint):
        if finished:
            logger.info("%s: this run is already finished", args.output_dir)
            return finished
        masker = text_masker(tokenizer, args.seed) if args.mlm_text else None
        collator = ConceptCollator(tokenizer, args.max_length, args.shares(), args.seed, masker)
        trainer = ConceptTrainer(
            model=network,
            args=args,
            processing_class=tokenizer,
            data_collator=collator,
            train_dataset=rows,
            callbacks=[MaskingEpoch(collator), *callbacks],
        )
        trainer.add_callback(clock := StepClock())
        show_progress(trainer, FineTuningProgress("concept pre-training"))
        seconds = train_from(trainer, checkpoint)
        flop = encoder_flop(network, trainer.state.num_input_tokens_seen / len(rows))  # without the phrases' tokens
        speed = training_speed(trainer, clock, flop)
        about = {**settings, "wall_seconds": round(seconds, 1), "resumed": checkpoint is not None, "speed": speed}
        record = _save(trainer, streams.concepts, about) if args.should_save else None
        return broadcast_object_list([record])[0]


def _network(path: str, args: ConceptArguments) -> tuple[ConceptModel, bool]:
    """Make the model to train; and whether its head was pre-trained on concepts before."""
    with loading(path, "encoder"):
        encoder, report = AutoModel.from_pretrained(
            path,
            dtype=torch.float32,
            attn_implementation="eager",  # of sentences; torch's fused attention is slower for bf16 on a CPU
            output_loading_info=True,
            trust_remote_code=args.trust_remote_code,
        )
    missing = sorted(name for name in report["missing_keys"] if "pooler" not in name)
    if missing:
        raise ValueError(f"{path}: lacks weights of its encoder, such as {missing[0]}")
    network = ConceptModel(encoder.config, encoder, args.unknown_names)
    goes_on = concepts_file(path) is not None
    if goes_on:
        network.head = ConceptHead.load(path)
    if args.mlm_text:
        network.read_text(MaskedText(path, encoder, args.max_length, trust_remote_code=args.trust_remote_code))
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = args.dropout
    if args.freeze_embeddings:
        for module in encoder.modules():
            if isinstance(module, nn.Embedding):
                module.requires_grad_(False)
    return network, goes_on


def _save(trainer: ConceptTrainer, rows: list[ConceptRow], about: dict[str, Any]) -> ConceptRecord:
    """Write the encoder, the head, README and the record into the folder, the record last."""
    folder = Path(trainer.args.output_dir)
    trained = trainer.accelerator.unwrap_model(trainer.model)
    phrases = {phrase for row in rows for mention in row["mentions"] for phrase in mention["phrases"]}
    record = ConceptRecord.new(
        checkpoint={"name": folder.resolve().name, "sha256": weights_hash(trained)},
        seed=trainer.args.seed,
        **about,
        sentences=len(rows),
        mentions=sum(len(row["mentions"]) for row in rows),
        phrases=len(phrases),
        epochs=trainer.state.epoch,
        steps=trainer.state.global_step,
        tokens_seen=trainer.state.num_input_tokens_seen,
        final_loss=next((e["loss"] for e in reversed(trainer.state.log_history) if "loss" in e), None),
    )
    run_folder.put_model(folder, trained.encoder, trainer.processing_class)
    trained.head.save(folder)
    write_text(folder / README_FILE, concept_card(record))
    write_record(folder / RECORD_FILE, record)
    run_folder.remove_checkpoints(folder)
    return record
