"""The last task of each shard: names are found in its sentences, and the files of the levels are written."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.compute
import pyarrow.parquet
from numpy.typing import NDArray

from crossner_hf.atomic_write import new_file, write_text
from crossner_hf.corpora.build_job import BuildJob
from crossner_hf.corpora.build_read import SAMPLES, SENTENCES
from crossner_hf.corpora.gazetteer import Gazetteer
from crossner_hf.corpora.levels import LEVELS, TASK_COPIES, Flags, members
from crossner_hf.data.sources import sha256_of
from crossner_hf.schema import Domain

ENTITY = pyarrow.struct([("start", pyarrow.int32()), ("end", pyarrow.int32()), ("type", pyarrow.string())])
SCHEMA = pyarrow.schema([("title", pyarrow.string()), ("text", pyarrow.string()), ("entities", pyarrow.list_(ENTITY))])
REPEAT, NEAR_DUPLICATE = "repeat", "of a near-duplicate document"
Numbers = NDArray[np.integer]
Writer = Callable[[Numbers, pyarrow.Table], None]  # of rows, with the number of the document of each


def write_levels(domain: Domain, number: int, job: BuildJob) -> None:
    """Write the files of all levels of a domain for a shard, and their sizes into `job.counts(domain, number)`."""
    gazetteer = Gazetteer.open(job.gazetteer)
    allowed = np.load(job.allowed(domain))
    open_file = _parquet_file if job.settings.format == "parquet" else _text_file
    paths = {level: job.level_file(domain, level, number) for level in LEVELS}
    with ExitStack() as stack:
        levels = _Levels(job, domain, {level: stack.enter_context(open_file(path)) for level, path in paths.items()})
        for documents, batch in _batches(job, domain, number, levels.dropped):
            levels.write(documents, batch, _Names.found(gazetteer, domain, allowed, batch["text"].to_pylist()))
    counts = levels.counts({level: sha256_of(path) for level, path in paths.items()})
    write_text(job.counts(domain, number), json.dumps(counts, ensure_ascii=False) + "\n")


def _batches(
    job: BuildJob, domain: Domain, number: int, dropped: "_Dropped"
) -> Iterator[tuple[Numbers, pyarrow.Table]]:
    """The sentences that are no repeats: numbers of documents, and the columns `title` and `text`."""
    bit = np.uint32(1 << job.domains.index(domain))
    kept = np.load(job.kept(number))
    kept_documents = np.load(job.kept_documents(number)) if job.settings.near_duplicates is not None else None
    with pyarrow.parquet.ParquetFile(job.read(number) / SENTENCES) as file:
        begin = 0
        for group in range(file.num_row_groups):
            rows = file.read_row_group(group, use_threads=False)
            documents, masks = rows["document"].to_numpy(), rows["domains"].to_numpy()
            first = kept[begin : begin + len(rows)]
            begin += len(rows)
            inside = masks & bit != 0
            if kept_documents is not None:
                near = inside & (kept_documents[documents] & bit == 0)
                dropped.add(rows, near, NEAR_DUPLICATE)
                inside &= ~near
            dropped.add(rows, inside & (first & bit == 0), REPEAT)
            inside &= first & bit != 0
            if inside.any():
                yield documents[inside], rows.select(["title", "text"]).filter(pyarrow.array(inside)).combine_chunks()


class _Dropped:
    """Sentences that are dropped because others stand before them: how many by reason, and some of them."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.samples: list[dict[str, str]] = []

    def add(self, rows: pyarrow.Table, chosen: Flags, reason: str) -> None:
        some = rows.select(["title", "text"]).take(np.flatnonzero(chosen)[: max(0, SAMPLES - self.counts[reason])])
        self.samples += [{"reason": reason, **row} for row in some.to_pylist()]
        self.counts[reason] += int(chosen.sum())


@dataclass(frozen=True)
class _Names:
    """Names found in a batch of sentences: (names,) each but `entities`, which is the column of the output."""

    sentence: Numbers
    type: Numbers  # place among the domain's entity types
    entities: pyarrow.ListArray

    @classmethod
    def found(cls, gazetteer: Gazetteer, domain: Domain, allowed: Flags, sentences: list[str]) -> "_Names":
        """Match names of a domain."""
        matches = gazetteer.index.find_in(sentences, allowed)
        types = gazetteer.type_ids(domain)[matches.name]
        of_sentence = np.bincount(matches.sentence, minlength=len(sentences))
        offsets = np.concatenate(([0], np.cumsum(of_sentence))).astype(np.int32)
        names = pyarrow.array(domain.entity_types, pyarrow.string()).take(pyarrow.array(types))
        columns = [pyarrow.array(column.astype(np.int32)) for column in (matches.start, matches.end)]
        structs = pyarrow.StructArray.from_arrays([*columns, names], fields=list(ENTITY))
        return cls(matches.sentence, types, pyarrow.ListArray.from_arrays(offsets, structs))


@dataclass
class _Size:
    documents: int = 0
    sentences: int = 0
    words: int = 0
    bytes: int = 0
    names: int = 0
    last_document: int = -1

    def add(self, documents: Numbers, words: Numbers, rows: pyarrow.Table) -> None:
        """Count rows; those of a document may come in several calls in a row."""
        different = np.unique(documents[documents != self.last_document])
        self.documents += len(different)
        self.last_document = int(different[-1]) if len(different) else self.last_document
        self.sentences += len(rows)
        self.words += int(words.sum())
        self.bytes += pyarrow.compute.sum(pyarrow.compute.binary_length(rows["text"])).as_py() or 0
        self.names += pyarrow.compute.sum(pyarrow.compute.list_value_length(rows["entities"])).as_py() or 0


class _Levels:
    """The levels of a domain in a shard: which sentences are in each, and their sizes."""

    def __init__(self, job: BuildJob, domain: Domain, writers: Mapping[str, Writer]):
        self.job, self.domain, self.writers = job, domain, writers
        self.is_special = np.array([name in domain.specialised_types for name in domain.entity_types])
        self.sizes = {level: _Size() for level in LEVELS}
        self.types: Counter[str] = Counter()
        self.dropped = _Dropped()

    def write(self, documents: Numbers, batch: pyarrow.Table, names: _Names) -> None:
        words = pyarrow.compute.add(pyarrow.compute.count_substring(batch["text"], " "), 1).to_numpy()
        rows = batch.append_column("entities", names.entities)
        flags = members(names.sentence, self.is_special[names.type], words, self.job.settings.levels)
        entity, task = np.flatnonzero(flags.entity), np.flatnonzero(flags.task)
        chosen = {
            "domain": np.arange(len(words)),
            "entity": entity,
            "task": task,
            "integrated": np.concatenate([*TASK_COPIES * [task], entity]),
        }
        for level, numbers in chosen.items():
            some = rows.take(pyarrow.array(numbers))
            self.sizes[level].add(documents[numbers], words[numbers], some)
            self.writers[level](documents[numbers], some)
        counts = np.bincount(names.type, minlength=len(self.domain.entity_types)).tolist()
        self.types.update(dict(zip(self.domain.entity_types, counts, strict=True)))

    def counts(self, checksums: Mapping[str, str]) -> dict[str, Any]:
        """Give the counts, and the size and checksum of each level."""
        return {
            "dropped": self.dropped.counts,
            "samples": self.dropped.samples,
            "types": {name: count for name, count in self.types.items() if count},
            "levels": {level: {**asdict(size), "sha256": checksums[level]} for level, size in self.sizes.items()},
        }


@contextmanager
def _parquet_file(path: Path) -> Iterator[Writer]:
    """Write one row for each sentence."""
    with new_file(path) as temporary, pyarrow.parquet.ParquetWriter(temporary, SCHEMA, compression="zstd") as writer:
        yield lambda documents, rows: writer.write_table(rows.cast(SCHEMA)) if len(rows) else None


@contextmanager
def _text_file(path: Path) -> Iterator[Writer]:
    """Write one line for each sentence, and an empty line between documents."""
    last: int | None = None

    def write(documents: Numbers, rows: pyarrow.Table) -> None:
        nonlocal last
        for document, text in zip(documents.tolist(), rows["text"].to_pylist(), strict=True):
            file.write(f"\n{text}\n" if last not in (None, document) else f"{text}\n")
            last = document

    with new_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        yield write
