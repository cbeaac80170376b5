"""What is mixed into concept pre-training, each in a stated share of the tokens: labelled sentences, and raw text.

A labelled sentence becomes a row of concept data: the phrases of a mention are those that describe its type, and all
other words are outside. Types are coarser than concepts (a "person" may be a "singer"), so the two are no negatives of
each other; see `batches.py`. Raw text becomes blocks as for DAPT, masked by the paper's rule, anew in each epoch.
"""

import hashlib
import json
import logging
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from transformers import PreTrainedTokenizerBase

from crossner_hf.concepts.arguments import ConceptArguments
from crossner_hf.concepts.concept_data import about_tokens, checksums, choose_rows, identity, read_rows
from crossner_hf.concepts.rows import ConceptRow, Mention, TextBlock
from crossner_hf.corpora.corpus import Corpus
from crossner_hf.data.builder import load
from crossner_hf.masking import DataCollatorForTokenMasking
from crossner_hf.pretraining.blocks import block_dataset
from crossner_hf.pretraining.packing import Packing
from crossner_hf.pretraining.trainer import make_collator
from crossner_hf.schema import Domain, get_domain
from crossner_hf.tagger.iob2 import spans

logger = logging.getLogger(__name__)

MASKING, MLM_PROBABILITY = "span", 0.2  # of the paper's DAPT


class Streams(NamedTuple):
    """What a run trains on.

    Args:
        concepts: Sentences of concept data.
        labelled: Labelled sentences.
        text: Blocks of raw text.
        about: What the run's settings and its record say of them.
    """

    concepts: list[ConceptRow]
    labelled: list[ConceptRow]
    text: list[TextBlock]
    about: dict[str, Any]

    def rows(self) -> list[ConceptRow | TextBlock]:
        """Give the rows of all streams, one stream after the other."""
        return [*self.concepts, *self.labelled, *self.text]


def read_streams(
    data: str | Path,
    args: ConceptArguments,
    tokenizer: PreTrainedTokenizerBase,
    data_dir: str | Path | None = None,
) -> Streams:
    """Choose the sentences and blocks of all streams.

    Args:
        data: A folder of concept data.
        args: The run's arguments.
        tokenizer: The encoder's tokenizer.
        data_dir: Folder of the official files, for `args.ner_source`.

    Raises:
        ValueError: Something cannot be read, or gives no sentence or block.
    """
    concepts = choose_rows(list(read_rows(data)), args.max_tokens, args.seed)
    about: dict[str, Any] = {"data_sha256": checksums(data), "sentences_sha256": identity(concepts)}
    streams = Streams(concepts, [], [], about)
    shares = args.stream_shares()
    every = sum(map(about_tokens, concepts)) / (1 - sum(shares.values()))  # tokens of an epoch
    if args.ner_source:
        domain = get_domain(args.ner_source)
        rows = labelled_rows(domain, data_dir)
        chosen = _some([about_tokens(row) for row in rows], shares["ner_source"] * every, args.seed, "ner_source")
        streams.labelled.extend(rows[i] for i in chosen)
        about["ner_source"] = {
            "domain": domain.name,
            "share": args.ner_share,
            "sentences": len(chosen),
            "sha256": identity(streams.labelled),
        }
    if args.mlm_text:
        corpus = Corpus(tuple(args.mlm_text))
        blocks, _ = block_dataset(Packing(corpus, tokenizer, args.max_length))
        chosen = _some([args.max_length] * len(blocks), shares["mlm_text"] * every, args.seed, "mlm_text")
        streams.text.extend({"input_ids": ids} for ids in blocks.select(chosen)["input_ids"])
        about["mlm_text"] = {
            "share": args.mlm_share,
            "corpus_sha256": corpus.checksums(),
            "texts_sha256": hashlib.sha256(json.dumps(corpus.identity()).encode()).hexdigest(),
            "blocks": len(chosen),
            "block_size": args.max_length,
            "masking": MASKING,
            "mlm_probability": MLM_PROBABILITY,
        }
    return streams


def text_masker(tokenizer: PreTrainedTokenizerBase, seed: int) -> DataCollatorForTokenMasking:
    """Make what masks the raw text."""
    return make_collator(MASKING, tokenizer, MLM_PROBABILITY, seed)


def labelled_rows(domain: Domain, data_dir: str | Path | None = None) -> list[ConceptRow]:
    """Make rows of the training sentences of a domain."""
    data = load(domain.folder or domain.name, split="train", data_dir=data_dir)
    rows: list[ConceptRow] = []
    for words, ids in zip(data["tokens"], data["ner_tags"], strict=True):
        mentions: list[Mention] = [
            {"start": s.start, "end": s.end, "phrases": [*domain.phrases(s.entity_type)]}
            for s in spans([domain.labels[i] for i in ids])
        ]
        rows.append({"tokens": list(words), "mentions": mentions, "unknown": [], "labelled": True})
    return rows


def _some(sizes: list[float], tokens: float, seed: int, stream: str) -> list[int]:
    """Draw rows of about so many tokens; of two sizes the smaller is part of the larger."""
    order = np.random.default_rng(seed).permutation(len(sizes))
    total = np.cumsum([sizes[i] for i in order])
    if total[-1] < tokens:
        share = f"{total[-1]:,.0f} of about {tokens:,.0f} tokens"
        logger.warning("%s: all of it is used, and it fills less than its share: %s", stream, share)
    chosen: list[int] = order[: max(1, int(np.searchsorted(total, tokens, "right")))].tolist()
    return chosen
