"""Domain-adaptive pre-training: masked-language modelling on a corpus, the held-out losses and the record."""

import hashlib
import json
import logging
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from accelerate.utils import broadcast_object_list
from datasets import Dataset, IterableDataset
from transformers import TrainerCallback, set_seed

from crossner_hf.atomic_write import write_text
from crossner_hf.corpora.corpus import Corpus, Selection
from crossner_hf.data.lines import first_columns
from crossner_hf.display import is_terminal
from crossner_hf.packaged_encoder import encoder_name, encoder_path
from crossner_hf.pretraining.arguments import DaptArguments
from crossner_hf.pretraining.blocks import block_dataset, block_stream
from crossner_hf.pretraining.dapt_card import dapt_card
from crossner_hf.pretraining.masked_lm import load_masked_lm
from crossner_hf.pretraining.packing import Packing
from crossner_hf.pretraining.trainer import DaptTrainer
from crossner_hf.results.record_files import RECORD_FILE, write_record
from crossner_hf.results.text_records import BlockCounts, DaptRecord
from crossner_hf.training import run_folder
from crossner_hf.training.flops import masked_lm_flop, training_speed
from crossner_hf.training.progress import DaptProgress, show_progress
from crossner_hf.training.resume import claimed, train_from, weights_hash
from crossner_hf.training.run_arguments import recorded_arguments

logger = logging.getLogger(__name__)

README_FILE = "README.md"


class Texts(NamedTuple):
    """What a run trains on and is scored on."""

    blocks: Dataset | IterableDataset
    counts: BlockCounts
    held_out: Dataset | None = None
    held_out_counts: BlockCounts | None = None


def dapt(
    corpus: Corpus,
    model: str,
    args: DaptArguments,
    *,
    held_out_corpus: Corpus | None = None,
    resume: bool = False,
    callbacks: Sequence[TrainerCallback] = (),
) -> DaptRecord:
    """Pre-train a masked language model on a corpus and save it for `from_pretrained`.

    The output folder then holds the model, `run.json`, `record.json` and a README made from it.

    Args:
        corpus: The text to train on.
        model: An encoder: a folder, a Hub id, or 'minilm' (from the extra `offline`).
        args: The run's arguments.
        held_out_corpus: Text whose held-out part is scored in the place of the corpus's own: the documents that a run
            on that text with the same `held_out` leaves out, so that runs on different text compare.
        resume: Whether to resume from the last checkpoint in `args.output_dir`, with the result that the run would have
            had without the break. A finished run returns its record.
        callbacks: Callbacks for the Trainer.

    Returns:
        The record of the run.

    Raises:
        FolderInUse: The output folder holds anything but this run.
        ValueError: The corpus, the tokenizer or the block size is not suitable.

    Source: Liu et al. (2021), section 3; run_language_modeling.py of the released code.
    """
    if held_out_corpus and not args.held_out:
        raise ValueError("held_out_corpus has no effect with held_out=0: give the percentage of its documents to score")
    set_seed(args.seed)
    network, tokenizer, head = load_masked_lm(
        encoder_path(model), args.block_size, trust_remote_code=args.trust_remote_code
    )
    names = first_columns(args.gazetteer) if args.gazetteer else None
    settings = {
        "domain": args.domain,
        "level": args.level,
        "corpus_sha256": corpus.checksums(),
        "held_out_sha256": held_out_corpus.checksums() if held_out_corpus else None,
        "excluded_titles": len(corpus.exclude_titles),
        "gazetteer_names": len(set(names)) if names else None,
        "texts_sha256": _identity(corpus, held_out_corpus, names),
        "encoder": {"name": encoder_name(model), "sha256": weights_hash(network), "head": head},
        "processes": args.world_size * max(1, args.n_gpu),
        "arguments": recorded_arguments(args),
    }
    with claimed(settings, args, resume=resume) as (finished, checkpoint):
        if finished:
            logger.info("%s: this run is already finished", args.output_dir)
            return finished
        packing = Packing(
            corpus, tokenizer, args.block_size, args.selection(), with_entities=args.masking == "entity", names=names
        )
        texts = _texts(packing, held_out_corpus or corpus, args)
        trainer = DaptTrainer(network, args, tokenizer, texts.blocks, texts.held_out, callbacks)
        show_progress(trainer, DaptProgress())
        seconds = train_from(trainer, checkpoint)
        if texts.held_out is not None and trainer.last_scored != trainer.state.global_step:
            trainer.evaluate()
        about = {**settings, "wall_seconds": round(seconds, 1), "resumed": checkpoint is not None}
        record = _save(trainer, texts, about) if args.should_save else None
        return broadcast_object_list([record])[0]


def _save(trainer: DaptTrainer, texts: Texts, about: dict[str, Any]) -> DaptRecord:
    """Write model, README and record into the folder, the record last."""
    args, folder, state = trainer.args, Path(trainer.args.output_dir), trainer.state
    trainer.head.remove()
    trained = trainer.accelerator.unwrap_model(trainer.model)
    flop = masked_lm_flop(trained, args.block_size, args.mlm_probability if trainer.head.sparse else 1.0)
    record = DaptRecord.new(
        checkpoint={"name": folder.resolve().name, "sha256": weights_hash(trained)},
        seed=args.seed,
        **about,
        masking=args.masking,
        corpus=texts.counts,
        held_out=texts.held_out_counts,
        epochs=None if args.streaming else state.epoch,
        steps=state.global_step,
        tokens_seen=state.num_input_tokens_seen,  # special tokens included
        losses=trainer.history(),
        head_on_masked_positions_only=trainer.head.sparse,
        speed=training_speed(trainer, trainer.clock, flop),
    )
    run_folder.put_model(folder, trained, trainer.processing_class)
    write_text(folder / README_FILE, dapt_card(record))
    write_record(folder / RECORD_FILE, record)
    if not args.keep_checkpoints:
        run_folder.remove_checkpoints(folder)
    return record


def _identity(corpus: Corpus, held_out_corpus: Corpus | None, names: Collection[str] | None) -> str:
    """A hash of all text of the run and of how it is read."""
    parts = [corpus.identity(), held_out_corpus.identity() if held_out_corpus else None, sorted(set(names or ()))]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _texts(packing: Packing, held_out_corpus: Corpus, args: DaptArguments) -> Texts:
    corpus = packing.corpus
    if args.streaming:
        blocks, counts = (
            block_stream(packing, shuffle_seed=args.seed),
            BlockCounts(names_left_out=packing.names_left_out),
        )
        next(iter(blocks))  # raises now if the corpus does not fill one block
    else:
        progress = not args.disable_tqdm and args.should_save and is_terminal(sys.stderr)
        blocks, counts = block_dataset(packing, progress=progress)
    if corpus.exclude_titles and counts.documents_excluded == 0:
        logger.warning("none of the %d titles to exclude is in %s", len(corpus.exclude_titles), corpus)
    if args.masking == "entity" and counts.entities == 0:
        raise ValueError(
            f"no entity in {corpus}: the masking 'entity' needs tagged text (a column entities with start and end, as "
            "`crossner-hf predict --to jsonl` writes it) or names (--gazetteer)"
        )
    if not args.held_out:
        return Texts(blocks, counts)
    selection = Selection(held_out=args.held_out, max_tokens=args.held_out_tokens)
    try:
        return Texts(
            blocks,
            counts,
            *block_dataset(Packing(held_out_corpus, packing.tokenizer, args.block_size, selection, part="held_out")),
        )
    except ValueError as error:
        raise ValueError(
            f"text held out: {error} (--held-out is the percentage of the documents; 0: no held-out text)"
        ) from error
