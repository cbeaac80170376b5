"""Entities of other systems placed on the words of a sentence; those that have no place there count as wrong."""

from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

from crossner_hf.data.lines import without_space
from crossner_hf.external.prediction_files import Given, Mention
from crossner_hf.external.type_names import TypeNames
from crossner_hf.tagger.iob2 import Span, iob2_tags, spans, split_tag

# Why an entity has no place, in the words of the summary.
CUTS_A_WORD = "begin or end within a word"
OVERLAPS = "overlap an entity with a higher score, or a longer one"
NOT_THERE = "do not stand in the sentence as whole words"

Place = tuple[int, int]  # the words from start to end (exclusive)
Mentions = Sequence[tuple[Mention, str]]  # with their types in the domain
Found = Iterator[tuple[str, str, list[Place]]]  # the text and type of an entity, and where it may stand


class Unplaced(NamedTuple):
    """An entity that no tags can hold."""

    entity_type: str
    text: str
    reason: str


class Placed(NamedTuple):
    """The predictions for a sentence: IOB2 tags, and the entities that have no place in them."""

    tags: list[str]
    unplaced: list[Unplaced]


def place(given: Given, words: Sequence[str], types: TypeNames, iob2: Callable[[Sequence[str]], list[str]]) -> Placed:
    """Place what a system gives for a sentence on its words.

    Entities whose type the domain does not have are left out and counted by `types`. An entity with the same words and
    type as another counts once. Of entities that overlap, that with the higher score is placed; without scores the
    longer one, then the one before. Strings take the first free place at which they stand as whole words, the longest
    string first; upper and lower case are told apart only if that finds a place.

    Args:
        given: The predictions.
        words: The words of the sentence.
        types: Maps the names of types.
        iob2: Gives the IOB2 tags for a sentence's tags.

    Raises:
        ValueError: If a span lies outside the sentence, or if the text does not hold the words.
    """
    if given.form == "tags":
        return Placed(list(_mapped(given, words, types, iob2)), [])
    mentions = [(mention, entity_type) for mention in given.mentions if (entity_type := types.type_of(mention.type))]
    find = {"words": _words, "characters": _characters, "strings": _strings}[given.form]
    chosen: list[Span] = []
    unplaced: list[Unplaced] = []
    for text, entity_type, places in find(given, words, mentions):
        free = [p for p in places if all(p[1] <= span.start or span.end <= p[0] for span in chosen)]
        if free:
            chosen.append(Span(*free[0], entity_type))
        elif not any(Span(*p, entity_type) in chosen for p in places):
            reason = OVERLAPS if places else CUTS_A_WORD if given.form == "characters" else NOT_THERE
            unplaced.append(Unplaced(entity_type, text, reason))
    return Placed(iob2_tags(chosen, len(words)), unplaced)


def _mapped(
    given: Given, words: Sequence[str], types: TypeNames, iob2: Callable[[Sequence[str]], list[str]]
) -> Iterator[str]:
    """Yield the tags with the domain's types; a name that ends an entity of another name begins one of its own."""
    if len(given.tags) != len(words):
        raise ValueError(f"{given.where}: has {len(given.tags)} tags for {len(words)} words")
    tags = iob2(given.tags)
    type_at = {start: types.type_of(name) for start, _, name in spans(tags)}
    entity_type, before, mapped = None, "", "O"
    for position, tag in enumerate(tags):
        prefix, name = split_tag(tag)
        entity_type = type_at.get(position, entity_type)
        goes_on = name == before or mapped not in (f"B-{entity_type}", f"I-{entity_type}")
        mapped = "O" if prefix == "O" or entity_type is None else f"{prefix if goes_on else 'B'}-{entity_type}"
        yield mapped
        before = name


def _first_choice(mentions: Mentions) -> Mentions:
    """Sort by score where there are scores, then by length; the order of equals stays."""
    return sorted(mentions, key=lambda m: (-(m[0].score or 0.0), (m[0].start or 0) - (m[0].end or 0)))


def _words(given: Given, words: Sequence[str], mentions: Mentions) -> Found:
    for mention, entity_type in _first_choice(mentions):
        start, end = _within(mention, len(words), given.where)
        yield " ".join(words[start:end]), entity_type, [(start, end)]


def _characters(given: Given, words: Sequence[str], mentions: Mentions) -> Found:
    text = " ".join(given.words or words) if given.text is None else given.text
    counts = [0, *accumulate(len(without_space(word)) for word in words)]  # characters before each word
    begins = {count: number for number, count in enumerate(counts[:-1])}
    ends = {counts[number]: number for number in range(len(words), 0, -1)}
    for mention, entity_type in _first_choice(mentions):
        start, end = _within(mention, len(text), given.where)
        first, last = (len(without_space(text[:place])) for place in (start, end))
        places = [(begins[first], ends[last])] if first in begins and last in ends and first < last else []
        yield text[start:end].strip(), entity_type, places


def _within(mention: Mention, length: int, where: str) -> Place:
    start, end = mention.start or 0, mention.end or 0
    if end > length:
        raise ValueError(
            f"{where}: the span {start}:{end} ({mention.type}) lies outside of {length} words or characters"
        )
    return start, end


def _strings(given: Given, words: Sequence[str], mentions: Mentions) -> Found:
    for mention, entity_type in sorted(mentions, key=lambda m: -len(without_space(m[0].text or ""))):
        text = mention.text or ""
        exact = _occurrences(without_space(text), words)
        yield (
            text,
            entity_type,
            exact or _occurrences(without_space(text).casefold(), [word.casefold() for word in words]),
        )


def _occurrences(text: str, words: Sequence[str]) -> list[Place]:
    """The words that together have the characters of a text."""
    places = []
    for start in range(len(words)):
        rest = text
        for end in range(start, len(words)):
            if not rest or not rest.startswith(words[end]):
                break
            rest = rest.removeprefix(words[end])
            if not rest:
                places.append((start, end + 1))
    return places
