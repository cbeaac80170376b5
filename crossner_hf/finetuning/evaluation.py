"""Scores of a saved tagger on a domain's split, under the three conventions that every record holds."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch

from crossner_hf.data.builder import load
from crossner_hf.data.sources import is_official
from crossner_hf.metric import score
from crossner_hf.metric.calibration import calibration
from crossner_hf.metric.crossner.span_f1 import DEFAULT_CONVENTIONS, check_conventions
from crossner_hf.results.records import EvaluationRecord
from crossner_hf.schema import Domain, canonical, get_domain
from crossner_hf.tagger.iob2 import spans, split_tag, stray_inside_opens
from crossner_hf.tagger.tagger import Tagger

logger = logging.getLogger(__name__)


def label_names(id2label: Mapping[int, str], domain: Domain, name: str) -> dict[str, str]:
    """Map a model's spellings of labels to the domain's ('B-organization' to 'B-organisation').

    Raises ValueError if the two sets of labels differ; the message names the differences.
    """
    known = {_plain(label): label for label in domain.labels}
    names = {
        label: label if label in domain.label2id else known.get(_plain(label), label) for label in id2label.values()
    }
    extra = sorted(set(names.values()) - set(domain.labels))
    missing = sorted(set(domain.labels) - set(names.values()))
    if extra or missing:
        differences = [f"it has {_first(extra)}, which the domain has not"] if extra else []
        differences += [f"it lacks {_first(missing)}"] if missing else []
        hint = "evaluate --library transformers scores a model with other types"
        raise ValueError(f"the labels of {name} are not those of {domain.name}: {'; '.join(differences)} ({hint})")
    return names


def _plain(label: str) -> str:
    """A label in one spelling: 'B-Organization' gives 'B-organisation'."""
    prefix, entity_type = split_tag(label)
    return f"{prefix}-{canonical(entity_type)}"


def _first(labels: Sequence[str], most: int = 6) -> str:
    return ", ".join(labels[:most]) + (f" and {len(labels) - most} more" if len(labels) > most else "")


def is_crossner(domain: Domain, verify: bool) -> bool:
    """Return whether a score on this data is a score on CrossNER (or its source), not on a sample or other files."""
    return is_official(domain) and verify


def evaluate(
    model: str | Path | Tagger,
    domain: str | Domain,
    split: str = "test",
    *,
    data_dir: str | Path | None = None,
    verify: bool = True,
    conventions: Sequence[str] = DEFAULT_CONVENTIONS,
) -> EvaluationRecord:
    """Score a tagger on one split.

    Long sentences are tagged in overlapping windows, so every gold entity can be found.

    Args:
        model: A folder, a Hub id, or a tagger.
        domain: A domain or its name.
        split: 'train', 'validation' or 'test'.
        data_dir: Folder of the official files; see `crossner_hf.load`.
        verify: Whether the files must be the official ones.
        conventions: The conventions to score under.

    Returns:
        The record of the evaluation; `record.scores["test"]["conlleval"].overall.f1` is the F1 on the test split.

    Raises:
        ValueError: The tagger's labels are not the domain's.
    """
    conventions = check_conventions(conventions, has_tokens=True)
    domain = domain if isinstance(domain, Domain) else get_domain(domain)
    tagger = model if isinstance(model, Tagger) else Tagger.from_pretrained(str(model))
    tagged = tagged_split(tagger, domain, split, data_dir=data_dir, verify=verify)
    return evaluation_record(tagger, tagged, split, verify=verify, conventions=conventions)


def evaluation_record(
    tagger: Tagger, tagged: "TaggedSplit", split: str, *, verify: bool, conventions: Sequence[str]
) -> EvaluationRecord:
    return EvaluationRecord.new(
        model=model_name(tagger),
        dtype=None if tagger.model.dtype == torch.float32 else str(tagger.model.dtype).removeprefix("torch."),
        domain=tagged.domain.name,
        split=split,
        is_crossner=is_crossner(tagged.domain, verify),
        scores={split: tagged.scores(conventions)},
    )


def model_name(model: str | Path | Tagger) -> str:
    """The name for records: a Hub id, or the last part of a folder's path."""
    name = model.model.config._name_or_path or "unnamed" if isinstance(model, Tagger) else str(model)
    return Path(name).resolve().name if Path(name).exists() else name


class TaggedSplit(NamedTuple):
    """The sentences of a split, their gold labels, and a tagger's labels with its confidence in each."""

    domain: Domain
    tokens: list[list[str]]
    gold: list[list[str]]
    predicted: list[list[str]]
    confidence: list[list[float]]

    def scores(self, conventions: Sequence[str] = DEFAULT_CONVENTIONS) -> dict[str, Any]:
        generic = self.domain.generic_types
        return score(self.predicted, self.gold, conventions=conventions, generic_types=generic, tokens=self.tokens)

    def calibration(self) -> dict[str, Any]:
        return calibration(self.predicted, self.gold, self.confidence)

    def predicted_ids(self) -> list[list[int]]:
        return [[self.domain.label2id[label] for label in labels] for labels in self.predicted]


def tagged_split(
    tagger: Tagger, domain: Domain, split: str, *, data_dir: str | Path | None = None, verify: bool = True
) -> TaggedSplit:
    """Tag a split. Raises ValueError if the tagger's labels are not the domain's."""
    possible = dict.fromkeys((*tagger.labels, *(stray_inside_opens([label])[0] for label in tagger.labels)))
    names = label_names(dict(enumerate(possible)), domain, tagger.model.config._name_or_path or "the model")
    dataset = load(domain.folder or domain.name, split=split, data_dir=data_dir, verify=verify)
    tokens = dataset["tokens"][:]
    gold = [[domain.labels[i] for i in tags] for tags in dataset["ner_tags"]]
    tagged = list(tagger.tag_words(tokens))
    predicted = [[names[label] for label in labels] for labels, _ in tagged]
    confidence = [scores for _, scores in tagged]
    entities = [(span, scores) for tags, scores in zip(gold, confidence, strict=True) for span in spans(tags)]
    edges = [0.0 in (scores[span.start], scores[span.end - 1]) for span, scores in entities]  # 0: no token
    warn_of_edges_without_tokens(sum(edges), len(entities), split)
    return TaggedSplit(domain, tokens, gold, predicted, confidence)


def warn_of_edges_without_tokens(number: int, total: int, name: str) -> None:
    """Warn of the entities of a set that no model can find whole: nothing tells where a word without tokens belongs."""
    if number:
        logger.warning(
            "%d of %d entities of %s begin or end with a word of which the tokenizer makes no token, such as U+200B; "
            "they cannot be predicted whole",
            *(number, total, name),
        )
