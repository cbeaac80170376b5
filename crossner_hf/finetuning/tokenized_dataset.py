"""What a stage trains on and is scored on: sentences of source and target, chosen, tokenized and weighted."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from datasets import Dataset
from transformers import PreTrainedConfig

from crossner_hf.finetuning.arguments import FineTuningArguments
from crossner_hf.finetuning.evaluation import warn_of_edges_without_tokens
from crossner_hf.finetuning.settings import Stage, Stream
from crossner_hf.finetuning.streams import DOMAIN_IDS, Mixture
from crossner_hf.finetuning.task import Task
from crossner_hf.finetuning.transfer import label_map
from crossner_hf.schema import Domain
from crossner_hf.tagger.iob2 import Span, spans
from crossner_hf.tagger.tokenize_and_align import IGNORED, encode_labelled, max_tokens

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class DevSet:
    """What a stage is scored on while it trains.

    Args:
        domain: The domain of the labels.
        rows: Tokenized sentences, sorted by length.
        order: Index into `gold` for each row.
        gold: Label ids of all words of every sentence, in the order of the file.
        labelled: Indices of the words of each sentence that the model sees. A word without tokens within an entity
            counts as part of it, every other as predicted `O`.
    """

    domain: Domain
    rows: Dataset
    order: list[int]
    gold: list[list[int]]
    labelled: list[list[int]]


@dataclass(frozen=True)
class Examples:
    """What a stage learns from. `cut` counts the gold entities beyond `max_length`, for each set.

    `mixture` says how batches mix the streams of `train`; None: the rows in any order.
    """

    train: Dataset
    dev: DevSet | None
    cut: dict[str, int]
    mixture: Mixture | None = None


def stage_examples(stage: Stage, task: Task, config: PreTrainedConfig, args: FineTuningArguments) -> Examples:
    """Tokenize the sentences of a stage, for a model with that config.

    A sentence that is drawn several times stands in `train` by several indices, not copies.
    """
    labels = task.domains[stage.labels]
    limit = min(args.max_length or 1_000_000, max_tokens(task.tokenizer, config))
    lost: dict[str, int] = {}

    def encode(
        tokens: list[list[str]], tags: list[list[int]], name: str, names: Domain = labels
    ) -> tuple[dict[str, Any], list[list[int]]]:
        columns, labelled = encode_labelled(task.tokenizer, tokens, tags, limit)
        # The words of a row that is not full were not cut off, but some may have no token.
        full = [len(row) >= limit for row in columns["input_ids"]]
        ends = [seen[-1] + 1 if seen and cut else len(ids) for seen, cut, ids in zip(labelled, full, tags, strict=True)]
        entities = [spans([names.labels[i] for i in ids]) for ids in tags]
        lost[name] = _entities_lost(entities, labelled, ends, name, limit)
        return columns, labelled

    def as_target(rows: dict[str, Any]) -> list[list[int]]:
        if task.source_types is None:
            return translate(rows["ner_tags"], task.domains["source"], labels)
        return task.source_types.translate(rows["tokens"], rows["ner_tags"])

    def encode_stream(stream: Stream) -> dict[str, Any]:
        if stream.raw:
            raw = task.raw_sentences(stream.whose)
            return encode_labelled(task.tokenizer, raw, [[IGNORED] * len(words) for words in raw], limit)[0]
        rows = task.rows(stream.whose, "train")
        if stream.whose == "target":
            return encode(rows["tokens"], rows["ner_tags"], "train")[0]
        source = task.domains["source"]
        if stream.own_labels:
            return encode(rows["tokens"], rows["ner_tags"], "source", source)[0]
        return encode(rows["tokens"], as_target(rows), "source")[0]

    train, mixture = _joined(stage, [encode_stream(stream) for stream in stage.streams])
    if stage.epochs is not None:
        return Examples(train, None, lost, mixture)
    # Without labels of the target, the source's dev set chooses the epoch.
    whose = "target" if any(stream.whose == "target" and not stream.raw for stream in stage.streams) else "source"
    rows = task.rows(whose, "validation")
    gold = rows["ner_tags"] if whose == "target" else as_target(rows)
    encoded, labelled = encode(rows["tokens"], gold, "validation")
    if whose == "source":
        encoded["domain_ids"] = [DOMAIN_IDS[whose]] * len(gold)
    lengths = [len(row) for row in encoded["input_ids"]]
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    dev = DevSet(labels, Dataset.from_dict(encoded).select(order), order, gold, labelled)
    return Examples(train, dev, lost, mixture)


def _joined(stage: Stage, encoded: Sequence[dict[str, list[Any]]]) -> tuple[Dataset, Mixture | None]:
    """Join the rows of the streams; where batches are mixed, a row stands in the set as often as an epoch draws it."""
    sizes = [len(columns["input_ids"]) for columns in encoded]
    columns = {name: [value for rows in encoded for value in rows[name]] for name in encoded[0]}
    if stage.batches == "mixed":
        train, repeats = Dataset.from_dict(columns), [stream.repeats for stream in stage.streams]
        if max(repeats) > 1:
            train = train.select(np.repeat(np.arange(sum(sizes)), np.repeat(repeats, sizes)))
        return train, None
    columns["domain_ids"] = np.repeat([DOMAIN_IDS[stream.whose] for stream in stage.streams], sizes).tolist()
    return Dataset.from_dict(columns), Mixture.of(stage, sizes)


def translate(tags: Sequence[Sequence[int]], source: Domain, labels: Domain) -> list[list[int]]:
    """Translate the source's label ids into another domain's. A type that it lacks becomes `O`, with a warning."""
    ids = label_map(source, labels)
    lost = [source.labels[tag] for sentence in tags for tag in sentence if tag not in ids]
    if lost:
        logger.warning(
            "%d words of %s count as O, for %s has no type %s",
            *(len(lost), source.name, labels.name, ", ".join(sorted({label[2:] for label in lost}))),
        )
    return [[ids.get(tag, 0) for tag in sentence] for sentence in tags]


def _entities_lost(
    entities: Sequence[Sequence[Span]],
    labelled: Sequence[Sequence[int]],
    ends: Sequence[int],
    name: str,
    limit: int,
) -> int:
    """Warn of gold entities that no model can find whole, and count those with a word beyond the cut.

    For each sentence: its entities, the words that the model sees, and the number of its words before the cut.
    """
    beyond = without_tokens = 0
    for spans_here, seen, end in zip(entities, map(set, labelled), ends, strict=True):
        cut_off = [span.end > end for span in spans_here]
        beyond += sum(cut_off)
        # A word without tokens inside an entity is taken for a part of it; at its edge nothing tells where it belongs.
        edges = [not {span.start, span.end - 1} <= seen for span in spans_here]
        without_tokens += sum(edge and not cut for edge, cut in zip(edges, cut_off, strict=True))
    total = sum(map(len, entities))
    if beyond:
        logger.warning(
            "%d of %d entities of %s lie beyond max_length=%d tokens; they can be neither learned nor predicted",
            *(beyond, total, name, limit),
        )
    warn_of_edges_without_tokens(without_tokens, total, name)
    return beyond
