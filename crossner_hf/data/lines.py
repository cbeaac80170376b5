"""Lines of text files and of standard input, and the rows of JSON lines: what every command reads."""

import bz2
import codecs
import gzip
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from crossner_hf.json_file import parse_json

Lines = Iterable[tuple[int, str]]


PACKINGS: Mapping[str, Any] = {".gz": gzip.open, ".bz2": bz2.open}


@contextmanager
def unpacked(path: Path) -> Iterator[IO[bytes]]:
    """Open a file, or what is packed in it if its name ends in `.gz` or `.bz2`.

    Raises ValueError if it cannot be unpacked, also if that shows while it is read.
    """
    try:
        with PACKINGS.get(path.suffix.lower(), open)(path, "rb") as file:
            yield file
    except (EOFError, zlib.error, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # not found, no right to read, a broken disk
            raise
        packing = "bzip2" if path.suffix.lower() == ".bz2" else "gzip"
        raise ValueError(f"{path}: cannot be unpacked by {packing}: {error}") from None


def without_packing(name: str) -> str:
    """Give the name of what is packed in a file."""
    path = Path(name)
    return path.stem if path.suffix.lower() in PACKINGS else name


def numbered_lines(
    source: str | Path | Iterable[bytes], name: str | None = None, first: int = 1
) -> Iterator[tuple[int, str]]:
    """Yield the lines of UTF-8 text without their line ends, numbered from `first`.

    Only a line feed, or a carriage return and a line feed, end a line. A byte-order mark before the first line is left
    out. The source is a file, or an open stream of bytes, which is read from where it is; `name` is what errors call
    it. Raises ValueError for bytes that are not UTF-8, a NUL, or a carriage return within a line, with name:line; and
    for a file that cannot be unpacked.
    """
    if isinstance(source, str | Path):
        name = name or str(source)
        with unpacked(Path(source)) as file:
            yield from _decoded(file, name, first)
    else:
        yield from _decoded(source, name or "input", first)


def _decoded(file: Iterable[bytes], name: str, first: int) -> Iterator[tuple[int, str]]:
    utf16 = False
    for number, raw in enumerate(file, start=first):
        if number == 1:
            utf16 = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
            raw = raw.removeprefix(codecs.BOM_UTF8)
        try:
            line = raw.decode("utf-8").removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError as error:
            near = raw[max(error.start - 20, 0) : error.start + 20]
            encoding = "utf-16" if utf16 else "latin1"
            message = f"not UTF-8 near {near!r}; convert the file, e.g. iconv -f {encoding} -t utf-8"
            raise ValueError(f"{name}:{number}: {message}") from None
        if "\x00" in line:
            raise ValueError(f"{name}:{number}: contains a NUL character; expected text, and this looks binary")
        if "\r" in line:
            message = "contains a carriage return that ends no line; convert the file, e.g. with mac2unix"
            raise ValueError(f"{name}:{number}: {message}")
        yield number, line


def begins_as_json(path: Path) -> bool:
    """Say whether a file begins with an object of JSON or a list of them."""
    with unpacked(path) as file:
        return re.match(rb'\s*(?:\{\s*"|\[\s*\{)', file.read(100).removeprefix(codecs.BOM_UTF8)) is not None


def without_space(text: str) -> str:
    """Give the characters of a text that are no white space."""
    return "".join(text.split())


def json_rows(lines: Lines, name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield `name:line` and the object of each line that is not blank; ValueError if a line is no JSON object."""
    for number, line in lines:
        if not line or line.isspace():
            continue
        where = f"{name}:{number}"
        try:
            row = parse_json(line)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{where}: expected a JSON object on each line: {error}") from None
        if not isinstance(row, Mapping):
            raise ValueError(f"{where}: expected a JSON object on each line, got {line[:60]!r}")
        yield where, row


def text_of(row: Mapping[str, Any], where: str, column: str = "text") -> str | None:
    """Give the text of a row: its column, or its `tokens` joined by one space; None if it has neither.

    Raises ValueError if the text is no string or has a lone surrogate, with `where`.
    """
    text, tokens = row.get(column), row.get("tokens")
    if text is None and isinstance(tokens, list):
        text = " ".join(map(str, tokens))
    elif text is None and column in row:
        text = ""
    if text is not None and not isinstance(text, str):
        raise ValueError(f"{where}: expected a string in {column!r}, got {str(text)[:60]!r}")
    try:
        (text or "").encode()
    except UnicodeEncodeError as error:
        message = f"the text has a lone surrogate, {error.object[error.start]!r}, at character {error.start}"
        raise ValueError(f"{where}: {message}") from None
    return text


def starts_of(words: Sequence[Any], text: str, where: str) -> list[int]:
    """Give the character of the text at which each word of a row begins.

    Raises ValueError if one is no word, or if the words do not stand in the text in their order, with `where`.
    """
    starts, end = [], 0
    for number, word in enumerate([*words, ""]):  # the last: what remains of the text
        if not isinstance(word, str) or not (word or number == len(words)):
            raise ValueError(f"{where}: expected words in 'tokens', got {word!r} as number {number}")
        start = text.find(word, end) if number < len(words) else len(text)
        if start < 0 or any(character.isprintable() and character != " " for character in text[end:start]):
            message = f"'text' does not go on at character {end} with number {number} of 'tokens', {word[:40]!r}"
            raise ValueError(f"{where}: {message}; leave out one of the two keys")
        starts.append(start)
        end = start + len(word)
    return starts[:-1]


def first_columns(path: str | Path) -> list[str]:
    """Read the lines of a file, each up to its first tab, without blank ones; ValueError if none is left."""
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: byte {error.start} is not UTF-8; convert it (iconv -f latin1 -t utf-8)") from error
    columns = [line.partition("\t")[0].strip() for line in lines if line.strip()]
    if not columns:
        raise ValueError(f"{path}: holds no line of text")
    return columns
