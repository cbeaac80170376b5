"""MediaWiki XML dumps: their articles as Parquet, and which categories stand in which others."""

import json
import re
import shutil
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

from crossner_hf.atomic_write import new_folder, write_text
from crossner_hf.corpora.corpus_readers import is_known_name
from crossner_hf.corpora.wikitext import ENGLISH, MISSING, SiteNames, page_title, plain_text
from crossner_hf.data.lines import unpacked

PAGES_FILE = "pages.parquet"
EDGES_FILE, COUNTS_FILE = ".category_edges.parquet", ".counts.json"  # hidden, so that the folder is a source as it is
KEPT_PAGES = ("pages", "articles", "categories")  # the counts of what is not left out
NAMES_KEY = "site_names"
MEDIA_NAMESPACE, FILE_NAMESPACE, CATEGORY_NAMESPACE = -2, 6, 14  # the same in every wiki
ROW_GROUP_CHARACTERS = 8_000_000  # of wikitext, held in memory while a dump is unpacked
DUMP_NAME = re.compile(r".+\.xml(-p\d+p\d+)?(\.bz2|\.gz)?", re.IGNORECASE)  # also enwiki-…-articles1.xml-p1p41242.bz2
REDIRECT = re.compile(r"\s*#redirect", re.IGNORECASE)


def is_dump(name: str) -> bool:
    """Say whether a file of this name is a MediaWiki XML dump."""
    return DUMP_NAME.fullmatch(name) is not None


def find_dumps(sources: Sequence[str | Path]) -> tuple[list[Path], list[str]]:
    """Separate MediaWiki XML dumps, also those in folders, from sources for `plan_shards`."""
    dumps, others = [], []
    for source in map(str, sources):
        path = Path(source).expanduser()
        files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
        inside = [file for file in files if is_dump(file.name)]
        dumps += inside
        if not inside or any(is_known_name(file.name) for file in files):
            others.append(source)
    return dumps, others


def unpack_dump(path: str | Path, folder: str | Path) -> dict[str, int]:
    """Write the pages of a dump as Parquet, and which categories stand in which others.

    The dump is read as a stream. Of a page with several revisions, the last one counts. The folder gets `pages.parquet`
    (id, title, wikitext), `.category_edges.parquet` (category, parent) and `.counts.json`, all of them or none.

    Args:
        path: The dump, an `.xml` file that may be packed by bzip2 or gzip.
        folder: Where to write; what is there is replaced.

    Returns:
        How many pages there are (`pages`), how many are articles (`articles`) and category pages (`categories`), and
        how many are left out, by reason: `redirect`, `other namespace`, `no wikitext` (other content, or deleted).

    Raises:
        ValueError: If the dump is damaged, with the page before.
        ImportError: If the extra `corpora` is not installed.
    """
    path, folder, counts = Path(path), Path(folder), Counter[str]()
    if folder.is_dir():
        shutil.rmtree(folder)
    with new_folder(folder) as temporary:
        metadata: dict[str, str] = {}
        pages = _Table(temporary / PAGES_FILE, ("id", "title", "wikitext"), metadata)
        edges = _Table(temporary / EDGES_FILE, ("category", "parent"), metadata)
        for names, page, text in _pages(path, counts):
            if not metadata:
                metadata[NAMES_KEY] = json.dumps([sorted(prefixes) for prefixes in names])
            if page.namespace == CATEGORY_NAMESPACE:
                counts["categories"] += 1
                category = page_title(page.title.partition(":")[2])
                for parent in plain_text(text, names).categories:
                    edges.add((category, parent))
            else:
                counts["articles"] += 1
                pages.add((str(page.id), page.title, text))
        pages.close()
        edges.close()
        write_text(temporary / COUNTS_FILE, json.dumps(counts, indent=1) + "\n")
    return dict(counts)


def dropped_pages(folder: Path) -> dict[str, int]:
    """Give how many pages of an unpacked dump were left out, by reason."""
    counts: dict[str, int] = json.loads((folder / COUNTS_FILE).read_text(encoding="utf-8"))
    return {f"page: {reason}": count for reason, count in counts.items() if reason not in KEPT_PAGES}


def site_names(metadata: Mapping[bytes, bytes] | None) -> SiteNames:
    """Read the prefixes that `unpack_dump` keeps in the metadata of `pages.parquet`."""
    kept = (metadata or {}).get(NAMES_KEY.encode())
    return SiteNames(*map(frozenset, json.loads(kept))) if kept else ENGLISH


class _Table:
    """A Parquet file that is written row group by row group."""

    def __init__(self, path: Path, columns: tuple[str, ...], metadata: Mapping[str, str]):
        self.path, self.columns, self.metadata = path, columns, metadata
        self.rows: list[tuple[str, ...]] = []
        self.characters = 0
        self.writer: Any = None

    def add(self, row: tuple[str, ...]) -> None:
        self.rows.append(row)
        self.characters += sum(map(len, row))
        if self.characters > ROW_GROUP_CHARACTERS:
            self._flush()

    def close(self) -> None:
        if self.rows or self.writer is None:
            self._flush()
        self.writer.close()

    def _flush(self) -> None:
        import pyarrow
        import pyarrow.parquet

        if self.writer is None:
            fields = [(name, pyarrow.string()) for name in self.columns]
            self.schema = pyarrow.schema(fields, metadata=dict(self.metadata))
            self.writer = pyarrow.parquet.ParquetWriter(self.path, self.schema, compression="zstd")
        columns = zip(*self.rows, strict=True) if self.rows else [()] * len(self.columns)
        self.writer.write_table(pyarrow.table([list(column) for column in columns], schema=self.schema))
        self.rows, self.characters = [], 0


def _pages(path: Path, counts: Counter[str]) -> Iterator[tuple[SiteNames, Any, str]]:
    """Yield articles and category pages, each with the wikitext of its last revision."""
    try:
        import mwxml
        from mwxml.element_iterator import ElementIterator
        from mwxml.errors import MalformedXML
    except ImportError as error:
        raise ImportError(MISSING) from error
    before = "its begin"
    with unpacked(path) as file:
        try:
            root = ElementIterator.from_file(file)
            if root.tag != "mediawiki":
                raise MalformedXML(f"expected the element <mediawiki> of a dump, got <{root.tag}>")
            dump = mwxml.Dump.from_element(root)
            names = _names_of(dump)
            for page in dump.pages:
                text = _text_of(page, counts)
                if text is not None:
                    yield names, page, text
                before = f"page {page.title!r}"
                root.element.clear()  # mwxml keeps an empty element for each page
        except (ParseError, MalformedXML, AssertionError, AttributeError, TypeError, ValueError) as error:  # of mwxml
            reason = " ".join(str(error).split())[:200]
            raise ValueError(f"{path}: no XML of a MediaWiki dump after {before}: {reason}; get it again") from None


def _text_of(page: Any, counts: Counter[str]) -> str | None:
    """Give the wikitext of an article or a category page; count it with its reason if it is left out."""
    counts["pages"] += 1
    if page.namespace not in (0, CATEGORY_NAMESPACE):
        counts["other namespace"] += 1
        return None
    revision = None if page.redirect else next(iter(deque(page, maxlen=1)), None)
    text = getattr(revision, "text", None)
    if page.redirect or REDIRECT.match(text or ""):
        counts["redirect"] += 1
        return None
    if not text or getattr(revision, "model", None) not in (None, "wikitext"):
        counts["no wikitext"] += 1
        return None
    return text


def _names_of(dump: Any) -> SiteNames:
    names = {space.id: space.name.lower() for space in dump.site_info.namespaces or () if space.name}
    of_files = {names[number] for number in (FILE_NAMESPACE, MEDIA_NAMESPACE) if number in names}
    of_categories = {names[CATEGORY_NAMESPACE]} if CATEGORY_NAMESPACE in names else set()
    return SiteNames(ENGLISH.category | of_categories, ENGLISH.file | of_files)
