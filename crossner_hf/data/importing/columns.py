"""CoNLL columns of any layout: tabs or spaces, `-DOCSTART-`, comments, CoNLL-U and its MISC column."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from crossner_hf.data.conll import Sentence
from crossner_hf.data.importing.documents import ImportOptions, Notes, SourceFile, TaggedDocument
from crossner_hf.data.importing.tag_schemes import OUTSIDE
from crossner_hf.data.lines import numbered_lines
from crossner_hf.tagger.iob2 import PREFIXED

SAMPLE = 5_000  # lines from which the layout is told
MOST_CHARACTERS_OF_LINE = 100_000
NUMBER = re.compile(r"\d+(?:[-.]\d+)?")  # of a word in CoNLL-U, or of words joined, or of an empty node
MISC = re.compile(r"(?:^|\|)(?:NER?|Entity)=([^|]+)", re.IGNORECASE)
NAMES = re.compile(r"#\s*global\.columns\s*=\s*(.+)")
BOUNDARY = "-DOCSTART-"


class Layout(NamedTuple):
    """Number of columns, and which of them, from 0, holds what.

    Args:
        num_columns: Columns of each line.
        word: The column of the words.
        tag: The column of the tags.
        number: Whether the first column numbers the words.
        in_misc: Whether the tags are `NER=…` in a MISC column.
        prefixed: Whether tags have prefixes.
    """

    num_columns: int
    word: int
    tag: int
    number: bool
    in_misc: bool
    prefixed: bool


class _Line(NamedTuple):
    where: str
    text: str
    columns: list[str]


def read_columns_file(source: SourceFile, options: ImportOptions, notes: Notes) -> Iterator[TaggedDocument]:
    """Yield the documents of a file: what lies between `-DOCSTART-` or `# newdoc`, or single sentences without them.

    Raises:
        ValueError: A line that does not have the columns of the others, or no tag, with path:line.
    """
    layout = layout_of(list(islice(_lines(source.path), SAMPLE)), options, str(source.path), notes)
    has_documents = any(map(_begins_document, _lines(source.path)))
    sentences: list[tuple[str, Sentence]] = []
    for part in _parts(_lines(source.path), layout):
        if part is not None:
            sentences.append((part[0].where, Sentence(*_words_and_tags(part, layout))))
        if sentences and (part is None or not has_documents):
            yield TaggedDocument(sentences[0][0], source.split, [sentence for _, sentence in sentences])
            sentences = []
    if sentences:
        yield TaggedDocument(sentences[0][0], source.split, [sentence for _, sentence in sentences])


def _lines(path: Path) -> Iterator[_Line]:
    for number, text in numbered_lines(path):
        if len(text) > MOST_CHARACTERS_OF_LINE:
            raise ValueError(
                f"{path}:{number}: expected a word and its tag, got a line of {len(text):,} characters: {text[:40]!r}"
            )
        yield _Line(f"{path}:{number}", text, _columns(text))


def _columns(text: str) -> list[str]:
    if not text.strip(" \t"):
        return []
    return [cell.strip(" ") for cell in text.split("\t")] if "\t" in text else re.split(" +", text.strip(" "))


def _begins_document(line: _Line) -> bool:
    return BOUNDARY in line.columns[:2] or line.text.startswith("# newdoc")


def _parts(lines: Iterable[_Line], layout: Layout) -> Iterator[list[_Line] | None]:
    """Yield the lines of each sentence; None where a new document begins."""
    rows: list[_Line] = []
    for line in lines:
        is_new = _begins_document(line)
        if line.columns and not is_new and not _is_comment(line, layout):
            _check(line, layout)
            if not (layout.number and not line.columns[0].isdigit()):
                rows.append(line)
        elif rows and (is_new or not line.columns):
            yield rows
            rows = []
        if is_new:
            yield None
    if rows:
        yield rows


def _is_comment(line: _Line, layout: Layout) -> bool:
    """A line that begins with `#`, unless it has the columns of a word, with a tag."""
    if not line.text.startswith("#"):
        return False
    return len(line.columns) != layout.num_columns or not (layout.in_misc or _is_tag(line.columns[layout.tag], layout))


def _is_tag(cell: str, layout: Layout) -> bool:
    return cell in OUTSIDE or bool(PREFIXED.fullmatch(cell)) or not layout.prefixed


def _check(line: _Line, layout: Layout) -> None:
    if len(line.columns) != layout.num_columns:
        raise ValueError(
            f"{line.where}: expected {layout.num_columns} columns as in most lines, got {len(line.columns)}: "
            f"{line.text[:80]!r}; the file is truncated or mixed"
        )
    if layout.number and not NUMBER.fullmatch(line.columns[0]):
        raise ValueError(f"{line.where}: expected the number of a word in column 1, got {line.columns[0][:40]!r}")
    word, tag = line.columns[layout.word], line.columns[layout.tag]
    if not word:
        raise ValueError(f"{line.where}: expected a word in column {layout.word + 1}, got {line.text[:80]!r}")
    if not layout.in_misc and not _is_tag(tag, layout):
        raise ValueError(
            f"{line.where}: expected a tag such as 'O' or 'B-person' in column {layout.tag + 1}, got {tag[:40]!r}"
        )


def _words_and_tags(rows: Sequence[_Line], layout: Layout) -> tuple[list[str], list[str]]:
    cells = [row.columns[layout.tag] for row in rows]
    if layout.in_misc:
        cells = [match[1] if (match := MISC.search(cell)) else "O" for cell in cells]
    return [row.columns[layout.word] for row in rows], cells


def layout_of(lines: Sequence[_Line], options: ImportOptions, name: str, notes: Notes) -> Layout:
    """Tell from the first lines which columns hold words and tags: as the options say, else by what the columns hold.

    The last column of tags with a prefix counts, since CoNLL-2003 has chunks of that form before its entities.

    Raises:
        ValueError: No column of tags, or none of that number or name.
    """
    rows = [line.columns for line in lines if line.columns and not line.text.startswith("#")]
    rows = [row for row in rows if BOUNDARY not in row]
    if not rows:
        raise ValueError(f"{name}:1: has no sentence; expected lines of a word and its tag")
    count = Counter(map(len, rows)).most_common(1)[0][0]
    columns = list(zip(*(row for row in rows if len(row) == count), strict=True))
    names = next((match[1].split() for line in lines if (match := NAMES.match(line.text))), [])
    is_numbered = count > 2 and all(map(NUMBER.fullmatch, columns[0]))
    word = _named(options.words, names, count, name) if options.words else int(is_numbered)
    of_tags = [] if options.tags else _tag_columns(columns)
    tag = _named(options.tags, names, count, name) if options.tags else next(iter(of_tags), None)
    for number in of_tags[1:]:
        notes.add("columns of tags before the last one, left out (--tags)", f"{name}: column {number + 1}")
    if tag is None and is_numbered and any(map(MISC.search, columns[-1])):
        tag = count - 1
    if tag is None and count == 2 and "O" in columns[1]:
        tag = 1  # types alone
    if tag is None:
        first = next(line.where for line in lines if line.columns)
        raise ValueError(
            f"{first}: none of the {count} column(s) holds tags such as 'O' and 'B-person': "
            f"{' '.join(rows[0])[:60]!r}; "
            "name it with --tags NUMBER, or the form of the file with --from"
        )
    in_misc = any("=" in cell and MISC.search(cell) for cell in columns[tag])
    prefixed = any(map(PREFIXED.fullmatch, columns[tag]))
    return Layout(count, word, tag, is_numbered and word > 0, in_misc, prefixed)


def _named(column: str, names: Sequence[str], count: int, file_name: str) -> int:
    """Give the number, from 0, of a column that an option names."""
    if column in names:
        return names.index(column)
    if re.fullmatch(r"-?\d+", column) and 1 <= abs(int(column)) <= count:
        return int(column) - 1 if int(column) > 0 else count + int(column)
    known = f" or one of {', '.join(names)}" if names else ""
    raise ValueError(f"{file_name}: has no column {column!r}: expected a number from 1 to {count}{known}")


def _tag_columns(columns: Sequence[Sequence[str]]) -> list[int]:
    """The columns that hold tags with prefixes only, the last first; else the last that holds `O` only."""
    cells = {number: set(columns[number]) - OUTSIDE for number in range(len(columns) - 1, 0, -1)}
    tagged = [number for number, inside in cells.items() if inside and all(map(PREFIXED.fullmatch, inside))]
    return tagged or [number for number, inside in cells.items() if not inside and "O" in columns[number]][:1]
