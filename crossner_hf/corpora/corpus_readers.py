"""Documents of raw-text files: plain text, JSON lines and Parquet, read as streams."""

import codecs
import difflib
import io
import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

from crossner_hf.data.lines import json_rows, numbered_lines, text_of, unpacked, without_packing

logger = logging.getLogger(__name__)

SUFFIXES = (".txt", ".jsonl", ".ndjson", ".json", ".parquet")  # what is read of a folder
PART_CHARACTERS = 100_000  # a longer document is handed out in parts, which bounds what a tokenizer holds at once
LINE_DOCUMENTS = 10  # this many lines and no blank one in the first PART_CHARACTERS bytes: each line is a document
PARQUET_ROWS = 32  # a batch: documents of any length, so not many at once

WIKI_EXTRACTOR = re.compile(r"wiki_\d+")  # names of the files that WikiExtractor writes

Offsets = tuple[tuple[int, int], ...]


class Columns(NamedTuple):
    """What to read of a document: the column of its text, and whether to read its title and its entities."""

    text: str = "text"
    title: bool = False
    entities: bool = True


class DocumentPart(NamedTuple):
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

    document: DocumentPart
    title: str | None = None


def file_format(path: Path) -> str:
    """Give `jsonl`, `parquet` or, for any other ending, `text`."""
    name = without_packing(path.name).lower()
    if WIKI_EXTRACTOR.fullmatch(name):
        return "jsonl"
    formats = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".parquet": "parquet"}
    return formats.get(Path(name).suffix, "text")


def is_known_name(name: str) -> bool:
    """Say whether a file of this name is read where a folder is given."""
    name = without_packing(name).lower()
    return name.endswith(SUFFIXES) or WIKI_EXTRACTOR.fullmatch(name) is not None


def read(path: Path, columns: Columns) -> Iterator[Row]:
    """Yield the documents of a file. Raises ValueError with path:line for anything that cannot be read."""
    kind = file_kind(path)
    if kind == "parquet":
        yield from _parquet_rows(path, columns)
        return
    if kind == "jsonl":
        for where, content in json_rows(numbered_lines(path), str(path)):
            yield row_of(content, columns, where)
        return
    with unpacked(path) as file:
        yield from text_rows(file, path, lines=kind == "lines")


def file_kind(path: Path) -> str:
    """Give the format of a file; `lines` for a text file with a document on each line.

    That is one of more than PART_CHARACTERS bytes, the first of which hold at least LINE_DOCUMENTS lines and no blank
    one, as in the corpora that the authors of CrossNER offer.
    """
    if file_format(path) != "text":
        return file_format(path)
    with unpacked(path) as file:
        head = file.read(PART_CHARACTERS + 1)
    lines = head.splitlines()[:-1]  # the last one is cut
    if len(head) <= PART_CHARACTERS or len(lines) < LINE_DOCUMENTS or not all(line.strip() for line in lines):
        return "text"
    logger.info("%s: no blank line in its first %d bytes, so each line is a document", path, PART_CHARACTERS)
    return "lines"


def parts_of(document: DocumentPart) -> Iterator[DocumentPart]:
    """Split a document into parts of at most PART_CHARACTERS, before a single space and outside entities if possible.

    WordPiece, byte-level BPE and SentencePiece with word marks split text there anyway, so the tokens of the parts are
    those of the whole. If half a part contains no such place, tokens at the cut may differ.
    """
    text, entities, continues = document
    begin = 0
    while len(text) - begin > PART_CHARACTERS:
        end = _part_end(text, begin + PART_CHARACTERS // 2, begin + PART_CHARACTERS, entities)
        yield DocumentPart(text[begin:end], _within(entities, begin, end), continues)
        begin, continues = end, True
    if begin == 0:
        yield document
    else:
        yield DocumentPart(text[begin:], _within(entities, begin, len(text)), continues)


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


def text_rows(file: IO[bytes], path: Path, *, lines: bool, first: int = 1) -> Iterator[Row]:
    """Yield the documents of a text file, a long one in parts while it is read.

    With `lines`, each line is a document; otherwise blank lines separate documents. `first` is the number of the first
    line. Raises ValueError for bytes that are not UTF-8, or a NUL, with path:line.
    """
    try:
        # utf-8-sig drops a byte-order mark
        yield from _decoded_rows(io.TextIOWrapper(file, encoding="utf-8-sig", newline="\n"), path, lines, first)
    except UnicodeDecodeError:
        raise ValueError(_not_utf8(path)) from None


def _decoded_rows(file: IO[str], path: Path, lines: bool, number: int) -> Iterator[Row]:
    held: list[str] = []
    size, fresh, continues = 0, True, False  # fresh: at the beginning of a line
    while line := file.readline(PART_CHARACTERS):
        if "\x00" in line:
            raise ValueError(f"{path}:{number}: contains a NUL character; expected text, and this looks binary")
        ended = line.endswith("\n")
        number += ended
        blank = fresh and ended and line.isspace()
        fresh = ended
        if not blank:
            held.append(line)
            size += len(line)
        if blank or (lines and ended):
            if held:
                yield Row(DocumentPart("".join(held).rstrip("\r\n"), (), continues))
            held, size, continues = [], 0, False
        elif size > PART_CHARACTERS:
            *done, rest = parts_of(DocumentPart("".join(held), (), continues))
            yield from map(Row, done)
            held, size, continues = [rest.text], len(rest.text), rest.continues
    if held:
        yield Row(DocumentPart("".join(held).rstrip("\r\n"), (), continues))


def _parquet_rows(path: Path, columns: Columns) -> Iterator[Row]:
    optional = tuple(name for name in ("title", "entities") if getattr(columns, name))
    for where, content in parquet_contents(path, columns.text, optional):
        yield row_of(content, columns, where)


def open_parquet(path: Path) -> Any:
    """Open a Parquet file, to be read as a stream. Raises ValueError if it is none."""
    import pyarrow
    import pyarrow.parquet

    try:
        return pyarrow.parquet.ParquetFile(path, buffer_size=1 << 20)
    except (UnicodeDecodeError, pyarrow.ArrowInvalid, OSError) as error:
        raise ValueError(f"{path}: not a Parquet file: {str(error).splitlines()[0]}") from None


def parquet_contents(
    path: Path, text_column: str, optional: Sequence[str], row_groups: Sequence[int] | None = None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the rows of a Parquet file, or of some row groups, each with its place for error messages.

    The columns of `optional` are read if they are there. Rows are numbered within the row groups. Raises ValueError if
    the file cannot be read or has no column `text_column`.
    """
    import pyarrow

    number, part = 0, "" if row_groups is None else f" of row groups {row_groups[0]} to {row_groups[-1]}"
    with open_parquet(path) as file:
        if text_column not in file.schema_arrow.names:
            raise ValueError(f"{path}: {no_column(text_column, file.schema_arrow.names)}")
        wanted = [text_column, *(name for name in optional if name in file.schema_arrow.names)]
        try:
            for batch in file.iter_batches(PARQUET_ROWS, row_groups, wanted, use_threads=False):
                for content in batch.to_pylist():
                    number += 1
                    yield f"{path}: row {number}{part}", content
        except (UnicodeDecodeError, pyarrow.ArrowInvalid, OSError) as error:
            raise ValueError(f"{path}: cannot be read after row {number}{part}: {str(error).splitlines()[0]}") from None


def row_of(content: Mapping[str, Any], columns: Columns, where: str) -> Row:
    """Read the document of one JSON object, Parquet row or example of a data set."""
    text = text_of(content, where, columns.text)
    if text is None:
        raise ValueError(f"{where}: {no_column(columns.text, content)}")
    title = content.get("title") if columns.title else None
    entities = _offsets(content.get("entities"), text, where) if columns.entities else ()
    return Row(DocumentPart(text, entities), None if title is None else str(title))


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


def no_column(wanted: str, columns: Iterable[str], hint: str = "name the one with the text (--text-column)") -> str:
    """Say that a column is missing, which ones are there, and what to do."""
    columns = sorted(columns)
    near = ", ".join(difflib.get_close_matches(wanted, columns, n=3) or columns[:5])
    return f"has no column {wanted!r} but {near}; {hint}"


def _not_utf8(path: Path) -> str:
    """Say where a file stops being UTF-8, by reading it again: text is decoded ahead of its lines."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    number, shown = 1, b"the end of the file"
    with unpacked(path) as file:
        while raw := file.readline(PART_CHARACTERS):
            try:
                decoder.decode(raw)
            except UnicodeDecodeError as error:
                shown = error.object[max(error.start - 20, 0) : error.start + 20]
                break
            number += raw.endswith(b"\n")
    with unpacked(path) as file:
        source = "utf-16" if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "latin1"
    return f"{path}:{number}: not UTF-8 near {shown!r}; convert the file, e.g. iconv -f {source} -t utf-8"
