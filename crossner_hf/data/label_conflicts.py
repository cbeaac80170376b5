"""Rows of labelled data with the same text and different labels."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, NamedTuple

from crossner_hf.data.deduplicate import sentence_text
from crossner_hf.schema import Domain
from crossner_hf.tagger.iob2 import Span, spans


class Place(NamedTuple):
    """A row of a split."""

    split: str
    row: int


class Conflict(NamedTuple):
    """A text whose rows differ: its words, and for each row the entities that not all of its rows have."""

    words: list[str]
    entities: dict[Place, list[Span]]


def label_conflicts(domain: Domain, splits: Mapping[str, Any]) -> list[Conflict]:
    """Find the texts whose rows have different labels, in the order of their first rows."""
    rows: dict[str, dict[Place, list[Span]]] = defaultdict(dict)
    words: dict[str, list[str]] = {}
    for split, columns in splits.items():
        for number, (tokens, ids) in enumerate(zip(columns["tokens"], columns["ner_tags"], strict=True)):
            text = sentence_text(tokens)
            rows[text][Place(split, number)] = spans([domain.labels[i] for i in ids])
            words[text] = tokens
    conflicts = []
    for text, of_rows in rows.items():
        common = set.intersection(*map(set, of_rows.values()))
        own = {place: [span for span in entities if span not in common] for place, entities in of_rows.items()}
        if any(own.values()):
            conflicts.append(Conflict(words[text], own))
    return conflicts


def near_repeats(splits: Mapping[str, Any]) -> int:
    """Count the texts that another text of the domain equals but for case, spaces and punctuation."""
    texts = {sentence_text(tokens) for columns in splits.values() for tokens in columns["tokens"]}
    alike: dict[str, int] = defaultdict(int)
    for text in texts:
        alike["".join(c for c in text.casefold() if c.isalnum())] += 1
    return sum(count - 1 for key, count in alike.items() if key)
