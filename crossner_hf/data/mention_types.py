"""Where each string was labelled, and as which types."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, NamedTuple

from crossner_hf.schema import Domain
from crossner_hf.tagger.iob2 import spans


class Mention(NamedTuple):
    """An entity in a data set: row of a split, first word and the word after the last."""

    split: str
    row: int
    start: int
    end: int


def types_of_strings(domain: Domain, splits: Mapping[str, Any]) -> dict[str, dict[str, list[Mention]]]:
    """Collect the mentions of each string by type; words are joined by one space, and case counts."""
    found: dict[str, dict[str, list[Mention]]] = defaultdict(lambda: defaultdict(list))
    for split, rows in splits.items():
        for number, (words, ids) in enumerate(zip(rows["tokens"], rows["ner_tags"], strict=True)):
            for start, end, entity_type in spans([domain.labels[i] for i in ids]):
                found[" ".join(words[start:end])][entity_type].append(Mention(split, number, start, end))
    return found


def ambiguous_strings(domain: Domain, splits: Mapping[str, Any]) -> list[tuple[str, dict[str, list[Mention]]]]:
    """Give the strings with several types, those with the most mentions of their rarer types first."""
    several = [(string, types) for string, types in types_of_strings(domain, splits).items() if len(types) > 1]

    def rarer(types: Mapping[str, list[Mention]]) -> int:
        counts = [len(mentions) for mentions in types.values()]
        return sum(counts) - max(counts)

    return sorted(several, key=lambda pair: (-rarer(pair[1]), pair[0]))
