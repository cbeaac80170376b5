"""Concept data from a source: what titles are, then sentences in which they are mentioned; tasks of the engine."""

import hashlib
import json
import logging
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from crossner_hf.atomic_write import new_file, new_folder, write_text
from crossner_hf.concepts.concept_data import SCHEMA
from crossner_hf.concepts.concept_names import ConceptNames, NameRules, TitlePhrases, build_names, title_phrases
from crossner_hf.concepts.mentions import OPENING, PRONOUN, MentionFinder, Page, SentenceRules
from crossner_hf.corpora.definitions import definition
from crossner_hf.corpora.documents import ReaderOptions, Shard, plan_shards
from crossner_hf.corpora.raw_sentences import shared_stretches
from crossner_hf.corpora.sentences import split_document
from crossner_hf.data.download import domain_files
from crossner_hf.data.sentences import read_sentences
from crossner_hf.engine.run import ExecutorName, run_tasks
from crossner_hf.engine.tasks import EngineTask, Outcome
from crossner_hf.schema import Domain

logger = logging.getLogger(__name__)

VERSION = 1  # of the stages; part of every done file
WORK = "work"  # folder of what the stages leave for each other
ABOUT_FILE = "concepts.json"
PAGES = pa.schema(
    {
        "name": pa.string(),
        "needs_brackets": pa.bool_(),
        "phrases": pa.list_(pa.string()),
        "is_person": pa.bool_(),
        "sentences": pa.list_(pa.string()),
    }
)
BATCH = 1_000  # pages


@dataclass(frozen=True)
class ConceptRules:
    """How concept data are made of text.

    Args:
        names: Which titles are names.
        sentences: Which sentences are kept.
        exclude: Titles whose pages give no sentences (they give phrases).
        evaluation: Domains whose dev and test sentences no sentence may share eight words in a row with.
    """

    names: NameRules = field(default_factory=NameRules)
    sentences: SentenceRules = field(default_factory=SentenceRules)
    exclude: frozenset[str] = frozenset()
    evaluation: tuple[Domain, ...] = ()


class Running(NamedTuple):
    """How tasks are performed; nothing here changes the result.

    Args:
        executor: 'local' or 'ray', as in `run_tasks`.
        workers: How many tasks run at once; by default one for each core.
        report: Gets the outcome of each task.
    """

    executor: ExecutorName = "local"
    workers: int | None = None
    report: Callable[[Outcome, int], None] | None = None


def build_concepts(
    sources: Sequence[str | Path],
    output: str | Path,
    rules: ConceptRules,
    *,
    options: ReaderOptions | None = None,
    data_dir: str | Path | None = None,
    running: Running | None = None,
) -> dict[str, Any]:
    """Make concept data. Interrupted work resumes: what is done is kept in the output folder.

    Args:
        sources: Files or folders with titles: Wikipedia in any form that the readers know.
        output: A folder, new or of the same build.
        rules: How they are made.
        options: Columns of the source.
        data_dir: Folder of the official files, for `rules.evaluation`.
        running: How tasks are performed.

    Returns:
        Counts: pages, names, sentences, mentions, phrases, leaks.

    Raises:
        ValueError: A source cannot be read or has no titles, or a stage failed; the message says which.
    """
    folder = Path(output).expanduser()
    shards = plan_shards(sources, options)
    evaluation = [
        list(words)
        for domain in rules.evaluation
        for split, path in domain_files(domain, data_dir).items()
        if split != "train"
        for words, _ in read_sentences(domain, path)
    ]
    key = _key(shards, rules, evaluation)
    work = folder / WORK
    if (folder / ABOUT_FILE).is_file():
        about = json.loads((folder / ABOUT_FILE).read_text(encoding="utf-8"))
        if about["key"] != key:
            raise ValueError(f"{folder}: holds concept data of another source or other rules; choose another folder")
        return about
    numbers = range(len(shards))
    pages = [
        EngineTask(f"pages-{n:05d}", read_pages, (shards[n], work, n), work / f"pages-{n:05d}.done", f"{key}-{n}")
        for n in numbers
    ]
    names = EngineTask(
        "names", merge_names, (work, len(shards), rules.names), work / "names.done", key, tuple(t.name for t in pages)
    )
    finds = [
        EngineTask(
            f"sentences-{n:05d}",
            find_mentions,
            (folder, n, rules, evaluation),
            work / f"sentences-{n:05d}.done",
            f"{key}-{n}",
            ("names",),
        )
        for n in numbers
    ]
    running = running or Running()
    tasks = [*pages, names, *finds]
    outcomes = run_tasks(tasks, running.executor, workers=running.workers, report=running.report)
    failed = [f"{outcome.name}: {outcome.reason}" for outcome in outcomes if outcome.reason]
    if failed:
        raise ValueError(f"{folder}: {'; '.join(failed[:3])}; the same command goes on from what is done")
    about = {"key": key, "sources": [shard.identity() for shard in shards], **_counts(work, len(shards))}
    write_text(folder / ABOUT_FILE, json.dumps(about, indent=1) + "\n")
    shutil.rmtree(work)
    return about


def read_pages(shard: Shard, work: Path, number: int) -> None:
    """Read the pages of a shard: their phrases and sentences, and how words are written in them."""
    words: dict[str, Counter[str]] = {"lower": Counter(), "capital": Counter(), "first": Counter()}
    drops: Counter[str] = Counter()
    work.mkdir(parents=True, exist_ok=True)

    def rows() -> Iterator[dict[str, Any]]:
        for document in shard.documents(drops):
            defined = definition(document.title, document.text)
            if defined and defined.phrase[:1].isupper():
                words["first"][defined.phrase.split()[0]] += 1
            sentences = split_document(document.text, drops)
            for sentence in sentences:
                for word in sentence.split()[1:]:
                    word = word.strip("\"'“”‘’.,;:!?()")
                    if word.isalpha():
                        words["lower" if word[0].islower() else "capital"][word.lower()] += 1
            page = title_phrases(document.title, defined)
            is_person = PRONOUN.search(document.text[:OPENING]) is not None
            yield {**page._asdict(), "is_person": is_person, "sentences": sentences}

    _write_parquet(work / f"pages-{number:05d}.parquet", rows(), PAGES)
    write_text(work / f"words-{number:05d}.json", json.dumps({"drops": drops, **words}))


def merge_names(work: Path, num_shards: int, rules: NameRules) -> None:
    """Choose the names of all pages."""
    words: dict[str, Counter[str]] = {"lower": Counter(), "capital": Counter(), "first": Counter()}
    for number in range(num_shards):
        of_shard = json.loads((work / f"words-{number:05d}.json").read_text(encoding="utf-8"))
        for kind, counter in words.items():
            counter.update(of_shard[kind])
    columns = ["name", "needs_brackets", "phrases"]
    pages = (
        TitlePhrases(row["name"], row["needs_brackets"], tuple(row["phrases"]))
        for number in range(num_shards)
        for row in _read_parquet(work / f"pages-{number:05d}.parquet", columns)
    )
    names = build_names(pages, words["lower"], words["capital"], words["first"], rules)
    first_lower = [word for word, uses in words["lower"].items() if uses > words["capital"][word]]
    shutil.rmtree(work / "names", ignore_errors=True)
    with new_folder(work / "names") as part:
        names.save(part)
        (part / "lower_first.json").write_text(json.dumps(first_lower), encoding="utf-8")


def find_mentions(folder: Path, number: int, rules: ConceptRules, evaluation: Sequence[Sequence[str]]) -> None:
    """Write the rows of a shard."""
    work = folder / WORK
    lower_first = frozenset(json.loads((work / "names" / "lower_first.json").read_text(encoding="utf-8")))
    names = ConceptNames.open(work / "names")
    finder = MentionFinder(names, lower_first, shared_stretches(evaluation), rules.sentences)
    counts: Counter[str] = Counter()

    def rows() -> Iterator[Any]:
        pages = _read_parquet(work / f"pages-{number:05d}.parquet")
        while batch := list(islice(pages, BATCH)):
            counts["pages"] += len(batch)
            used = [row for row in batch if row["name"] not in rules.exclude]
            counts["excluded"] += len(batch) - len(used)
            several = [Page(row["name"], row["phrases"], row["is_person"], row["sentences"]) for row in used]
            for found in finder.rows(several):
                counts["sentences"] += 1
                counts["mentions"] += len(found["mentions"])
                yield found

    _write_parquet(folder / f"concepts-{number:05d}.parquet", rows(), SCHEMA)
    write_text(
        work / f"counts-{number:05d}.json", json.dumps({**counts, "names": len(names.phrases), "leaks": finder.leaks})
    )


def _counts(work: Path, num_shards: int) -> dict[str, int]:
    total: Counter[str] = Counter()
    for number in range(num_shards):
        total.update(json.loads((work / f"counts-{number:05d}.json").read_text(encoding="utf-8")))
    total["names"] //= max(1, num_shards)
    return dict(total)


def _key(shards: Sequence[Shard], rules: ConceptRules, evaluation: Sequence[Sequence[str]]) -> str:
    about: Mapping[str, Any] = asdict(rules) | {
        "exclude": sorted(rules.exclude),
        "evaluation": evaluation,
        "shards": [shard.identity() for shard in shards],
        "version": VERSION,
    }
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:32]


def _write_parquet(path: Path, rows: Iterable[Mapping[str, Any]], schema: pa.Schema) -> None:
    rows = iter(rows)
    with new_file(path) as temporary, pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
        while batch := list(islice(rows, BATCH)):
            writer.write_table(pa.Table.from_pylist(batch, schema=schema))


def _read_parquet(path: Path, columns: list[str] | None = None) -> Iterator[dict[str, Any]]:
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(BATCH, columns=columns):
            yield from batch.to_pylist()
