"""Seeded splits of documents in which each split has its share of every type, and train has every type."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence

from crossner_hf.data.conll import Sentence
from crossner_hf.tagger.iob2 import spans


def stratified_split(documents: Sequence[Sequence[Sentence]], shares: Mapping[str, float], seed: int) -> list[str]:
    """Choose a split for each document (Sechidis et al., 2011, algorithm 1).

    Types are served from the rarest on. A document with the type goes to the split that lacks most of its mentions,
    then most sentences. Then each type that train lacks gets a document from another split.

    Args:
        documents: The sentences of each.
        shares: Split to share; they sum to 1, and 'train' is one of them.
        seed: Fixes the order in which documents are served.

    Returns:
        The split of each document.

    Raises:
        ValueError: Fewer documents than splits.
    """
    if len(documents) < len(shares):
        raise ValueError(
            f"{len(documents)} document(s) cannot be split into {', '.join(shares)}; split by sentence "
            "(--split-by), or give a file for each split"
        )
    types = [Counter(s.entity_type for sentence in document for s in spans(sentence.tags)) for document in documents]
    order = random.Random(seed).sample(range(len(documents)), len(documents))
    num_mentions = sum(types, Counter[str]())
    num_sentences = sum(map(len, documents))
    lacking = {split: {kind: share * count for kind, count in num_mentions.items()} for split, share in shares.items()}
    room = {split: share * num_sentences for split, share in shares.items()}
    chosen: dict[int, str] = {}

    def place(number: int, kind: str | None) -> None:
        split = max(shares, key=lambda s: (lacking[s][kind] if kind else 0.0, room[s]))
        chosen[number] = split
        room[split] -= len(documents[number])
        for each, count in types[number].items():
            lacking[split][each] -= count

    for kind in sorted(num_mentions, key=lambda k: (num_mentions[k], k)):
        for number in order:
            if number not in chosen and kind in types[number]:
                place(number, kind)
    for number in order:
        if number not in chosen:
            place(number, None)
    kinds = [set(counts) for counts in types]
    _complete_train(chosen, kinds, order)
    _fill_empty(chosen, shares, kinds)
    return [chosen[number] for number in range(len(documents))]


def _complete_train(chosen: dict[int, str], types: Sequence[set[str]], order: Sequence[int]) -> None:
    """Move one document with each type that train lacks into train."""
    in_train = set().union(*(types[number] for number in order if chosen[number] == "train"))
    for number in order:
        if not types[number] <= in_train:
            chosen[number] = "train"
            in_train |= types[number]


def _fill_empty(chosen: dict[int, str], shares: Mapping[str, float], types: Sequence[set[str]]) -> None:
    """Give a split without any document one from the largest split, if possible one with no type that it alone has."""
    for split in shares:
        if split not in chosen.values():
            largest = Counter(chosen.values()).most_common(1)[0][0]
            inside = [number for number in sorted(chosen) if chosen[number] == largest]
            num_with = Counter(kind for number in inside for kind in types[number])
            chosen[min(inside, key=lambda number: sum(num_with[kind] == 1 for kind in types[number]))] = split
