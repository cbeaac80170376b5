"""Documents of raw-text files: plain text, JSON lines and Parquet, read as streams."""

import codecs
import difflib
import gzip
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

from crossner_hf.data.lines import json_rows, numbered_lines, open_bytes, text_of

SUFFIXES = (".txt", ".jsonl", ".ndjson", ".json", ".parquet")  # what is read of a folder
PART_CHARACTERS = 100_000  # a longer document is handed out in parts, which bounds what a tokenizer holds at once
PARQUET_ROWS = 32  # a batch: documents of any length, so not many at once

Offsets = tuple[tuple[int, int], ...]


class Columns(NamedTuple):
    """What to read of a document: the column of its text, and whether to read its title and its entities."""

    text: str = "text"
    title: bool = False
    entities: bool = True


class Document(NamedTuple):
    """A document, or a part of a long one.

    Args:
        text: The text.
        entities: Character offsets [start, end) of known entities, ascending; may be empty.
        continues: It continues the document before it, as all parts after the first do.
    """

    text: str
    entities: Offsets = ()
    continues: bool = False


class Row(NamedTuple):
    """A document as in a file, and its title if there is one and titles are read."""

    document: Document
    title: str | None = None


def file_format(path: Path) -> str:
    """Give `jsonl`, `parquet` or, for any other ending, `text`."""
    ending = Path(path.name.lower().removesuffix(".gz")).suffix
    return {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".parquet": "parquet"}.get(ending, "text")


def read(path: Path, columns: Columns) -> Iterator[Row]:
    """Yield the documents of a file. Raises ValueError with path:line for anything that cannot be read."""
    kind = file_format(path)
    if kind == "parquet":
        yield from _parquet_rows(path, columns)
        return
    if kind == "jsonl":
        for where, content in json_rows(numbered_lines(path), str(path)):
            yield row_of(content, columns, where)
        return
    try:
        try:
            yield from _text_rows(path)
        except UnicodeDecodeError:
            raise ValueError(_not_utf8(path)) from None
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{path}: cannot be unpacked by gzip: {error}") from None


def split_document(document: Document) -> Iterator[Document]:
    """Split a document into parts of at most PART_CHARACTERS, before a single space and outside entities if possible.

    WordPiece, byte-level BPE and SentencePiece with word marks split text there anyway, so the tokens of the parts are
    those of the whole. If half a part contains no such place, tokens at the cut may differ.
    """
    text, entities, continues = document
    begin = 0
    while len(text) - begin > PART_CHARACTERS:
        end = _part_end(text, begin + PART_CHARACTERS // 2, begin + PART_CHARACTERS, entities)
        yield Document(text[begin:end], _within(entities, begin, end), continues)
        begin, continues = end, True
    if begin == 0:
        yield document
    else:
        yield Document(text[begin:], _within(entities, begin, len(text)), continues)


def _part_end(text: str, least: int, most: int, entities: Offsets) -> int:
    at = text.rfind(" ", least, most)
    while at > least:
        alone = not text[at - 1].isspace() and not text[at + 1].isspace()
        if alone and not any(start < at < end for start, end in entities):
            return at
        at = text.rfind(" ", least, at)
    return max((space.start() for space in re.finditer(r"\s", text[least:most])), default=most - least) + least


def _within(entities: Offsets, begin: int, end: int) -> Offsets:
    return tuple((max(s, begin) - begin, min(e, end) - begin) for s, e in entities if s < end and e > begin)


def _open(path: Path) -> IO[str]:
    opened = gzip.open if path.suffix == ".gz" else open
    return opened(path, "rt", encoding="utf-8-sig", newline="\n")  # -sig drops a byte-order mark


def _text_rows(path: Path) -> Iterator[Row]:
    """Yield documents between blank lines; a long one in parts while it is read."""
    held: list[str] = []
    size, number, fresh, continues = 0, 1, True, False  # fresh: at the beginning of a line
    with _open(path) as file:
        while line := file.readline(PART_CHARACTERS):
            if "\x00" in line:
                raise ValueError(f"{path}:{number}: contains a NUL character; expected text, and this looks binary")
            ended = line.endswith("\n")
            number += ended
            if fresh and ended and line.isspace():
                if held:
                    yield Row(Document("".join(held).rstrip("\r\n"), (), continues))
                held, size, continues = [], 0, False
                continue
            fresh = ended
            held.append(line)
            size += len(line)
            if size > PART_CHARACTERS:
                *done, rest = split_document(Document("".join(held), (), continues))
                yield from map(Row, done)
                held, size, continues = [rest.text], len(rest.text), rest.continues
    if held:
        yield Row(Document("".join(held).rstrip("\r\n"), (), continues))


def _parquet_rows(path: Path, columns: Columns) -> Iterator[Row]:
    import pyarrow
    import pyarrow.parquet

    try:
        file = pyarrow.parquet.ParquetFile(path, buffer_size=1 << 20)
    except (pyarrow.ArrowInvalid, OSError) as error:
        raise ValueError(f"{path}: not a Parquet file: {str(error).splitlines()[0]}") from None
    number = 0
    with file:
        if columns.text not in file.schema_arrow.names:
            raise ValueError(f"{path}: {_no_column(columns.text, file.schema_arrow.names)}")
        optional = [name for name in ("title", "entities") if getattr(columns, name)]
        wanted = [columns.text, *(name for name in optional if name in file.schema_arrow.names)]
        try:
            for batch in file.iter_batches(PARQUET_ROWS, columns=wanted, use_threads=False):
                for content in batch.to_pylist():
                    number += 1
                    yield row_of(content, columns, f"{path}: row {number}")
        except (UnicodeDecodeError, pyarrow.ArrowInvalid, OSError) as error:
            raise ValueError(f"{path}: cannot be read after row {number}: {str(error).splitlines()[0]}") from None


def row_of(content: Mapping[str, Any], columns: Columns, where: str) -> Row:
    """Read the document of one JSON object, Parquet row or example of a data set."""
    text = text_of(content, where, columns.text)
    if text is None:
        raise ValueError(f"{where}: {_no_column(columns.text, content)}")
    title = content.get("title") if columns.title else None
    entities = _offsets(content.get("entities"), text, where) if columns.entities else ()
    return Row(Document(text, entities), None if title is None else str(title))


def _offsets(entities: Any, text: str, where: str) -> Offsets:
    """Read offsets from {"start", "end"} objects or [start, end] pairs, ascending."""
    offsets = []
    if not isinstance(entities or [], list | tuple):
        raise ValueError(f"{where}: expected a list of entities, got {str(entities)[:60]}")
    for entity in entities or ():
        pair = (entity.get("start"), entity.get("end")) if isinstance(entity, Mapping) else entity
        if not isinstance(pair, list | tuple) or len(pair) != 2 or not all(isinstance(o, int) for o in pair):
            raise ValueError(
                f"{where}: expected entities as objects with 'start' and 'end' or as pairs, got {entity!r}"
            )
        start, end = pair
        if not 0 <= start < end <= len(text):
            raise ValueError(f"{where}: entity [{start}, {end}) lies outside the text of {len(text)} characters")
        offsets.append((start, end))
    return tuple(sorted(offsets))


def _no_column(wanted: str, columns: Iterable[str]) -> str:
    columns = sorted(columns)
    near = ", ".join(difflib.get_close_matches(wanted, columns, n=3) or columns[:5])
    return f"has no column {wanted!r} but {near}; name the one with the text (--text-column)"


def _not_utf8(path: Path) -> str:
    """Say where a file stops being UTF-8, by reading it again: text is decoded ahead of its lines."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    number, shown = 1, b"the end of the file"
    with open_bytes(path) as file:
        while raw := file.readline(PART_CHARACTERS):
            try:
                decoder.decode(raw)
            except UnicodeDecodeError as error:
                shown = error.object[max(error.start - 20, 0) : error.start + 20]
                break
            number += raw.endswith(b"\n")
    with open_bytes(path) as file:
        source = "utf-16" if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "latin1"
    return f"{path}:{number}: not UTF-8 near {shown!r}; convert the file, e.g. iconv -f {source} -t utf-8"
