"""The first task of each shard: documents are selected and split into sentences, which other tasks read."""

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet

from crossner_hf.atomic_write import new_folder
from crossner_hf.corpora.build_job import BuildJob
from crossner_hf.corpora.documents import Document, Shard
from crossner_hf.corpora.duplicates import labelled_key, sentence_key, write_sorted_hashes
from crossner_hf.corpora.gazetteer import Gazetteer
from crossner_hf.corpora.sentences import JudgedSentence, judge_document

SENTENCES, HASHES, CASES, COUNTS = "sentences.parquet", "hashes", "cases.npz", "counts.json"
BATCH = 20_000  # sentences in memory, and in a row group
SAMPLES = 20  # dropped sentences of each reason that are kept for people to look at
LABELLED, LABELLED_ARTICLE = "stands in the labelled data", "of an article with a sentence of the labelled data"
SCHEMA = pyarrow.schema(
    [("document", pyarrow.int32()), ("title", pyarrow.string()), ("text", pyarrow.string())]
)


def read_shard(shard: Shard, number: int, job: BuildJob) -> None:
    """Write the sentences of a shard's selected documents, and all that the merge needs, into `job.read(number)`."""
    shutil.rmtree(job.read(number), ignore_errors=True)
    with new_folder(job.read(number)) as folder:
        gazetteer = Gazetteer.open(job.gazetteer)
        readings = {s: _Reading(job, folder / s.domain.name, gazetteer) for s in job.selectors}
        labelled = frozenset(np.load(job.labelled).tolist())
        dropped: Counter[str] = Counter()
        documents = 0
        for documents, document in enumerate(shard.documents(dropped), start=1):
            reasons = {selector: selector.reasons(document) for selector in job.selectors}
            if any(reasons.values()):
                judged = _judge(document, labelled, job)
                for selector in filter(reasons.get, job.selectors):
                    readings[selector].add(documents, document.title, reasons[selector], judged)
        for reading in readings.values():
            reading.close()
        counts = {"documents": documents, "dropped": dropped}
        (folder / COUNTS).write_text(json.dumps(counts) + "\n", encoding="utf-8")


def _judge(document: Document, labelled: frozenset[int], job: BuildJob) -> list[JudgedSentence]:
    """Judge the sentences of a document; those that stand in the labelled data are dropped."""
    judged = list(judge_document(document.text, job.settings.sentences))
    if not labelled:
        return judged
    known = [reason is None and labelled_key(text) in labelled for text, reason in judged]
    if job.settings.drop_articles and any(known):
        return [JudgedSentence(text, reason or LABELLED_ARTICLE) for text, reason in judged]
    return [JudgedSentence(s.text, LABELLED) if k else s for s, k in zip(judged, known, strict=True)]


class _Reading:
    """What has been read of a shard for one domain."""

    def __init__(self, job: BuildJob, folder: Path, gazetteer: Gazetteer):
        folder.mkdir()
        self.folder, self.gazetteer = folder, gazetteer
        self.documents = 0
        self.selected: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self.samples: list[dict[str, Any]] = []
        self.keys: list[int] = []
        self.rows: list[tuple[int, str, str]] = []
        self.writer = pyarrow.parquet.ParquetWriter(folder / SENTENCES, SCHEMA)

    def add(self, number: int, title: str, reasons: tuple[str, ...], judged: list[JudgedSentence]) -> None:
        """Add a document with the reasons for which it was selected."""
        self.documents += 1
        self.selected.update(reasons)
        for text, reason in judged:
            if reason is None:
                self.rows.append((number, title, text))
            else:
                self.dropped[reason] += 1
                if self.dropped[reason] <= SAMPLES:
                    self.samples.append({"reason": reason, "title": title, "text": text})
        if len(self.rows) >= BATCH:
            self._write()

    def _write(self) -> None:
        numbers, titles, texts = map(list, zip(*self.rows, strict=True))
        self.writer.write_table(pyarrow.table([numbers, titles, texts], schema=SCHEMA))
        self.keys.extend(map(sentence_key, texts))
        self.cases.add(texts)
        self.rows = []

    def close(self) -> None:
        """Write what is left, and what the merge needs."""
        if self.rows:
            self._write()
        self.writer.close()
        write_sorted_hashes(self.folder / HASHES, self.keys)
        self.cases.save(self.folder / CASES)
        counts = {
            "documents": self.documents,
            "sentences": len(self.keys),
            "selected": self.selected,
            "dropped": self.dropped,
            "samples": self.samples,
        }
        (self.folder / COUNTS).write_text(json.dumps(counts, ensure_ascii=False) + "\n", encoding="utf-8")
