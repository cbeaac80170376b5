"""Domain-adaptive pre-training: masked-language modelling on a corpus, its held-out losses, and the record of both."""

import copy
import hashlib
import json
import logging
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from accelerate.utils import broadcast_object_list
from datasets import Dataset, IterableDataset
from transformers import IntervalStrategy, set_seed

from crossner_hf.atomic_write import write_text
from crossner_hf.corpora.corpus import Corpus, Selection
from crossner_hf.packaged_encoder import encoder_name, encoder_path
from crossner_hf.pretraining.arguments import DaptArguments
from crossner_hf.pretraining.blocks import block_dataset
from crossner_hf.pretraining.dapt_card import dapt_card
from crossner_hf.pretraining.masked_lm import load_masked_lm
from crossner_hf.pretraining.trainer import DaptTrainer
from crossner_hf.results.record_files import RECORD_FILE, write_record
from crossner_hf.results.records import BlockCounts, DaptRecord
from crossner_hf.training import run_folder
from crossner_hf.training.flops import training_speed
from crossner_hf.training.progress import DaptProgress, show_progress
from crossner_hf.training.resume import claimed, train_from, weights_hash
from crossner_hf.training.run_arguments import told_arguments

logger = logging.getLogger(__name__)

README_FILE = "README.md"


class Texts(NamedTuple):
    """What a run trains on and is scored on."""

    blocks: Dataset | IterableDataset
    counts: BlockCounts
    held_out: Dataset | None
    held_out_counts: BlockCounts | None


def dapt(
    corpus: Corpus,
    model: str,
    args: DaptArguments,
    *,
    domain: str | None = None,
    level: str | None = None,
    held_out_corpus: Corpus | None = None,
    names: Collection[str] | None = None,
    resume: bool = False,
    callbacks: Sequence = (),
) -> DaptRecord:
    """Pre-train a masked language model on a corpus and save it for `from_pretrained`; gives the record.

    model:           a folder, a Hub id, or 'minilm' (the encoder of the extra `offline`)
    domain, level:   what the corpus is, for the record alone
    held_out_corpus: text whose held-out part is scored, in the place of the corpus's own: the same documents that a run
                     on that text with the same `held_out` leaves out, so that runs on different text compare
    names:           names of entities to mask whole, for the masking 'entity', where the text is not tagged
    resume:          go on from the last checkpoint in `args.output_dir`, with the result that the run would have had
                     without the break; a finished run gives its record again

    The folder then holds the model, `run.json`, `record.json` and a README made from it. Raises FolderInUse where it
    holds anything else, and ValueError for a corpus, tokenizer or block size that does not do.
    """
    _check(args, held_out_corpus, names)
    set_seed(args.seed)
    network, tokenizer, head = load_masked_lm(encoder_path(model), args.block_size)
    asked = {
        "domain": domain,
        "level": level,
        "corpus_sha256": corpus.checksums(),
        "held_out_sha256": held_out_corpus.checksums() if held_out_corpus else None,
        "excluded_titles": len(corpus.exclude_titles),
        "gazetteer_names": len(set(names)) if names else None,
        "texts_sha256": _identity(corpus, held_out_corpus, names),
        "encoder": {"name": encoder_name(model), "sha256": weights_hash(network), "head": head},
        "processes": args.world_size * max(1, args.n_gpu),
        "arguments": told_arguments(args),
    }
    with claimed(asked, args, resume=resume) as (finished, checkpoint):
        if finished:
            logger.info("%s: this run is already finished", args.output_dir)
            return finished
        texts = _texts(corpus, held_out_corpus, names, tokenizer, args)
        trainer = make_trainer(network, tokenizer, texts, args, callbacks)
        seconds = train_from(trainer, checkpoint)
        if texts.held_out is not None and trainer.last_scored != trainer.state.global_step:
            trainer.evaluate()
        about = {**asked, "wall_seconds": round(seconds, 1), "resumed": checkpoint is not None}
        record = _save(trainer, texts, about) if args.should_save else None
        return broadcast_object_list([record])[0]


def make_trainer(network, tokenizer, texts: Texts, args: DaptArguments, callbacks: Sequence = ()) -> DaptTrainer:
    """The Trainer of a run."""
    if texts.held_out is None:
        args = copy.copy(args)
        args.eval_strategy, args.eval_on_start = IntervalStrategy.NO, False
    trainer = DaptTrainer(
        model=network,
        args=args,
        tokenizer=tokenizer,
        train_dataset=texts.blocks,
        held_out=texts.held_out,
        callbacks=callbacks,
    )
    show_progress(trainer, DaptProgress())
    return trainer


def _save(trainer: DaptTrainer, texts: Texts, about: dict[str, Any]) -> DaptRecord:
    """Put model, README and record into the folder, the record last; gives the record."""
    args, folder, state = trainer.args, Path(trainer.args.output_dir), trainer.state
    trainer.head.remove()
    trained = trainer.accelerator.unwrap_model(trainer.model)
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
        speed=training_speed(trainer),
    )
    run_folder.put_model(folder, trained, trainer.processing_class)
    write_text(folder / README_FILE, dapt_card(record))
    write_record(folder / RECORD_FILE, record)
    if not args.keep_checkpoints:
        run_folder.remove_checkpoints(folder)
    return record


def _check(args: DaptArguments, held_out_corpus: Corpus | None, names: Collection[str] | None) -> None:
    if held_out_corpus and not args.held_out:
        raise ValueError("held_out_corpus has no effect with held_out=0: give the percentage of its documents to score")
    if names and args.masking != "entity":
        raise ValueError(f"names of entities (--gazetteer) are for the masking 'entity', not {args.masking!r}")


def _identity(corpus: Corpus, held_out_corpus: Corpus | None, names: Collection[str] | None) -> str:
    """A hash of all text of the run and of how it is read."""
    parts = [corpus.identity(), held_out_corpus.identity() if held_out_corpus else None, sorted(set(names or ()))]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _texts(corpus: Corpus, held_out_corpus: Corpus | None, names, tokenizer, args: DaptArguments) -> Texts:
    blocks, counts = block_dataset(
        corpus,
        tokenizer,
        args.block_size,
        args.selection(),
        with_entities=args.masking == "entity",
        names=names or None,
        streaming=args.streaming,
        shuffle_seed=args.seed,
        progress=not args.disable_tqdm and args.should_save and sys.stderr.isatty(),
    )
    if corpus.exclude_titles and counts.documents_excluded == 0:
        logger.warning("none of the %d titles to exclude stands in %s", len(corpus.exclude_titles), corpus)
    if args.masking == "entity" and counts.entities == 0:
        raise ValueError(
            f"no entity in {corpus}: the masking 'entity' needs tagged text (a column entities with start and end, as "
            "`crossner-hf predict --to jsonl` writes it) or names (--gazetteer)"
        )
    if args.streaming:
        next(iter(blocks))  # raises here and now where there is not one block
    if not args.held_out:
        return Texts(blocks, counts, None, None)
    try:
        held_out, held_out_counts = block_dataset(
            held_out_corpus or corpus,
            tokenizer,
            args.block_size,
            Selection(held_out=args.held_out, max_tokens=args.held_out_tokens),
            part="held_out",
        )
    except ValueError as error:
        raise ValueError(f"text held out: {error} (--held_out gives its percentage; 0 does without)") from error
    return Texts(blocks, counts, held_out, held_out_counts)
