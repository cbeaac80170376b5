"""Tag schemes: which one the tags of a source follow, and the same entities as IOB2."""

from collections.abc import Sequence
from typing import NamedTuple

from crossner_hf.data.conll import Sentence
from crossner_hf.data.importing.documents import Notes, TaggedDocument
from crossner_hf.tagger.iob2 import OF_NO_TYPE, PREFIXED, PREFIXES, may_follow, split_tag, stray_inside_opens

SCHEMES = {"BIOES": "BIES", "BILOU": "BILU", "BMES": "BMES", "BMEW": "BMEW"}  # with their prefixes
UNTYPED = "entity"  # the type of tags that are prefixes alone
OUTSIDE = frozenset({"O", "o", "_", "-", ""})
_NO_PART = dict.fromkeys(map(ord, "\t\n\r\x00\ufeff"))  # of a word in CoNLL columns
BARE = "types alone; neighbours of one type are one entity"
STRAY = "tags that continue no entity, read as its beginning"


class Scheme(NamedTuple):
    """Name of a scheme, and the `O`, `B-` or `I-` of each tag."""

    name: str
    labels: dict[str, str]


def scheme_of(documents: Sequence[TaggedDocument]) -> Scheme:
    """Detect the scheme of all tags of a source.

    Raises:
        ValueError: Tags of several schemes, with the first place.
    """
    places: dict[str, str] = {}
    for document in documents:
        for sentence in document.sentences:
            for tag in sentence.tags:
                places.setdefault(tag, document.where)
    inside = [tag for tag in places if tag not in OUTSIDE]
    untyped = not {"B", "I"}.isdisjoint(inside) and PREFIXES.keys() >= set(inside)
    matches = {tag: PREFIXED.fullmatch(f"{tag}-{UNTYPED}" if untyped else tag) for tag in inside}
    labels = dict.fromkeys(places, "O")
    if not any(matches.values()):
        if inside and all(map(OF_NO_TYPE.fullmatch, inside)):
            raise ValueError(f"{places[inside[0]]}: expected tags such as 'B-person', got {inside[0]!r}; convert them")
        return Scheme(BARE if inside else "no entity", labels | {tag: f"I-{tag}" for tag in inside})
    prefixes: dict[str, str] = {}
    for tag, match in matches.items():
        if match is None:
            raise ValueError(f"{places[tag]}: expected a tag with a prefix, as the others ('B-…'), got {tag!r}")
        prefixes.setdefault(match[1].upper(), tag)
        labels[tag] = f"{PREFIXES[match[1].upper()]}-{match[2]}"
    return Scheme(_name(prefixes, documents, labels, places), labels)


def _name(
    prefixes: dict[str, str], documents: Sequence[TaggedDocument], labels: dict[str, str], places: dict[str, str]
) -> str:
    if of_scheme := prefixes.keys() - {"B", "I"}:
        name = next((name for name, letters in SCHEMES.items() if prefixes.keys() <= set(letters)), None)
        if name is None:
            mixed = " and ".join(f"{prefixes[p]!r} ({places[prefixes[p]]})" for p in sorted(of_scheme))
            raise ValueError(f"tags of no one scheme ({', '.join(SCHEMES)}): {mixed}; import the files apart")
        return name
    strays = needless = 0  # I- that open an entity; B- where IOB1 would have I-
    for document in documents:
        for sentence in document.sentences:
            previous: str | None = None
            for label in map(labels.__getitem__, sentence.tags):
                strays += not may_follow(previous, label)
                needless += label[0] == "B" and split_tag(previous or "O")[1] != label[2:]
                previous = label
    if not strays:
        return "IOB2"
    return "IOB1" if not needless else f"IOB1 and IOB2 mixed: {strays:,} entities begin with I-, {needless:,} with B-"


def as_iob2(document: TaggedDocument, scheme: Scheme, notes: Notes) -> list[Sentence]:
    """Give the sentences of a document with IOB2 tags; words that are white space alone are left out."""
    sentences = []
    for sentence in document.sentences:
        words, labels = [], []
        for word, label in zip(sentence.tokens, map(scheme.labels.__getitem__, sentence.tags), strict=True):
            cleaned = clean_word(word)
            if cleaned != word:
                notes.add("words cleaned of line ends and tabs, or left out as empty", f"{document.where}: {word!r}")
            if cleaned:
                words.append(cleaned)
                labels.append(label)
        tags = stray_inside_opens(labels)
        if scheme.name in ("IOB2", *SCHEMES) and tags != labels:
            notes.add(STRAY, f"{document.where}: {' '.join(sentence.tags)[:60]}")
        if words:
            sentences.append(Sentence(words, tags))
    return sentences


def clean_word(word: str) -> str:
    """Remove what cannot stand in CoNLL columns; '' for a word that is white space alone."""
    cleaned = word if word.isprintable() else word.translate(_NO_PART)
    return "" if cleaned.isspace() else cleaned
