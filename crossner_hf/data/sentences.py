"""The sentences of a domain's file: CoNLL columns, or the markup in which the samples are written.

Markup has one sentence on each line: words with one space between them, entities as `[Miles Davis|musicalartist]`.
Punctuation, quotes and `'s` are words, as in CrossNER. A line that starts with `#` is a comment.
"""

import re
from collections.abc import Collection, Iterator
from pathlib import Path

from crossner_hf.data.conll import Sentence, read_conll
from crossner_hf.data.lines import numbered_lines
from crossner_hf.schema import SAMPLES, Domain
from crossner_hf.tagger.iob2 import Span, iob2_tags

_WORD = r"[^][|\s]+"
_ENTITY_OR_WORD = re.compile(rf"\[(?P<words>{_WORD}(?: {_WORD})*)\|(?P<type>\w+)\]|{_WORD}")


def read_sentences(domain: Domain, path: str | Path) -> Iterator[Sentence]:
    """Yield the sentences of one of a domain's three files; ValueError if it is malformed, with path:line."""
    if domain.name in SAMPLES:
        return _read_markup(Path(path), domain.entity_types)
    return read_conll(path, domain.label2id)


def parse_markup(line: str, types: Collection[str]) -> Sentence:
    """The sentence of one line of markup. Raises ValueError for a malformed line and for an unknown type."""
    chunks = list(_ENTITY_OR_WORD.finditer(line))
    if not chunks or " ".join(chunk.group() for chunk in chunks) != line:
        raise ValueError(f"expected words and [words|type] with single spaces between them, got {line!r}")
    words: list[str] = []
    entities: list[Span] = []
    for chunk in chunks:
        start = len(words)
        words += (chunk["words"] or chunk.group()).split(" ")
        if chunk["type"]:
            entities.append(Span(start, len(words), chunk["type"]))
    if unknown := {entity.entity_type for entity in entities}.difference(types):
        raise ValueError(f"expected one of the types {', '.join(sorted(types))}, got {', '.join(sorted(unknown))}")
    return Sentence(words, iob2_tags(entities, len(words)))


def _read_markup(path: Path, types: Collection[str]) -> Iterator[Sentence]:
    for number, line in numbered_lines(path):
        if line and not line.startswith("#"):
            try:
                yield parse_markup(line, types)
            except ValueError as error:
                raise ValueError(f"{path}:{number}: {error}") from None
