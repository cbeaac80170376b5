"""The stages of a build of concept data, each a task: pages are read, names chosen, mentions found in sentences."""

import json
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from crossner_hf.atomic_write import new_file, new_folder, write_text
from crossner_hf.concepts.concept_data import SCHEMA
from crossner_hf.concepts.concept_names import ConceptNames, NameRules, TitlePhrases, build_names, title_phrases
from crossner_hf.concepts.links import place_links
from crossner_hf.concepts.mentions import OPENING, PRONOUN, MentionFinder, Page, SentenceRules
from crossner_hf.corpora.definitions import definition
from crossner_hf.corpora.documents import Shard
from crossner_hf.corpora.raw_sentences import shared_stretches
from crossner_hf.corpora.sentences import split_document

WORK = "work"  # folder of what the stages leave for each other
LINK = pa.struct({"sentence": pa.int32(), "start": pa.int32(), "end": pa.int32(), "target": pa.string()})
PAGES = pa.schema(
    {
        "title": pa.string(),
        "name": pa.string(),
        "needs_brackets": pa.bool_(),
        "phrases": pa.list_(pa.string()),
        "is_person": pa.bool_(),
        "sentences": pa.list_(pa.string()),
        "links": pa.list_(LINK),
    }
)
BATCH = 1_000  # pages


def read_pages(shard: Shard, work: Path, number: int) -> None:
    """Read the pages of a shard: their phrases and sentences, and how words are written in them."""
    words: dict[str, Counter[str]] = {"lower": Counter(), "capital": Counter(), "first": Counter()}
    drops: Counter[str] = Counter()
    num_links = 0
    work.mkdir(parents=True, exist_ok=True)

    def rows() -> Iterator[dict[str, Any]]:
        nonlocal num_links
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
            links = place_links(document.text, document.links, sentences)
            num_links += len(links)
            about = {"title": document.title, "is_person": is_person, "sentences": sentences, "links": links}
            yield {**page._asdict(), **about}

    _write_parquet(work / f"pages-{number:05d}.parquet", rows(), PAGES)
    write_text(work / f"words-{number:05d}.json", json.dumps({"drops": drops, "links": num_links, **words}))


def merge_names(work: Path, num_shards: int, rules: NameRules) -> None:
    """Choose the names of all pages."""
    with_links = False
    words: dict[str, Counter[str]] = {"lower": Counter(), "capital": Counter(), "first": Counter()}
    for number in range(num_shards):
        of_shard = json.loads((work / f"words-{number:05d}.json").read_text(encoding="utf-8"))
        with_links |= of_shard["links"] > 0
        for kind, counter in words.items():
            counter.update(of_shard[kind])
    titles: dict[str, list[str]] = {}  # of pages with phrases, where links lead to

    def pages() -> Iterator[TitlePhrases]:
        for number in range(num_shards):
            for row in _read_parquet(work / f"pages-{number:05d}.parquet", [*TitlePhrases._fields, "title"]):
                if row["phrases"]:
                    titles[row["title"]] = row["phrases"]
                yield TitlePhrases(row["name"], row["needs_brackets"], tuple(row["phrases"]))

    names = build_names(pages(), words["lower"], words["capital"], words["first"], rules)
    first_lower = [word for word, uses in words["lower"].items() if uses > words["capital"][word]]
    shutil.rmtree(work / "names", ignore_errors=True)
    with new_folder(work / "names") as part:
        names.save(part)
        (part / "lower_first.json").write_text(json.dumps(first_lower), encoding="utf-8")
        (part / "titles.json").write_text(json.dumps(titles if with_links else {}), encoding="utf-8")


def find_mentions(
    folder: Path, number: int, rules: SentenceRules, exclude: frozenset[str], evaluation: Sequence[Sequence[str]]
) -> None:
    """Write the rows of a shard."""
    work = folder / WORK
    lower_first = frozenset(json.loads((work / "names" / "lower_first.json").read_text(encoding="utf-8")))
    names = ConceptNames.open(work / "names")
    titles = json.loads((work / "names" / "titles.json").read_text(encoding="utf-8"))
    finder = MentionFinder(names, lower_first, shared_stretches(evaluation), rules, titles)
    counts: Counter[str] = Counter()

    def rows() -> Iterator[Any]:
        pages = _read_parquet(work / f"pages-{number:05d}.parquet")
        while batch := list(islice(pages, BATCH)):
            counts["pages"] += len(batch)
            used = [row for row in batch if row["title"] not in exclude]
            counts["excluded"] += len(batch) - len(used)
            several = [Page(*(row[field] for field in Page._fields)) for row in used]
            for row in finder.rows(several):
                counts["sentences"] += 1
                counts["mentions"] += len(row["mentions"])
                yield row

    _write_parquet(folder / f"concepts-{number:05d}.parquet", rows(), SCHEMA)
    write_text(
        work / f"counts-{number:05d}.json", json.dumps({**counts, "names": len(names.phrases), "leaks": finder.leaks})
    )


def _write_parquet(path: Path, rows: Iterable[Mapping[str, Any]], schema: pa.Schema) -> None:
    rows = iter(rows)
    with new_file(path) as temporary, pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
        while batch := list(islice(rows, BATCH)):
            writer.write_table(pa.Table.from_pylist(batch, schema=schema))


def _read_parquet(path: Path, columns: list[str] | None = None) -> Iterator[dict[str, Any]]:
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(BATCH, columns=columns):
            yield from batch.to_pylist()
