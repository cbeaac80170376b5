"""Raw text as a configuration of the data set's repository: a document a row, in Parquet files of a bounded size."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import datasets
import pyarrow
import pyarrow.parquet

from crossner_hf.corpora.corpus import Corpus
from crossner_hf.corpora.corpus_readers import Document
from crossner_hf.schema import Domain

FILE_CHARACTERS = 200_000_000  # of text in a file
BATCH_CHARACTERS = 4_000_000  # of text in memory, and in a row group of Parquet
SCHEMA = pyarrow.schema({"text": pyarrow.string()})


class CorpusFiles(NamedTuple):
    """A corpus as it stands in a folder: its entry in the card, its size, the SHA-256 of its sources by name."""

    info: datasets.DatasetInfo
    documents: int
    words: int
    characters: int
    checksums: Mapping[str, str]


def check_names(names: Iterable[str], domains: Iterable[Domain]) -> None:
    """Raises ValueError for a name that cannot be a configuration's, or is one already."""
    taken = {domain.name.lower() for domain in domains}
    for name in names:
        if not re.fullmatch(r"[A-Za-z0-9]\w*", name, flags=re.ASCII) or name.lower() in taken:
            raise ValueError(
                f"a corpus cannot be called {name!r}: expected letters, digits and '_', and no configuration's name "
                f"({', '.join(sorted(taken))})"
            )


def write_corpus(folder: Path, name: str, corpus: Corpus) -> CorpusFiles:
    """Write `<name>/train-…-of-….parquet`, documents in their order, each whole. Raises ValueError as `corpus` does."""
    target = folder / name
    target.mkdir(parents=True)
    written: list[Path] = []
    documents = words = characters = num_bytes = room = 0
    writer = None
    for batch in _batches(_whole(corpus.documents(entities=False))):
        size = sum(map(len, batch))
        if writer is None or size > room:
            if writer:
                writer.close()
            written.append(target / f"{len(written)}.parquet")
            writer, room = pyarrow.parquet.ParquetWriter(written[-1], SCHEMA), FILE_CHARACTERS
        table = pyarrow.table({"text": batch}, SCHEMA)
        writer.write_table(table)
        room -= size
        documents, characters, num_bytes = documents + len(batch), characters + size, num_bytes + table.nbytes
        words += sum(len(text.split()) for text in batch)
    writer.close()
    for number, path in enumerate(written):
        path.rename(target / f"train-{number:05}-of-{len(written):05}.parquet")
    info = datasets.DatasetInfo(
        features=datasets.Features({"text": datasets.Value("string")}),
        splits=datasets.SplitDict({"train": datasets.SplitInfo("train", num_bytes, documents)}),
        config_name=name,
        download_size=sum(path.stat().st_size for path in target.iterdir()),
        dataset_size=num_bytes,
    )
    return CorpusFiles(info, documents, words, characters, corpus.checksums())


def _whole(parts: Iterable[Document]) -> Iterator[str]:
    """The texts of documents, their parts joined."""
    text: list[str] = []
    for part in parts:
        if text and not part.continues:
            yield "".join(text)
            text = []
        text.append(part.text)
    if text:
        yield "".join(text)


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    batch, room = [], BATCH_CHARACTERS
    for text in texts:
        batch.append(text)
        room -= len(text)
        if room <= 0:
            yield batch
            batch, room = [], BATCH_CHARACTERS
    if batch:
        yield batch
