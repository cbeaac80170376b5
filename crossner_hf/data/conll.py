"""Reader and writer of the CoNLL column files in which CrossNER and CoNLL-2003 are published."""

import difflib
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, TextIO

from crossner_hf.tagger.iob2 import may_follow


class Sentence(NamedTuple):
    """Words and one IOB2 tag for each of them."""

    tokens: list[str]
    tags: list[str]


def numbered_lines(path: Path, name: str | None = None) -> Iterator[tuple[int, str]]:
    """The lines of a UTF-8 text file without their line feed, numbered from 1; errors call the file `name`.

    Raises ValueError with path:line for bytes that are not UTF-8, a byte-order mark, a NUL or a carriage return.
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
                raise ValueError(f"{name}:{number}: holds a NUL character; is this a text file?")
            if "\r" in line:
                raise ValueError(f"{name}:{number}: Windows line end (CR); convert the file, e.g. with dos2unix")
            yield number, line.removesuffix("\n")


def read_conll(path: str | Path, tags: Collection[str]) -> Iterator[Sentence]:
    """Yield the sentences of a file of `token<TAB>tag` lines with an empty line between sentences.

    One space in place of the tab is understood too. The last sentence counts even where no empty line follows it,
    as in the three CoNLL-2003 files. `tags` are the tags that may occur. Raises ValueError with path:line where a
    line has not two columns, a tag is not among `tags` or breaks IOB2, and where the file holds no sentence.
    """
    path = Path(path)
    sentence = Sentence([], [])
    number = 0
    found = False
    for number, line in numbered_lines(path):
        if not line.strip():
            if sentence.tokens:
                yield sentence
                found, sentence = True, Sentence([], [])
            continue
        columns = line.split("\t" if "\t" in line else " ")
        if len(columns) != 2 or not columns[0].strip():
            raise ValueError(f"{path}:{number}: expected 'token<TAB>tag', got {line[:80]!r}")
        token, tag = columns
        if tag not in tags:
            raise ValueError(f"{path}:{number}: expected one of {len(tags)} tags ({_near(tag, tags)}, …), got {tag!r}")
        if not may_follow(sentence.tags[-1] if sentence.tags else None, tag):
            wanted = "B" + tag[1:]
            raise ValueError(f"{path}:{number}: {tag!r} continues no entity of its type; IOB2 wants {wanted!r} here")
        sentence.tokens.append(token)
        sentence.tags.append(tag)
    if sentence.tokens:
        yield sentence
    elif not found:
        raise ValueError(f"{path}:{max(number, 1)}: holds no sentence; expected 'token<TAB>tag' lines")


def _near(tag: str, tags: Collection[str]) -> str:
    return ", ".join(difflib.get_close_matches(tag, sorted(tags), n=3) or sorted(tags)[:3])


def write_conll(sentences: Iterable[Sentence], file: TextIO) -> None:
    """Write sentences as `token<TAB>tag` lines, an empty line after each sentence, as the CrossNER files have it.

    Raises ValueError for a token that `read_conll` would not read back: an empty one, or one with a tab or line end.
    """
    for tokens, tags in sentences:
        for token in tokens:
            if not token.strip() or any(character in token for character in "\t\n\r\x00"):
                raise ValueError(f"expected a token that a column can hold, got {token!r}")
        file.writelines(f"{token}\t{tag}\n" for token, tag in zip(tokens, tags, strict=True))
        file.write("\n")
