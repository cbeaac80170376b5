"""Domain-adaptive pre-training: masked-language modelling on a corpus, its held-out losses, and the record of both."""

import logging
import sys
from collections.abc import Collection, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import broadcast_object_list
from transformers import AutoModelForMaskedLM, AutoTokenizer, IntervalStrategy, set_seed

from crossner_hf import records
from crossner_hf.data.blocks import Selection, block_dataset
from crossner_hf.data.text import Corpus
from crossner_hf.encoding import position_limit
from crossner_hf.inference import load_config
from crossner_hf.packaged import encoder_name, encoder_path
from crossner_hf.training import run_folder
from crossner_hf.training.arguments import told_arguments
from crossner_hf.training.dapt_arguments import DaptArguments
from crossner_hf.training.dapt_card import dapt_card
from crossner_hf.training.dapt_trainer import DaptTrainer
from crossner_hf.training.floor import masked_lm_flop, matmul_peak
from crossner_hf.training.progress import DaptProgress, show_progress
from crossner_hf.training.resume import claim, train_from, weights_hash

logger = logging.getLogger(__name__)

README_FILE = "README.md"


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
) -> dict[str, Any]:
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
    set_seed(args.seed)
    network, tokenizer, head = load_masked_lm(encoder_path(model), args.block_size)
    asked = {
        "domain": domain,
        "level": level,
        "corpus_sha256": corpus.checksums(),
        "excluded_titles": len(corpus.exclude_titles),
        "held_out_sha256": held_out_corpus.checksums() if held_out_corpus else None,
        "gazetteer_names": len(names) if names else None,
        "encoder": {"name": encoder_name(model), "sha256": weights_hash(network), "head": head},
        "processes": args.world_size * max(1, args.n_gpu),
        "arguments": told_arguments(args),
    }
    finished, checkpoint = claim(asked, args, resume=resume)
    if finished:
        logger.info("%s: this run is already finished", args.output_dir)
        return finished

    try:
        blocks, counts, held_out, held_out_counts = _blocks(corpus, held_out_corpus, names, tokenizer, args)
    except (ValueError, OSError):
        run_folder.release(Path(args.output_dir))
        raise
    if held_out is None:
        args.eval_strategy, args.eval_on_start = IntervalStrategy.NO, False
    trainer = DaptTrainer(
        model=network,
        args=args,
        tokenizer=tokenizer,
        train_dataset=blocks,
        held_out=held_out,
        callbacks=callbacks,
    )
    step_pieces = args.block_size * args.train_batch_size * args.world_size * args.gradient_accumulation_steps
    show_progress(trainer, DaptProgress(step_pieces))
    seconds = train_from(trainer, checkpoint)
    if held_out is not None and _history(trainer)[-1]["step"] != trainer.state.global_step:
        trainer.evaluate()
    record = None
    if args.should_save:
        folder, trained = Path(args.output_dir), trainer.accelerator.unwrap_model(trainer.model)
        record = records.new_record(
            "dapt",
            checkpoint={"name": folder.resolve().name, "sha256": weights_hash(trained)},
            seed=args.seed,
            **asked,
            masking=args.masking,
            corpus=asdict(counts),
            held_out=held_out_counts and asdict(held_out_counts),
            epochs=trainer.state.epoch,
            steps=trainer.state.global_step,
            pieces_seen=step_pieces * trainer.state.global_step,
            losses=_history(trainer),
            wall_seconds=round(seconds, 1),
            resumed=checkpoint is not None,
            head_on_masked_positions_only=trainer.head.sparse,
            speed=_speed(trainer, step_pieces),
        )
        trainer.head.remove()
        run_folder.put_model(folder, trained, tokenizer)
        records.write_text(folder / README_FILE, dapt_card(record))
        records.write_record(folder / run_folder.RECORD_FILE, record)
        if not args.keep_checkpoints:
            run_folder.remove_checkpoints(folder)
    return broadcast_object_list([record])[0]


def load_masked_lm(name_or_path: str, block_size: int):
    """The checkpoint as a masked LM, its tokenizer, and whether it had a head ('kept') or gets one ('made, tied').

    Raises ValueError where the tokenizer is slow or has no mask token, and where a block is longer than the encoder's
    position table.
    """
    config = load_config(name_or_path)
    tokenizer = AutoTokenizer.from_pretrained(name_or_path)
    if not tokenizer.is_fast or tokenizer.mask_token is None:
        lacks = "mask token" if tokenizer.is_fast else "fast version"
        raise ValueError(f"{name_or_path}: its tokenizer has no {lacks}, which masked-language modelling needs")
    limit = position_limit(config)
    if limit is not None and block_size > limit:
        raise ValueError(
            f"block_size={block_size} is longer than the {limit} positions of {encoder_name(name_or_path)}"
        )
    model, loading = AutoModelForMaskedLM.from_pretrained(name_or_path, config=config, output_loading_info=True)
    encoder = f"{model.base_model_prefix}."
    missing = [key for key in loading["missing_keys"] if not key.startswith(encoder)]
    if missing:
        logger.warning(
            "%s has no masked-LM head: one is made, with the embeddings as its output matrix. A comparison of runs "
            "that start here mixes learning the head with learning the text",
            encoder_name(name_or_path),
        )
    return model, tokenizer, "made, tied to the embeddings" if missing else "kept"


def _blocks(corpus: Corpus, held_out_corpus: Corpus | None, names, tokenizer, args: DaptArguments):
    """Blocks to train on and their counts, and blocks held out and theirs."""
    if names and args.masking != "entity":
        raise ValueError(f"names of entities (--gazetteer) are for the masking 'entity', not {args.masking!r}")
    entities = {"with_entities": args.masking == "entity", "names": names or None}
    blocks, counts = block_dataset(
        corpus,
        tokenizer,
        args.block_size,
        args.selection(),
        streaming=args.streaming,
        progress=not args.disable_tqdm and args.should_save and sys.stderr.isatty(),
        **entities,
    )
    if args.masking == "entity" and counts.entities == 0:
        raise ValueError(
            f"no entity in {corpus}: the masking 'entity' needs tagged text (a column entities with start and end, as "
            "`crossner-hf predict --to jsonl` writes it) or names (--gazetteer)"
        )
    if not args.held_out:
        return blocks, counts, None, None
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
    return blocks, counts, held_out, held_out_counts


def _history(trainer: DaptTrainer) -> list[dict[str, float]]:
    """The held-out losses by step: `step`, `token_loss`, `token_perplexity`, `span_loss`, `span_perplexity`."""
    found = {}
    for entry in trainer.state.log_history:
        scores = {name[5:]: value for name, value in entry.items() if name.startswith("eval_")}
        if scores:
            found[entry["step"]] = {"step": entry["step"], **scores}
    return list(found.values())


def _speed(trainer: DaptTrainer, step_pieces: int) -> dict[str, float] | None:
    """Pieces a second in this call's optimizer steps, and the share that is of what the machine's FLOP/s allow."""
    steps, seconds = trainer.clock.steps, trainer.clock.seconds
    if not steps:
        return None
    args = trainer.args
    share = args.mlm_probability if trainer.head.sparse else 1.0
    flop = masked_lm_flop(trainer.accelerator.unwrap_model(trainer.model), args.block_size, share)
    dtype = torch.bfloat16 if args.bf16 else torch.float16 if args.fp16 else torch.float32
    peak = matmul_peak(device=args.device, dtype=dtype) * args.world_size
    rate = steps * step_pieces / seconds
    return {
        "pieces_per_second": round(rate, 1),
        "gflop_per_piece": round(flop / 1e9, 5),
        "matmul_peak_gflop_per_second": round(peak / 1e9, 1),
        "share_of_floor": round(rate * flop / peak, 3),
    }
