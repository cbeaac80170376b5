"""Raw text for pre-training: documents from text, JSON-lines and Parquet files, or from a data set of the Hub.

Everything is read as a stream. No file, document or line is ever held in memory as a whole, except a line of JSON and
the documents of a few rows of Parquet.
"""

import hashlib
import logging
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

from crossner_hf.corpora.corpus_readers import (
    SUFFIXES,
    Columns,
    DocumentPart,
    Row,
    file_format,
    file_kind,
    is_known_name,
    parts_of,
    read,
    row_of,
)
from crossner_hf.data.sources import SAMPLE_FOLDER, sha256_of

logger = logging.getLogger(__name__)

SAMPLES = {"sample_music": SAMPLE_FOLDER / "music" / "raw.txt"}
HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")


@dataclass(frozen=True)
class Corpus:
    """Where raw text comes from.

    Args:
        sources: Files, folders, 'sample_music' (the packaged sample), or one id of a data set for
            `datasets.load_dataset`. Of a folder, every file with a known ending is read in the order of the names,
            subfolders included.
        config: Configuration of a data set.
        split: Split of a data set.
        text_column: Column of the text in JSON lines, Parquet and data sets.
        exclude_titles: Documents with one of these as their `title` are left out.

    Raises:
        ValueError: If the sources are empty, or `config` or `split` are given for files.
    """

    sources: tuple[str, ...]
    config: str | None = None
    split: str = "train"
    text_column: str = "text"
    exclude_titles: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        sources = (self.sources,) if isinstance(self.sources, str | Path) else self.sources
        packaged = (SAMPLES.get(source, source) if not Path(source).exists() else source for source in sources)
        object.__setattr__(self, "sources", tuple(map(str, packaged)))
        if isinstance(self.exclude_titles, str):
            raise ValueError(f"exclude_titles must be a collection of titles, got the string {self.exclude_titles!r}")
        object.__setattr__(self, "exclude_titles", frozenset(self.exclude_titles))
        if not all(source.strip() for source in self.sources):
            raise ValueError(f"sources must not be empty, got {self.sources}; is a shell variable unset?")
        if not self.sources:
            raise ValueError("sources must name at least one file, folder or data set, got none")
        if (self.config or self.split != "train") and not self.is_hub_id():
            raise ValueError(f"config and split are for a data set of the Hub, not for files such as {self.sources[0]}")

    def documents(self, skipped: Counter[str] | None = None, *, entities: bool = True) -> Iterator[DocumentPart]:
        """Yield the documents in order, long ones in parts.

        Args:
            skipped: Counts the documents left out: `excluded` (by title) and `blank` (only white space).
            entities: Read the column `entities`.

        Raises:
            ValueError: If something cannot be read, if there is no text, and for `exclude_titles` if no document has a
                title.
        """
        skipped = Counter() if skipped is None else skipped
        if self.exclude_titles and not self.is_hub_id() and {file_format(path) for _, path in self.files()} == {"text"}:
            raise ValueError(f"exclude_titles has no effect: the documents of text files as {self} have no titles")
        has_text = titled = False
        for row in self._rows(Columns(self.text_column, bool(self.exclude_titles), entities)):
            titled = titled or row.title is not None
            if row.title is not None and row.title in self.exclude_titles:
                skipped["excluded"] += 1
            elif not row.document.text.strip() and not row.document.continues:
                skipped["blank"] += 1
            else:
                has_text = True
                yield from parts_of(row.document)
        if self.exclude_titles and not titled:
            raise ValueError(f"exclude_titles has no effect: no document of {self} has a title")
        if not has_text:
            raise ValueError(f"no document with text in {self}; left out: {dict(skipped) or 'none'}")

    def checksums(self) -> dict[str, str]:
        """Give the SHA-256 of every file by its name without outer folders; for a data set, its revision by its id."""
        if self.is_hub_id():
            return {"/".join(filter(None, (self.sources[0], self.config, self.split))): str(self._builder().hash)}
        sums: dict[str, str] = {}
        for name, path in self.files():
            number, unique = 2, name
            while unique in sums:
                unique, number = f"{name}#{number}", number + 1
            about = path.stat()
            sums[unique] = _sha256_once(path, about.st_size, about.st_mtime_ns, about.st_ctime_ns)
        return sums

    def identity(self) -> list[Any]:
        """Give everything that shapes the documents, for JSON: checksums of contents, not the names of files."""
        titles, sums = sorted(self.exclude_titles), self.checksums()
        if self.is_hub_id():
            return [self.text_column, titles, list(sums.items())]
        return [self.text_column, titles, [file_kind(path) for _, path in self.files()], list(sums.values())]

    def files(self) -> list[tuple[str, Path]]:
        """List the files in the order of reading, each with its name for records; none for a data set."""
        files = []
        for source in () if self.is_hub_id() else self.sources:
            path = Path(source).expanduser()
            if path.is_dir():
                files += _files_of(path)
            elif path.exists():
                if not path.is_file():
                    raise ValueError(f"{source}: is a pipe or device; it is read more than once, so give a file")
                files.append((path.name, path))
            else:
                raise ValueError(f"{source}: no such file or folder")
        return files

    def __str__(self) -> str:
        return ", ".join(self.sources)

    def _rows(self, columns: Columns) -> Iterator[Row]:
        if self.is_hub_id():
            for number, example in enumerate(self.streamed(), start=1):
                yield row_of(example, columns, f"{self.sources[0]}: example {number}")
        for _, path in self.files():
            yield from read(path, columns)

    def is_hub_id(self) -> bool:
        if len(self.sources) > 1 or not HUB_ID.fullmatch(self.sources[0]):
            return False
        return not is_known_name(self.sources[0]) and not Path(self.sources[0]).exists()

    def _builder(self) -> Any:
        import datasets

        try:
            return datasets.load_dataset_builder(self.sources[0], self.config)
        except Exception as error:  # many classes: no network, unknown id or configuration, a loading script
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise ValueError(
                f"{self.sources[0]}: no such file or folder, and no data set of this name can be loaded: {reason}"
            ) from error

    def streamed(self) -> Any:
        """Open the split of a data set of the Hub as a stream. Raises ValueError if that fails."""
        builder = self._builder()
        try:
            return builder.as_streaming_dataset(split=self.split)
        except ValueError as error:
            raise ValueError(f"{self.sources[0]}: cannot read the split {self.split!r}: {error}") from error


@lru_cache(maxsize=1_024)
def _sha256_once(path: Path, size: int, *changed_ns: int) -> str:
    """The checksum of a file, computed again only if the file has changed: a run asks for it several times."""
    return sha256_of(path)


@dataclass(frozen=True)
class Selection:
    """Which part of a corpus is used.

    The hash of a document of more than 100,000 characters is that of its first part.

    Args:
        percent: Percent of the documents that are not held out, chosen by a hash of the text, so 1 % is part of 10 %.
        held_out: Percent of the documents, by another hash, that are never trained on, whatever `percent` is.
        max_tokens: Tokens of the chosen documents, without special ones, after which reading stops.
    """

    percent: float = 100.0
    held_out: float = 0.0
    max_tokens: int | None = None

    def __post_init__(self) -> None:
        if not 0 < self.percent <= 100:
            raise ValueError(f"percent must be more than 0 and at most 100, got {self.percent}")
        if not 0 <= self.held_out < 100:
            raise ValueError(f"held_out must be at least 0 percent and less than 100, got {self.held_out}")
        if self.max_tokens is not None and self.max_tokens < 1:
            raise ValueError(f"max_tokens must be at least 1, got {self.max_tokens}")

    def is_held_out(self, text: str) -> bool:
        return self.held_out > 0 and _below(text, self.held_out, b"crossner-heldout")

    def is_chosen(self, text: str) -> bool:
        return self.percent == 100 or _below(text, self.percent, b"crossner-percent")


def _below(text: str, percent: float, person: bytes) -> bool:
    """Say whether the hash of the text lies in the first `percent` of all hashes, in exact arithmetic."""
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8, person=person).digest()
    return int.from_bytes(digest, "big") < math.ceil(Fraction(percent) * 2**64 / 100)


def _files_of(folder: Path) -> list[tuple[str, Path]]:
    inside = {path: path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.is_file()}
    shown = {path: name for path, name in inside.items() if not any(part.startswith(".") for part in name.parts)}
    known = {path: name for path, name in shown.items() if is_known_name(name.name)}
    if not known:
        raise ValueError(
            f"{folder}: contains no file that ends in {', '.join(SUFFIXES)} (or one of these and .gz or .bz2)"
        )
    if len(known) < len(shown):
        logger.warning("%s: %d files with other endings are left out", folder, len(shown) - len(known))
    return [(f"{folder.resolve().name}/{name.as_posix()}", path) for path, name in known.items()]
