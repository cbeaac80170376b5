"""Inline markup of the sample: a sentence a line, words split by one space, entities as `[Miles Davis|musicalartist]`.

Words are split as CrossNER splits them: punctuation, quotes and `'s` stand alone. A line that starts with `#` is a
comment, an empty line means nothing. Words cannot hold `[`, `]` or `|`.
"""

import re
from collections.abc import Collection, Iterator
from pathlib import Path

from crossner_hf.data.conll import Sentence, numbered_lines
from crossner_hf.tagger.iob2 import Span, iob2_tags, spans

CHUNK = re.compile(r"\[[^]]*\]|[^ ]+")  # an entity or a word, in a line whose brackets pair


def parse_markup(line: str, types: Collection[str]) -> Sentence:
    """The sentence of one line; `types` are the entity types that may occur.

    Raises ValueError where brackets do not pair or touch a neighbour, an entity is empty or has no type of `types`,
    and where words are not split by exactly one space.
    """
    _check_brackets(line)
    _check_spaces(line)
    words: list[str] = []
    entities: list[Span] = []
    for chunk in CHUNK.findall(line):
        if not chunk.startswith("["):
            if "|" in chunk:
                raise ValueError(f"expected '|' only within [words|type], got {chunk!r}")
            words.append(chunk)
            continue
        text, entity_type = _split_entity(chunk, types)
        start = len(words)
        words += text.split(" ")
        entities.append(Span(start, len(words), entity_type))
    return Sentence(words, iob2_tags(entities, len(words)))


def _check_brackets(line: str) -> None:
    opened = None
    for position, character in enumerate(line):
        if character == "[":
            if opened is not None:
                raise ValueError(f"expected no '[' within an entity, got {line[opened : position + 1]!r}")
            opened = position
        elif character == "]":
            if opened is None:
                raise ValueError(f"expected a '[' before ']', got {line[: position + 1][-40:]!r}")
            opened = None
    if opened is not None:
        raise ValueError(f"expected a ']' after '[', got {line[opened:][:40]!r}")
    if touching := re.search(r"\S+\[[^]]*\]|\[[^]]*\]\S+", line):
        raise ValueError(f"expected a space between an entity and its neighbours, got {touching.group()!r}")


def _check_spaces(line: str) -> None:
    if not line or line != line.strip():
        raise ValueError(f"expected a sentence without space before or after it, got {line!r}")
    if odd := [c for c in line if c.isspace() and c != " "]:
        raise ValueError(f"expected no white space but single spaces, got {odd[0]!r} in {line[:40]!r}")
    if "  " in line:
        raise ValueError(f"expected one space between words, got two after {line.split('  ')[0][-40:]!r}")


def _split_entity(chunk: str, types: Collection[str]) -> tuple[str, str]:
    text, bar, entity_type = chunk[1:-1].partition("|")
    if not bar or not entity_type:
        raise ValueError(f"expected a type, as in [words|type], got {chunk!r}")
    if "|" in entity_type:
        raise ValueError(f"expected one '|' within an entity, got {chunk!r}")
    if entity_type not in types:
        raise ValueError(f"expected one of the types {', '.join(sorted(types))}, got {entity_type!r} in {chunk!r}")
    if not text or text != text.strip():
        raise ValueError(f"expected words without space around them in an entity, got {chunk!r}")
    return text, entity_type


def read_markup(path: str | Path, types: Collection[str]) -> Iterator[Sentence]:
    """Yield the sentences of a file.

    Raises ValueError with path:line for whatever `parse_markup` or `numbered_lines` refuses, and where the file holds
    no sentence.
    """
    path = Path(path)
    found = False
    for number, line in numbered_lines(path):
        if not line or line.startswith("#"):
            continue
        try:
            sentence = parse_markup(line, types)
        except ValueError as error:
            raise ValueError(f"{path}:{number}: {error}") from None
        yield sentence
        found = True
    if not found:
        raise ValueError(f"{path}:1: holds no sentence; expected lines of words with entities as [words|type]")


def to_markup(sentence: Sentence) -> str:
    """The line that `parse_markup` reads as `sentence`. Raises ValueError where its words cannot be written so."""
    for word in sentence.tokens:
        if not word or any(c in "[]|" or c.isspace() for c in word):
            raise ValueError(f"expected words without '[', ']', '|' and white space, got {word!r}")
    words = list(sentence.tokens)
    for start, end, entity_type in spans(sentence.tags):
        words[start] = "[" + words[start]
        words[end - 1] += f"|{entity_type}]"
    line = " ".join(words)
    if not line or line.startswith("#"):
        raise ValueError(f"expected a sentence that is not empty and does not start with '#', got {line[:40]!r}")
    return line
