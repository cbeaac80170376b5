"""What a stage trains on and is scored on: sentences of source and target, chosen, encoded and weighted."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from datasets import Dataset

from crossner_hf.finetuning.arguments import FineTuningArguments
from crossner_hf.finetuning.settings import Stage
from crossner_hf.finetuning.task import Task
from crossner_hf.finetuning.transfer import label_map
from crossner_hf.schema import Domain
from crossner_hf.tagger.iob2 import spans
from crossner_hf.tagger.tokenize_and_align import encode_labelled, max_tokens

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class DevSet:
    """What a stage is scored on while it trains.

    rows:     encoded sentences, sorted by length
    order:    row to index into `gold`
    gold:     label ids of every sentence, in the order of the file, cut nowhere
    labelled: for each of them the indices of the words that the model sees; the others count as predicted `O`
    """

    rows: Dataset
    order: list[int]
    gold: list[list[int]]
    labelled: list[list[int]]


@dataclass(frozen=True)
class Examples:
    """What a stage learns from. `cut`: of each set, how many gold entities lie beyond `max_length`."""

    train: Dataset
    dev: DevSet | None
    cut: dict[str, int]


def stage_examples(stage: Stage, task: Task, config, args: FineTuningArguments) -> Examples:
    """The encoded sentences of a stage, for a model with that config.

    A sentence that is drawn several times stands in `train` by several indices, not copies.
    """
    labels = task.domains[stage.labels]
    limit = min(args.max_length or 1_000_000, max_tokens(task.tokenizer, config))
    columns: dict[str, list] = {}
    weights: list[int] = []
    cut: dict[str, int] = {}
    for whose in stage.rows:
        rows = task.rows(whose, "train")
        tokens, tags = rows["tokens"], rows["ner_tags"]
        if whose == "source":
            tags = translate(tags, task.domains["source"], labels)
        encoded, seen = encode_labelled(task.tokenizer, tokens, tags, limit)
        name = "train" if whose == "target" else "source"
        cut[name] = _entities_lost(tags, seen, labels, name, limit)
        for column, values in encoded.items():
            columns.setdefault(column, []).extend(values)
        weights += [stage.repeats if whose == "target" else 1] * len(tokens)
    train = Dataset.from_dict(columns)
    if stage.repeats > 1:
        train = train.select(np.repeat(np.arange(len(weights)), weights))
    if stage.epochs is not None:
        return Examples(train, None, cut)
    rows = task.rows("target", "validation")
    encoded, seen = encode_labelled(task.tokenizer, rows["tokens"], rows["ner_tags"], limit)
    cut["validation"] = _entities_lost(rows["ner_tags"], seen, labels, "validation", limit)
    lengths = [len(row) for row in encoded["input_ids"]]
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    return Examples(train, DevSet(Dataset.from_dict(encoded).select(order), order, rows["ner_tags"], seen), cut)


def translate(tags: Sequence[Sequence[int]], source: Domain, labels: Domain) -> list[list[int]]:
    """The source's label ids in another domain's list. A type that it lacks becomes `O`, with a warning."""
    ids = label_map(source, labels)
    lost = [source.labels[tag] for sentence in tags for tag in sentence if tag not in ids]
    if lost:
        logger.warning(
            "%d words of %s count as O, for %s has no type %s",
            *(len(lost), source.name, labels.name, ", ".join(sorted({label[2:] for label in lost}))),
        )
    return [[ids.get(tag, 0) for tag in sentence] for sentence in tags]


def _entities_lost(tags, labelled, domain: Domain, name: str, limit: int) -> int:
    """How many gold entities hold a word that the model does not see."""
    lost = total = 0
    for ids, seen in zip(tags, map(set, labelled)):
        found = spans([domain.labels[i] for i in ids])
        total += len(found)
        lost += sum(not seen.issuperset(range(span.start, span.end)) for span in found)
    if lost:
        logger.warning(
            "%d of %d entities of %s lie beyond max_length=%d pieces and cannot be learned or found",
            *(lost, total, name, limit),
        )
    return lost
