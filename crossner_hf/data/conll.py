"""Reader of the CoNLL column files in which CrossNER and CoNLL-2003 are published."""

import difflib
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from crossner_hf.data.lines import Lines, numbered_lines
from crossner_hf.tagger.iob2 import may_follow


class Sentence(NamedTuple):
    """Words and one IOB2 tag for each of them."""

    tokens: list[str]
    tags: list[str]


class Row(NamedTuple):
    """A line of a sentence: its number, all of it, and its columns."""

    number: int
    line: str
    columns: list[str]


def read_columns(lines: Lines, name: str) -> Iterator[list[Row]]:
    """Yield the rows of each sentence of CoNLL columns: lines between empty ones.

    Tabs stand between columns or, in a line without a tab, single spaces. Any other white space is part of a word.
    `name` is what errors call the source. Raises ValueError if a line begins with no word, with name:line.
    """
    rows: list[Row] = []
    for number, line in lines:
        if line.strip(" \t"):
            columns = line.split("\t" if "\t" in line else " ")
            if not columns[0].strip(" "):
                raise ValueError(f"{name}:{number}: expected 'word<TAB>tag', got {line[:80]!r}")
            rows.append(Row(number, line, columns))
        elif rows:
            yield rows
            rows = []
    if rows:
        yield rows


def conll_lines(words: Sequence[str], tags: Sequence[str]) -> str:
    """Give the `word<TAB>tag` lines of a sentence and an empty line, which `read_columns` reads as they were.

    Raises ValueError if there are no words, or if one cannot stand in a column.
    """
    if not words:
        raise ValueError("a sentence without words has no lines in CoNLL columns")
    for word in words:
        if not word.strip(" ") or word.startswith("\ufeff") or any(character in word for character in "\t\n\r\x00"):
            raise ValueError(f"the word {word[:40]!r} cannot stand in CoNLL columns")
    return "".join(f"{word}\t{tag}\n" for word, tag in zip(words, tags, strict=True)) + "\n"


def read_conll(path: str | Path, tags: Collection[str]) -> Iterator[Sentence]:
    """Yield the sentences of a file of `word<TAB>tag` lines with an empty line between sentences.

    One space in place of the tab is read too. The last sentence counts even where no empty line follows it, as in the
    three CoNLL-2003 files. Raises ValueError if a line does not have two columns, a tag is none of `tags` or breaks
    IOB2, or the file has no sentence; with path:line.
    """
    rows: list[Row] = []
    for rows in read_columns(numbered_lines(path), str(path)):
        sentence = Sentence([], [])
        for number, line, columns in rows:
            if len(columns) != 2:
                raise ValueError(f"{path}:{number}: expected 'word<TAB>tag', got {line[:80]!r}")
            word, tag = columns
            if tag not in tags:
                near = _near(tag, tags)
                raise ValueError(f"{path}:{number}: expected one of {len(tags)} tags ({near}, …), got {tag!r}")
            if not may_follow(sentence.tags[-1] if sentence.tags else None, tag):
                message = f"{tag!r} continues no entity of its type; IOB2 wants 'B{tag[1:]}' here"
                raise ValueError(f"{path}:{number}: {message}")
            sentence.tokens.append(word)
            sentence.tags.append(tag)
        yield sentence
    if not rows:
        raise ValueError(f"{path}:1: has no sentence; expected 'word<TAB>tag' lines")


def _near(tag: str, tags: Collection[str]) -> str:
    return ", ".join(difflib.get_close_matches(tag, sorted(tags), n=3) or sorted(tags)[:3])
