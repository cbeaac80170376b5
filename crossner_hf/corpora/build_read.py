"""The first task of each shard: documents are selected and split into sentences, which other tasks read."""

import shutil
from array import array
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet

from crossner_hf.atomic_write import new_folder
from crossner_hf.corpora.build_counts import write_counts
from crossner_hf.corpora.build_job import BuildJob
from crossner_hf.corpora.documents import Document, Shard
from crossner_hf.corpora.duplicates import labelled_key, sentence_keys, write_sorted_hashes
from crossner_hf.corpora.gazetteer import Gazetteer
from crossner_hf.corpora.near_duplicates import signatures, write_signatures
from crossner_hf.corpora.sentences import DroppedSentence, judge_document
from crossner_hf.schema import Domain

SENTENCES, HASHES, COUNTS = "sentences.parquet", "hashes.npy", "counts.json"
SIGNATURES, BANDS = "signatures.npy", "bands.npy"  # of documents, if near-duplicates are looked for
BATCH = 20_000  # sentences in memory, and in a row group
SAMPLES = 20  # dropped sentences of each reason that are kept for people to look at
LABELLED, BESIDE_LABELLED = "in the labelled data", "of a document with a sentence in the labelled data"
SCHEMA = pyarrow.schema(
    [
        ("document", pyarrow.int32()),
        ("title", pyarrow.string()),
        ("text", pyarrow.string()),
        ("domains", pyarrow.uint32()),  # bit i: of the domain of selector i
    ]
)


def cases_file(domain: Domain) -> str:
    return f"cases-{domain.name}.npz"


def make_gazetteer(paths: tuple[str, ...], job: BuildJob) -> None:
    """Read and normalise the gazetteer once for all shards."""
    shutil.rmtree(job.gazetteer, ignore_errors=True)
    Gazetteer.read(paths, domains=job.domains).save(job.gazetteer)


def read_shard(shard: Shard, number: int, job: BuildJob) -> None:
    """Write the sentences of a shard's selected documents, and all that the merge needs, into `job.read(number)`."""
    shutil.rmtree(job.read(number), ignore_errors=True)
    with new_folder(job.read(number)) as folder:
        reading = _Reading(job, folder)
        for document in shard.documents(reading.source_dropped):
            reading.add(document)
        reading.close()


class _OfDomain:
    def __init__(self) -> None:
        self.documents = self.sentences = 0
        self.selected: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self.samples: list[dict[str, str]] = []
        self.cases: Any = 0

    def add(self, title: str, reasons: Sequence[str], sentences: int, dropped: list[DroppedSentence]) -> None:
        self.documents += 1
        self.sentences += sentences
        self.selected.update(reasons)
        for text, reason in dropped:
            self.dropped[reason] += 1
            if self.dropped[reason] <= SAMPLES:
                self.samples.append({"reason": reason, "title": title, "text": text})

    def as_json(self) -> dict[str, Any]:
        return {
            "documents": self.documents,
            "sentences": self.sentences,
            "selected": self.selected,
            "dropped": self.dropped,
            "samples": self.samples,
        }


class _Reading:
    def __init__(self, job: BuildJob, folder: Path):
        self.job, self.folder = job, folder
        self.labelled = frozenset(job.labelled.read_text(encoding="utf-8").splitlines())
        self.case = Gazetteer.open(job.gazetteer).case
        self.domains = [_OfDomain() for _ in job.selectors]
        self.documents = 0
        self.source_dropped: Counter[str] = Counter()
        self.keys, self.masks, self.document_masks = array("Q"), array("I"), array("I")
        self.signatures: list[Any] = []
        self.texts: list[str] = []  # of documents without a signature so far
        self.rows: list[tuple[int, str, str, int]] = []
        self.writer = pyarrow.parquet.ParquetWriter(folder / SENTENCES, SCHEMA)

    def add(self, document: Document) -> None:
        self.documents += 1
        reasons = [selector.reasons(document) for selector in self.job.selectors]
        mask = sum(1 << bit for bit, of_domain in enumerate(reasons) if of_domain)
        if not mask:
            return
        texts, dropped = self._judge(document)
        for counts, of_domain in zip(self.domains, reasons, strict=True):
            if of_domain:
                counts.add(document.title, of_domain, len(texts), dropped)
        number = len(self.document_masks)
        self.document_masks.append(mask)
        self.rows += [(number, document.title, text, mask) for text in texts]
        self.masks.extend([mask] * len(texts))
        if self.job.settings.near_duplicates is not None:
            self.texts.append(document.text)
        if len(self.rows) >= BATCH:
            self._write()

    def _judge(self, document: Document) -> tuple[list[str], list[DroppedSentence]]:
        """Give the sentences to keep and those to drop; sentences that stand in the labelled data are dropped."""
        texts, dropped = judge_document(document.text, self.job.settings.sentences)
        known = [text for text in texts if labelled_key(text) in self.labelled] if self.labelled else []
        if not known:
            return texts, dropped
        others = [text for text in texts if labelled_key(text) not in self.labelled]
        dropped = [*dropped, *(DroppedSentence(text, LABELLED) for text in known)]
        if self.job.settings.drop_articles:
            return [], [*dropped, *(DroppedSentence(text, BESIDE_LABELLED) for text in others)]
        return others, dropped

    def _write(self) -> None:
        """Write the sentences that are held, and what the merge needs of them."""
        columns = [list(column) for column in zip(*self.rows, strict=True)]
        if columns:
            self.writer.write_table(pyarrow.table(columns, schema=SCHEMA))
            self.keys.extend(sentence_keys(columns[2]).tolist())
        for bit, counts in enumerate(self.domains):
            texts = [text for _, _, text, mask in self.rows if mask >> bit & 1]
            if texts and self.case:
                counts.cases += self.case.count(texts)
        self.rows = []
        if self.texts:
            self.signatures.append(signatures(self.texts))
            self.texts = []

    def close(self) -> None:
        """Write what is left, and the counts."""
        self._write()
        self.writer.close()
        write_sorted_hashes(self.folder / HASHES, np.array(self.keys, np.uint64), np.array(self.masks, np.uint32))
        if self.job.settings.near_duplicates is not None:
            rows, masks = np.concatenate([signatures(()), *self.signatures]), np.array(self.document_masks, np.uint32)
            write_signatures(self.folder / SIGNATURES, self.folder / BANDS, rows, masks)
        for domain, counts in zip(self.job.domains, self.domains, strict=True):
            if counts.sentences and self.case:
                names = np.flatnonzero(counts.cases.any(axis=0))  # few of the gazetteer's
                np.savez(self.folder / cases_file(domain), names=names, counts=counts.cases[:, names])
        domains = {domain.name: counts.as_json() for domain, counts in zip(self.job.domains, self.domains, strict=True)}
        about = {"documents": self.documents, "dropped": self.source_dropped, "domains": domains}
        write_counts(self.folder / COUNTS, about)
