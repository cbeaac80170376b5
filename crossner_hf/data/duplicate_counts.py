"""How many texts occur more than once in the labelled data, and how many of them have different labels."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from itertools import combinations
from typing import Any, NamedTuple

from crossner_hf.data.deduplicate import sentence_text
from crossner_hf.schema import SPLITS

Splits = Mapping[str, Any]  # split to its columns `tokens` and `ner_tags`: what `load` gives, or dicts of lists


class DuplicateCounts(NamedTuple):
    """Repeated texts of one domain.

    Attributes:
        shared: Distinct texts that two splits have in common.
        rows: Rows of each split beyond the first of their text.
        texts: Distinct texts that occur in more than one row of the domain.
        conflicting: Those of them whose rows do not all have the same labels.
    """

    shared: dict[tuple[str, str], int]
    rows: dict[str, int]
    texts: int
    conflicting: int


class LeakCounts(NamedTuple):
    """Texts that several domains have in common.

    Attributes:
        texts: Distinct texts that occur in more than one domain.
        into_evaluation: Common texts of one domain's training split and another's validation or test split, by
            (training domain, evaluation domain, evaluation split); pairs without any are left out.
    """

    texts: int
    into_evaluation: dict[tuple[str, str, str], int]


def duplicates_within(splits: Splits) -> DuplicateCounts:
    """Count the repeated texts of one domain's three splits."""
    counts = {split: Counter(map(sentence_text, splits[split]["tokens"])) for split in SPLITS}
    labels = defaultdict(set)
    for split in SPLITS:
        for tokens, tags in zip(splits[split]["tokens"], splits[split]["ner_tags"], strict=True):
            labels[sentence_text(tokens)].add(tuple(tags))
    repeated = [text for text, count in sum(counts.values(), Counter()).items() if count > 1]
    return DuplicateCounts(
        shared={(one, two): len(counts[one].keys() & counts[two].keys()) for one, two in combinations(SPLITS, 2)},
        rows={split: count.total() - len(count) for split, count in counts.items()},
        texts=len(repeated),
        conflicting=sum(len(labels[text]) > 1 for text in repeated),
    )


def duplicates_between(domains: Mapping[str, Splits]) -> LeakCounts:
    """Count the texts that several domains have in common; `domains` has the splits of each by its name."""
    distinct = {
        (name, split): {sentence_text(tokens) for tokens in splits[split]["tokens"]}
        for name, splits in domains.items()
        for split in SPLITS
    }
    num_domains = Counter(text for name in domains for text in set().union(*(distinct[name, s] for s in SPLITS)))
    leaks = {
        (source, target, split): len(distinct[source, "train"] & distinct[target, split])
        for source in domains
        for target in domains
        for split in SPLITS[1:]
        if source != target
    }
    return LeakCounts(
        texts=sum(count > 1 for count in num_domains.values()),
        into_evaluation={key: count for key, count in leaks.items() if count},
    )
