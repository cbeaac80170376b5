"""Documents of any source as one plain record, and the shards in which sources are read side by side."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

from crossner_hf.corpora.corpus import Corpus
from crossner_hf.corpora.corpus_readers import file_kind, no_column, open_parquet, parquet_contents, text_rows
from crossner_hf.corpora.dumps import is_dump, site_names
from crossner_hf.corpora.file_parts import file_parts, lines_before, open_part
from crossner_hf.corpora.wikitext import Link, SiteNames, plain_text
from crossner_hf.data.lines import json_rows, numbered_lines, text_of
from crossner_hf.data.sources import sha256_of

PART_BYTES = 64 << 20  # of a text file
ROW_GROUP_BYTES = 16 << 20  # unpacked; smaller row groups share a shard, since some writers make one of 1,000 rows

Kind = Literal["parquet", "wikitext", "jsonl", "lines", "text", "hub"]


class Document(NamedTuple):
    """A document with what its source says of it.

    Args:
        id: Its id in the source, else its shard and number.
        title: Its title; empty where the source has none.
        text: Plain text; line ends separate paragraphs.
        categories: Names, or paths from the general to the special one with dots between them
            (`subject.Music.Performers_and_composers`).
        links: Links to other pages in the order of the text.
        score: The number in the score column.
    """

    id: str
    title: str
    text: str
    categories: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()
    score: float | None = None


@dataclass(frozen=True)
class ReaderOptions:
    """Columns of JSON lines, Parquet and data sets of the Hub; configuration and split of a data set.

    Any column but that of the text may be missing under its default name; one that is named otherwise must be there.
    """

    text_column: str = "text"
    title_column: str = "title"
    id_column: str = "id"
    categories_column: str = "categories"
    score_column: str | None = None
    config: str | None = None
    split: str = "train"

    def optional(self) -> tuple[str, ...]:
        """Give the columns to read beside that of the text."""
        return tuple(filter(None, (self.title_column, self.id_column, self.categories_column, self.score_column)))

    def check(self, columns: Iterable[str], where: str) -> None:
        """Raise ValueError, with `where`, if a column is missing that must be there."""
        columns = list(columns)
        if self.text_column not in columns and "tokens" not in columns:
            raise ValueError(f"{where}: {no_column(self.text_column, columns)}")
        defaults = {field.default for field in fields(self)}
        for column in self.optional():
            if column not in columns and column not in defaults:
                raise ValueError(f"{where}: {no_column(column, columns, 'name one that is there')}")


@dataclass(frozen=True)
class Shard:
    """A part of a source that one task reads.

    Args:
        name: Unique among the shards of a plan.
        source: The file, or the id of a data set of the Hub.
        kind: How to read it.
        checksum: SHA-256 of the whole file; the revision of a data set.
        begin: The first byte or row group; the number of the file of a data set.
        end: The byte or row group after the last; the number of files of a data set.
        options: Which columns to read.
        has_categories: Whether its documents can have categories.
    """

    name: str
    source: str
    kind: Kind
    checksum: str
    begin: int
    end: int
    options: ReaderOptions
    has_categories: bool = False

    def documents(self, drops: Counter[str] | None = None) -> Iterator[Document]:
        """Yield the documents in order. Of a text file, those of more than 100,000 characters come in parts.

        Args:
            drops: Counts what is left out: documents with `no text` (missing, or only white space), and of wikitext
                what `plain_text` counts.

        Raises:
            ValueError: If something cannot be read, with its place.
        """
        drops = Counter() if drops is None else drops
        try:
            yield from self._documents(drops, 1)
        except ValueError:
            if self.kind in ("jsonl", "lines", "text") and self.begin:  # again, for the line's number in the file
                for _ in self._documents(Counter(), 1 + lines_before(Path(self.source), self.begin)):
                    pass
            raise

    def identity(self) -> dict[str, Any]:
        """Give what shapes the documents, for JSON; not the folder of the file."""
        return {name: value for name, value in asdict(self).items() if name != "source"}

    def _documents(self, drops: Counter[str], first_line: int) -> Iterator[Document]:
        make = self._page if self.kind == "wikitext" else self._document
        for number, (where, row) in enumerate(self._rows(first_line)):
            document = make(row, where, f"{self.name}:{number}", drops)
            if document.text and not document.text.isspace():
                yield document
            else:
                drops["no text"] += 1

    def _rows(self, first_line: int) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Yield rows, each with its place for error messages."""
        path, options = Path(self.source), self.options
        if self.kind == "hub":
            stream = _hub_corpus(self.source, options).streamed()
            part = stream.shard(num_shards=self.end, index=self.begin) if self.end > 1 else stream
            yield from ((f"{self.name}: example {number}", row) for number, row in enumerate(part, start=1))
        elif self.kind in ("parquet", "wikitext"):
            columns = (options.text_column, options.optional())
            if self.kind == "wikitext":
                columns = ("wikitext", ("id", "title"))
            yield from parquet_contents(path, *columns, range(self.begin, self.end))
        else:
            with open_part(path, self.begin, self.end) as file:
                if self.kind == "jsonl":
                    yield from json_rows(numbered_lines(file, str(path), first_line), str(path))
                else:
                    for row in text_rows(file, path, lines=self.kind == "lines", first=first_line):
                        yield str(path), {options.text_column: row.document.text}

    def _document(self, row: Mapping[str, Any], where: str, fallback_id: str, drops: Counter[str]) -> Document:
        options = self.options
        text = text_of(row, where, options.text_column)
        if text is None:
            raise ValueError(f"{where}: {no_column(options.text_column, row)}")
        title, identifier = row.get(options.title_column), row.get(options.id_column)
        categories = row.get(options.categories_column) or ()
        return Document(
            id=fallback_id if identifier is None else str(identifier),
            title="" if title is None else str(title),
            text=text,
            categories=(categories,) if isinstance(categories, str) else tuple(map(str, categories)),
            score=_score(row.get(options.score_column), where) if options.score_column else None,
        )

    def _page(self, row: Mapping[str, Any], where: str, fallback_id: str, drops: Counter[str]) -> Document:
        text, categories, links = plain_text(row["wikitext"], _names_of(self.source), drops)
        return Document(row["id"], row["title"], text, categories, links)


@cache
def _names_of(path: str) -> SiteNames:
    with open_parquet(Path(path)) as file:
        return site_names(file.schema_arrow.metadata)


def _score(value: Any, where: str) -> float | None:
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{where}: expected a number as score, got {value!r}") from None


def plan_shards(
    sources: Sequence[str | Path], options: ReaderOptions | None = None, *, part_bytes: int = PART_BYTES
) -> list[Shard]:
    """Cut sources into shards: row groups of Parquet, ranges of text files, packed files whole, files of a data set.

    `sources` are files, folders, or one id of a data set of the Hub. `pages.parquet`, as `unpack_dump` writes it, is
    read as wikitext. The same files give the same shards. Raises ValueError if a source is missing, has no column with
    the text, or is a dump; or if all are empty.
    """
    options = options or ReaderOptions()
    corpus = Corpus(tuple(map(str, sources)), options.config, options.split, options.text_column)
    if corpus.is_hub_id():
        return _hub_shards(corpus.sources[0], options)
    shards: list[Shard] = []
    repeats = Counter[str]()
    for name, path in corpus.files():
        repeats[name] += 1  # files of several folders may have one name
        unique = f"{name}#{repeats[name]}" if repeats[name] > 1 else name
        shards += _file_shards(unique, path, options, part_bytes)
    if not shards:
        raise ValueError(f"no document in {corpus}: the files are empty")
    return shards


def check_output(output: str | Path, sources: Sequence[str | Path]) -> None:
    """Raise ValueError if what is written to a folder would be read as source, or would replace a source."""
    output = Path(output).expanduser().resolve()
    for source in sources:
        path = Path(source).expanduser().resolve()
        if path.exists() and (path == output or path in output.parents or output in path.parents):
            raise ValueError(f"the output folder {output} and the source {source} lie in each other; name another one")


def _file_shards(name: str, path: Path, options: ReaderOptions, part_bytes: int) -> Iterator[Shard]:
    if is_dump(path.name):
        raise ValueError(f"{path}: is a MediaWiki dump; unpack it first (crossner_hf.corpora.dumps.unpack_dump)")
    if not path.stat().st_size:
        return
    kind, has_categories = cast("Kind", file_kind(path)), False
    if kind == "parquet":
        kind, has_categories, ranges = _parquet_plan(path, options)
    else:
        if kind == "jsonl":
            for where, row in islice(json_rows(numbered_lines(path), str(path)), 1):
                options.check(row, where)
                has_categories = options.categories_column in row
        ranges = file_parts(path, part_bytes, at_blank_lines=kind == "text")
    checksum = sha256_of(path)
    for begin, end in ranges:
        yield Shard(f"{name}:{begin}-{end}", str(path), kind, checksum, begin, end, options, has_categories)


def _parquet_plan(path: Path, options: ReaderOptions) -> tuple[Kind, bool, list[tuple[int, int]]]:
    with open_parquet(path) as file:
        schema = file.schema_arrow
        sizes = [file.metadata.row_group(number).total_byte_size for number in range(file.num_row_groups)]
        ranges = list(_joined(sizes if file.metadata.num_rows else []))
    if "wikitext" in schema.names and options.text_column not in schema.names:
        return "wikitext", True, ranges
    options.check(schema.names, str(path))
    column = options.categories_column
    return "parquet", column in schema.names and str(schema.field(column).type) != "null", ranges


def _joined(sizes: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Give ranges of neighbours that are together at most ROW_GROUP_BYTES, or one larger alone."""
    begin, held = 0, 0
    for number, size in enumerate(sizes):
        if held and held + size > ROW_GROUP_BYTES:
            yield begin, number
            begin, held = number, 0
        held += size
    if held:
        yield begin, len(sizes)


def _hub_shards(name: str, options: ReaderOptions) -> list[Shard]:
    corpus = _hub_corpus(name, options)
    (label, revision), *_ = corpus.checksums().items()
    stream = corpus.streamed()
    columns = list(stream.features or next(iter(stream), {}))
    options.check(columns, label)
    has_categories = options.categories_column in columns
    count = stream.num_shards
    return [
        Shard(f"{label}:{number}", name, "hub", revision, number, count, options, has_categories)
        for number in range(count)
    ]


def _hub_corpus(name: str, options: ReaderOptions) -> Corpus:
    return Corpus((name,), options.config, options.split, options.text_column)
