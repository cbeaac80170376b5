"""IOB2 tags and entity spans: conversion in both directions, and which tag may follow which."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

# IOB2's prefix for those of BIOES (S: an entity of one word, E: its last word), BILOU (U, L) and BMEW (W, M).
PREFIXES = {"B": "B", "I": "I", "S": "B", "U": "B", "W": "B", "E": "I", "L": "I", "M": "I"}
PREFIXED = re.compile(r"([BIESULMW])[-_/:](.+)", re.IGNORECASE)
OF_NO_TYPE = re.compile(r"LABEL_\d+|[BIESULMW]|[BI][-_/:].+|.+[-_/:][BI]", re.IGNORECASE)
OUTSIDE = frozenset({"O", "[PAD]", "<PAD>", "PAD", "[CLS]", "[SEP]"})  # some models were trained to label these tokens


class Span(NamedTuple):
    """An entity: words `start` to `end` (exclusive) of a sentence are of `entity_type`."""

    start: int
    end: int
    entity_type: str


def split_tag(tag: str) -> tuple[str, str]:
    """Split a tag into prefix and type: 'B-album' gives ('B', 'album'), 'O' gives ('O', '')."""
    prefix, _, entity_type = tag.partition("-")
    return prefix, entity_type


def spans(tags: Sequence[str]) -> list[Span]:
    """Read the entities of a sentence as conlleval does, in order.

    A `B-` opens an entity; so does an `I-` that continues no entity of its own type.
    """
    entities: list[Span] = []
    start, open_type = 0, ""
    for position, tag in enumerate((*tags, "O")):
        prefix, entity_type = split_tag(tag)
        if prefix == "I" and entity_type == open_type:
            continue
        if open_type:
            entities.append(Span(start, position, open_type))
        start, open_type = position, entity_type
    return entities


def iob2_tags(entities: Iterable[Span], length: int) -> list[str]:
    """Write the tags of a sentence of `length` words; ValueError if spans overlap, are empty or reach outside it."""
    tags = ["O"] * length
    for start, end, entity_type in entities:
        if not 0 <= start < end <= length:
            raise ValueError(f"span {start}:{end} {entity_type} does not lie in a sentence of {length} words")
        if any(tag != "O" for tag in tags[start:end]):
            raise ValueError(f"span {start}:{end} {entity_type} overlaps another: {tags[start:end]}")
        tags[start:end] = [f"B-{entity_type}"] + [f"I-{entity_type}"] * (end - start - 1)
    return tags


def may_follow(previous: str | None, tag: str) -> bool:
    """Say whether IOB2 allows `tag` after `previous` (None: at the start of a sentence)."""
    prefix, entity_type = split_tag(tag)
    if prefix != "I":
        return True
    return previous is not None and split_tag(previous) in (("B", entity_type), ("I", entity_type))


def gaps_in_entities(tags: Sequence[str], seen: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield the words that no model saw but that stand within an entity, each with the next word that has a tag.

    `seen` are the words that have a tag, ascending; the tags of the others have no meaning.
    """
    for before, after in pairwise(seen):
        if after > before + 1 and split_tag(tags[after])[0] == "I" and may_follow(tags[before], tags[after]):
            yield from ((word, after) for word in range(before + 1, after))


def stray_inside_opens(tags: Sequence[str]) -> list[str]:
    """Turn each `I-` that continues no entity of its type into the `B-` as which conlleval reads it."""
    valid: list[str] = []
    for tag in tags:
        stray = not may_follow(valid[-1] if valid else None, tag)
        valid.append(f"B-{split_tag(tag)[1]}" if stray else tag)
    return valid


def as_iob2_labels(labels: Sequence[str]) -> list[str]:
    """Map the labels of a model to `O`, `B-` and `I-`, one by one.

    Sequences of the mapped labels may hold stray `I-`, which `stray_inside_opens` mends.

    Args:
        labels: Of IOB2, BIOES, BILOU or BMEW, with a hyphen, an underscore, a slash or a colon (`B_PER`), or types
            alone (`PER`). Neighbours with one type alone are one entity.

    Raises:
        ValueError: No entities can be read from such labels.
    """
    names = [label for label in labels if label.upper() not in OUTSIDE]
    prefixed = [PREFIXED.fullmatch(name) for name in names]
    if names and all(prefixed):
        mapped = [f"{PREFIXES[match[1].upper()]}-{match[2]}" for match in prefixed if match]
    else:
        if not names or len(names) == len(labels) or any(map(OF_NO_TYPE.fullmatch, names)):
            shown = ", ".join(labels[:8]) + (", …" if len(labels) > 8 else "")
            raise ValueError(
                f"no entities can be read from the labels {shown}; id2label must name O, B-TYPE and I-TYPE"
            )
        mapped = [f"I-{name}" for name in names]
    known = dict(zip(names, mapped, strict=True))
    return [known.get(label, "O") for label in labels]


def allowed_transitions(labels: Sequence[str]) -> list[list[bool]]:
    """Give `[i][j]`: whether IOB2 allows label j after label i; the last row is the start of a sentence."""
    return [[may_follow(previous, label) for label in labels] for previous in (*labels, None)]
