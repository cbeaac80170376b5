"""What is mixed into concept pre-training: labelled sentences of some domain, in a stated share of the tokens.

A labelled sentence becomes a row of concept data: the phrases of a mention are those that describe its type, and all
other words are outside. Types are coarser than concepts (a "person" may be a "singer"), so the two are no negatives of
each other; see `batches.py`.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from crossner_hf.concepts.arguments import ConceptArguments
from crossner_hf.concepts.concept_data import about_tokens, checksums, choose_rows, identity, read_rows
from crossner_hf.concepts.rows import ConceptRow, Mention
from crossner_hf.data.builder import load
from crossner_hf.schema import Domain, get_domain
from crossner_hf.tagger.iob2 import spans

logger = logging.getLogger(__name__)


class Streams(NamedTuple):
    """What a run trains on.

    Args:
        concepts: Sentences of concept data.
        labelled: Labelled sentences.
        about: What the run's settings and its record say of them.
    """

    concepts: list[ConceptRow]
    labelled: list[ConceptRow]
    about: dict[str, Any]

    def rows(self) -> list[ConceptRow]:
        """Give the rows of all streams, one stream after the other."""
        return [*self.concepts, *self.labelled]


def read_streams(data: str | Path, args: ConceptArguments, data_dir: str | Path | None = None) -> Streams:
    """Choose the sentences of all streams.

    Args:
        data: A folder of concept data.
        args: The run's arguments.
        data_dir: Folder of the official files, for `args.ner_source`.

    Raises:
        ValueError: Something cannot be read, or gives no sentence.
    """
    concepts = choose_rows(list(read_rows(data)), args.max_tokens, args.seed)
    about: dict[str, Any] = {"data_sha256": checksums(data), "sentences_sha256": identity(concepts)}
    if args.ner_source is None:
        return Streams(concepts, [], about)
    domain = get_domain(args.ner_source)
    tokens = sum(map(about_tokens, concepts)) * args.ner_share / (1 - args.ner_share)
    labelled = _some(labelled_rows(domain, data_dir), tokens, args.seed)
    about["ner_source"] = {
        "domain": domain.name,
        "share": args.ner_share,
        "sentences": len(labelled),
        "sha256": identity(labelled),
    }
    return Streams(concepts, labelled, about)


def labelled_rows(domain: Domain, data_dir: str | Path | None = None) -> list[ConceptRow]:
    """Make rows of the training sentences of a domain."""
    data = load(domain.folder or domain.name, split="train", data_dir=data_dir)
    rows: list[ConceptRow] = []
    for words, ids in zip(data["tokens"], data["ner_tags"], strict=True):
        found = spans([domain.labels[i] for i in ids])
        mentions: list[Mention] = [
            {"start": s.start, "end": s.end, "phrases": [*domain.phrases(s.entity_type)]} for s in found
        ]
        rows.append({"tokens": list(words), "mentions": mentions, "unknown": [], "labelled": True})
    return rows


def _some(rows: Sequence[ConceptRow], tokens: float, seed: int) -> list[ConceptRow]:
    """Draw rows of about so many tokens; of two sizes the smaller is part of the larger."""
    order = np.random.default_rng(seed).permutation(len(rows))
    sizes = np.cumsum([about_tokens(rows[i]) for i in order])
    if sizes[-1] < tokens:
        logger.warning("all %d labelled sentences are used; they fill less than their share", len(rows))
    return [rows[i] for i in order[: max(1, int(np.searchsorted(sizes, tokens, "right")))]]
