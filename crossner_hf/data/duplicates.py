"""How often a text stands more than once in the labelled data, and whether its copies have the same labels."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

from crossner_hf.data.deduplicate import text
from crossner_hf.schema import SPLITS

Splits = Mapping[str, Mapping[str, Sequence[Sequence]]]  # split to columns: what `load` gives, or dicts of lists


class Duplicates(NamedTuple):
    """Repeated texts of one domain.

    shared:      distinct texts that two splits have in common
    rows:        rows of a split beyond the first of their text
    texts:       distinct texts that stand in more than one row of the domain
    conflicting: those of them whose rows do not have all the same labels
    """

    shared: dict[tuple[str, str], int]
    rows: dict[str, int]
    texts: int
    conflicting: int


class Leaks(NamedTuple):
    """Texts that several domains have in common.

    texts:     distinct texts that stand in more than one domain
    into_eval: pairs of a training split and another domain's validation or test split, with their common texts
    """

    texts: int
    into_eval: dict[tuple[str, str, str], int]


def duplicates_within(splits: Splits) -> Duplicates:
    """The repeated texts of one domain's three splits."""
    counts = {split: Counter(map(text, splits[split]["tokens"])) for split in SPLITS}
    labels, rows = defaultdict(set), Counter()
    for split in SPLITS:
        for tokens, tags in zip(splits[split]["tokens"], splits[split]["ner_tags"]):
            labels[text(tokens)].add(tuple(tags))
            rows[text(tokens)] += 1
    repeated = [name for name, count in rows.items() if count > 1]
    return Duplicates(
        shared={(one, two): len(counts[one].keys() & counts[two].keys()) for one, two in combinations(SPLITS, 2)},
        rows={split: found.total() - len(found) for split, found in counts.items()},
        texts=len(repeated),
        conflicting=sum(len(labels[name]) > 1 for name in repeated),
    )


def duplicates_between(domains: Mapping[str, Splits]) -> Leaks:
    """The texts that several domains have in common: domain name to its splits. Pairs with none are left out."""
    texts = {
        (name, split): set(map(text, splits[split]["tokens"])) for name, splits in domains.items() for split in SPLITS
    }
    everywhere = Counter(found for name in domains for found in set().union(*(texts[name, s] for s in SPLITS)))
    into_eval = {
        (source, target, split): len(texts[source, "train"] & texts[target, split])
        for source in domains
        for target in domains
        for split in SPLITS[1:]
        if source != target and texts[source, "train"] & texts[target, split]
    }
    return Leaks(sum(count > 1 for count in everywhere.values()), into_eval)
