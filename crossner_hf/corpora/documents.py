"""Documents of any source as one plain record, and the shards in which sources are read side by side."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from crossner_hf.corpora.corpus import Corpus
from crossner_hf.corpora.corpus_readers import file_format, open_parquet, parquet_contents
from crossner_hf.data.lines import text_of
from crossner_hf.data.sources import sha256_of

ROW_GROUP_BYTES = 16 << 20  # unpacked; smaller row groups share a shard, since some writers make one of 1,000 rows

Kind = Literal["parquet"]


class Link(NamedTuple):
    """A link to another page: the title that it points to, and the text that it stands under."""

    target: str
    anchor: str


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

    All columns but that of the text may be missing under their default names; one that is named must be there.
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


@dataclass(frozen=True)
class Shard:
    """A part of a source that one task reads.

    Args:
        name: Unique among the shards of a plan.
        path: The file.
        kind: How to read it.
        sha256: Of the whole file.
        begin: The first row group.
        end: The row group after the last.
        options: Which columns to read.
        has_categories: Whether its documents can have categories.
    """

    name: str
    path: str
    kind: Kind
    sha256: str
    begin: int
    end: int
    options: ReaderOptions
    has_categories: bool = False

    def documents(self, drops: Counter[str] | None = None) -> Iterator[Document]:
        """Yield the documents in order.

        Args:
            drops: Counts the documents left out: `no text` (missing, or only white space).

        Raises:
            ValueError: If something cannot be read, with its place.
        """
        drops = Counter() if drops is None else drops
        rows = parquet_contents(
            Path(self.path), self.options.text_column, self.options.optional(), range(self.begin, self.end)
        )
        for number, (where, row) in enumerate(rows):
            document = document_of(row, where, self.options, f"{self.name}:{number}")
            if document.text and not document.text.isspace():
                yield document
            else:
                drops["no text"] += 1

    def identity(self) -> dict[str, Any]:
        """Give what shapes the documents, for JSON."""
        return {name: value for name, value in asdict(self).items() if name != "path"}


def plan_shards(sources: Sequence[str | Path], options: ReaderOptions | None = None) -> list[Shard]:
    """Cut sources into shards.

    Args:
        sources: Files or folders.
        options: Which columns to read.

    Returns:
        The shards in the order of the sources, the same for the same files.

    Raises:
        ValueError: If a source is missing, empty, or has no column with the text.
    """
    options = options or ReaderOptions()
    files = Corpus(tuple(map(str, sources)), text_column=options.text_column).files()
    return [shard for name, path in files for shard in _file_shards(name, path, options)]


def _file_shards(name: str, path: Path, options: ReaderOptions) -> list[Shard]:
    if file_format(path) != "parquet":
        raise ValueError(f"{path}: only Parquet files can be read")
    with open_parquet(path) as file:
        field = options.categories_column
        names = file.schema_arrow.names
        has_categories = field in names and str(file.schema_arrow.field(field).type) != "null"
        sizes = [file.metadata.row_group(number).total_byte_size for number in range(file.num_row_groups)]
    sha256 = sha256_of(path)
    return [
        Shard(f"{name}#{begin}-{end}", str(path), "parquet", sha256, begin, end, options, has_categories)
        for begin, end in _joined(sizes)
    ]


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


def document_of(row: Mapping[str, Any], where: str, options: ReaderOptions, fallback_id: str) -> Document:
    """Read the document of one row, of any source with columns."""
    text = text_of(row, where, options.text_column)
    title, identifier = row.get(options.title_column), row.get(options.id_column)
    categories = row.get(options.categories_column) or ()
    score = row.get(options.score_column) if options.score_column else None
    return Document(
        id=fallback_id if identifier is None else str(identifier),
        title="" if title is None else str(title),
        text=text or "",
        categories=(categories,) if isinstance(categories, str) else tuple(map(str, categories)),
        score=None if score is None else float(score),
    )
