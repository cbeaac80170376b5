"""Reader of the CoNLL column files in which CrossNER and CoNLL-2003 are published."""

import difflib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from crossner_hf.tagger.iob2 import may_follow


class Sentence(NamedTuple):
    """Words and one IOB2 tag for each of them."""

    tokens: list[str]
    tags: list[str]


def numbered_lines(path: Path, name: str | None = None) -> Iterator[tuple[int, str]]:
    """Yield the lines of a UTF-8 text file without their line feed, numbered from 1.

    Args:
        path: The file.
        name: What errors call the file; by default its path.

    Raises:
        ValueError: Bytes that are not UTF-8, a byte-order mark, a NUL or a carriage return, with path:line.
    """
    name = name or str(path)
    with open(path, "rb") as file:
        for number, raw in enumerate(file, start=1):
            if number == 1 and raw.startswith(b"\xef\xbb\xbf"):
                raise ValueError(f"{name}:1: starts with a byte-order mark; save the file as UTF-8 without BOM")
            try:
                line = raw.decode("utf-8")
            except UnicodeDecodeError as error:
                raise ValueError(f"{name}:{number}: not UTF-8 at byte {error.start} of the line {raw[:40]!r}") from None
            if "\x00" in line:
                raise ValueError(f"{name}:{number}: contains a NUL character; is this a text file?")
            if "\r" in line:
                raise ValueError(f"{name}:{number}: Windows line end (CR); convert the file, e.g. with dos2unix")
            yield number, line.removesuffix("\n")


def read_conll(path: str | Path, tags: Collection[str]) -> Iterator[Sentence]:
    """Yield the sentences of a file of `word<TAB>tag` lines with an empty line between sentences.

    One space in place of the tab is read too. The last sentence counts even where no empty line follows it, as in the
    three CoNLL-2003 files.

    Args:
        path: The file.
        tags: The tags that may occur.

    Raises:
        ValueError: A line does not have two columns, a tag is unknown or breaks IOB2, or the file has no sentence; with
            path:line.
    """
    path = Path(path)
    sentence = Sentence([], [])
    number = num_sentences = 0
    for number, line in numbered_lines(path):
        if not line.strip():
            if sentence.tokens:
                yield sentence
                num_sentences, sentence = num_sentences + 1, Sentence([], [])
            continue
        columns = line.split("\t" if "\t" in line else " ")
        if len(columns) != 2 or not columns[0].strip():
            raise ValueError(f"{path}:{number}: expected 'word<TAB>tag', got {line[:80]!r}")
        word, tag = columns
        if tag not in tags:
            raise ValueError(f"{path}:{number}: expected one of {len(tags)} tags ({_near(tag, tags)}, …), got {tag!r}")
        if not may_follow(sentence.tags[-1] if sentence.tags else None, tag):
            raise ValueError(f"{path}:{number}: {tag!r} continues no entity of its type; IOB2 wants 'B{tag[1:]}' here")
        sentence.tokens.append(word)
        sentence.tags.append(tag)
    if sentence.tokens:
        yield sentence
    elif not num_sentences:
        raise ValueError(f"{path}:{max(number, 1)}: has no sentence; expected 'word<TAB>tag' lines")


def _near(tag: str, tags: Collection[str]) -> str:
    return ", ".join(difflib.get_close_matches(tag, sorted(tags), n=3) or sorted(tags)[:3])
