"""The Parquet files of a data set: the rows of a domain, and raw text with one document in each row."""

import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import datasets
import pyarrow
import pyarrow.parquet

from crossner_hf.corpora.corpus import Corpus
from crossner_hf.corpora.corpus_readers import DocumentPart
from crossner_hf.corpora.corpus_sizes import read_corpus
from crossner_hf.data.sources import sha256_of
from crossner_hf.data.statistics import SplitStatistics, statistics
from crossner_hf.results.text_records import CorpusLevel
from crossner_hf.schema import Domain

FILE_CHARACTERS = 200_000_000  # of text in a file
BATCH_CHARACTERS = 4_000_000  # of text in memory, and in a row group of Parquet
LEVEL_FEATURES = datasets.Features(
    {
        "title": datasets.Value("string"),
        "text": datasets.Value("string"),
        "entities": [
            {"start": datasets.Value("int32"), "end": datasets.Value("int32"), "type": datasets.Value("string")}
        ],
    }
)
SCHEMA = pyarrow.schema({"text": pyarrow.string()})


class Configuration(NamedTuple):
    """A domain in the folder of a data set: its rows, its entry under `dataset_info` of the card, and its sizes."""

    domain: Domain
    splits: datasets.DatasetDict
    info: datasets.DatasetInfo
    sizes: Mapping[str, SplitStatistics]


class CorpusFiles(NamedTuple):
    """A corpus in the folder of a data set: its entry in the card, its size, the SHA-256 of its sources by name."""

    info: datasets.DatasetInfo
    rows: int
    words: int
    characters: int | None
    checksums: Mapping[str, str]
    row: str = "document"


class BuiltLevel(NamedTuple):
    """A level of a corpus of `crossner-hf corpus build`: the corpus' folder, what its record says, its sources."""

    folder: Path
    size: CorpusLevel
    sources: Mapping[str, str]


def write_configuration(folder: Path, domain: Domain, splits: datasets.DatasetDict) -> Configuration:
    target = folder / domain.name
    target.mkdir()
    for split, dataset in splits.items():
        dataset.to_parquet(target / f"{split}-00000-of-00001.parquet")
    sizes = [datasets.SplitInfo(split, dataset.data.nbytes, len(dataset)) for split, dataset in splits.items()]
    info = _info(target, splits["train"].features, sizes)
    return Configuration(domain, splits, info, statistics(domain, splits))


def check_names(names: Iterable[str], domains: Iterable[Domain]) -> None:
    """Check that corpora may have these names. Raises ValueError for one that is taken or has odd characters."""
    taken = {domain.name.lower() for domain in domains}
    for name in names:
        if not re.fullmatch(r"[A-Za-z0-9]\w*", name, flags=re.ASCII) or name.lower() in taken:
            raise ValueError(
                f"a corpus cannot be called {name!r}: expected letters, digits and '_', and not the name of a "
                f"configuration ({', '.join(sorted(taken))})"
            )


def write_corpus(folder: Path, name: str, corpus: Corpus) -> CorpusFiles:
    """Write `<name>/train-…-of-….parquet`, documents in their order, each whole. Raises ValueError as `corpus` does."""
    target = folder / name
    target.mkdir()
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
    if writer:
        writer.close()
    for number, path in enumerate(written):
        path.rename(target / f"train-{number:05}-of-{len(written):05}.parquet")
    features = datasets.Features({"text": datasets.Value("string")})
    info = _info(target, features, [datasets.SplitInfo("train", num_bytes, documents)])
    return CorpusFiles(info, documents, words, characters, corpus.checksums())


def levels_of(folder: str | Path) -> dict[str, BuiltLevel]:
    """List the levels of a corpus of `crossner-hf corpus build` by the names of their configurations.

    Raises ValueError for a folder that holds none, or text files.
    """
    folder = Path(folder).expanduser()
    record = read_corpus(folder)
    if record.parameters["format"] != "parquet":
        raise ValueError(f"{folder}: has files of text; push them as NAME=FILE, or build the corpus as Parquet")
    return {
        f"{name}_{level}": BuiltLevel(folder, size, record.sources)
        for name, domain in record.domains.items()
        for level, size in domain.levels.items()
    }


def copy_level(folder: Path, name: str, level: BuiltLevel) -> CorpusFiles:
    """Copy a level to `<name>/train-…-of-….parquet`. Raises ValueError if a file is not the one of the record."""
    target = folder / name
    target.mkdir()
    num_bytes = 0
    for number, (file, checksum) in enumerate(level.size.sha256.items()):
        path = target / f"train-{number:05}-of-{len(level.size.sha256):05}.parquet"
        shutil.copyfile(level.folder / file, path)
        if sha256_of(path) != checksum:
            raise ValueError(f"{level.folder / file}: is not the file that the corpus' record names; build it again")
        metadata = pyarrow.parquet.read_metadata(path)
        num_bytes += sum(metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups))
    info = _info(target, LEVEL_FEATURES, [datasets.SplitInfo("train", num_bytes, level.size.sentences)])
    return CorpusFiles(info, level.size.sentences, level.size.words, None, level.sources, "sentence")


def _info(folder: Path, features: datasets.Features, sizes: list[datasets.SplitInfo]) -> datasets.DatasetInfo:
    return datasets.DatasetInfo(
        features=features,
        splits=datasets.SplitDict({size.name: size for size in sizes}),
        config_name=folder.name,
        download_size=sum(path.stat().st_size for path in folder.iterdir()),
        dataset_size=sum(size.num_bytes for size in sizes),
    )


def _whole(parts: Iterable[DocumentPart]) -> Iterator[str]:
    text: list[str] = []
    for part in parts:
        if text and not part.continues:
            yield "".join(text)
            text = []
        text.append(part.text)
    if text:
        yield "".join(text)


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    room = BATCH_CHARACTERS
    for text in texts:
        batch.append(text)
        room -= len(text)
        if room <= 0:
            yield batch
            batch, room = [], BATCH_CHARACTERS
    if batch:
        yield batch
