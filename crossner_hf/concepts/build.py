"""Concept data from a source: what titles are, then sentences in which they are mentioned; tasks of the engine."""

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from crossner_hf.atomic_write import write_text
from crossner_hf.concepts.build_stages import WORK, find_mentions, merge_names, read_pages
from crossner_hf.concepts.concept_names import NameRules
from crossner_hf.concepts.mentions import SentenceRules
from crossner_hf.corpora.documents import ReaderOptions, Shard, check_output, plan_shards
from crossner_hf.corpora.dumps import find_dumps, unpack_dump
from crossner_hf.data.download import domain_files
from crossner_hf.data.sentences import read_sentences
from crossner_hf.data.sources import sha256_of
from crossner_hf.engine.run import ExecutorName, run_tasks
from crossner_hf.engine.tasks import EngineTask, Outcome
from crossner_hf.schema import Domain

VERSION = 3  # of the stages; part of every done file
ABOUT_FILE = "concepts.json"


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
        sources: Files or folders with titles: Wikipedia in any form that the readers know, and MediaWiki XML dumps,
            whose links are mentions.
        output: A folder, new or of the same build.
        rules: How they are made.
        options: Columns of the source.
        data_dir: Folder of the official files, for `rules.evaluation`.
        running: How tasks are performed.

    Returns:
        Counts: pages, excluded (pages), names, sentences, mentions, leaks.

    Raises:
        ValueError: A source cannot be read or has no titles, output and source lie in each other, or a stage failed;
            the message says which.
    """
    folder = Path(output).expanduser()
    check_output(folder, sources)
    dumps, others = find_dumps(sources)
    shards = plan_shards(others, options) if others else []
    evaluation = [
        list(words)
        for domain in rules.evaluation
        for split, path in domain_files(domain, data_dir).items()
        if split != "train"
        for words, _ in read_sentences(domain, path)
    ]
    sums = [sha256_of(path) for path in dumps]
    identities = [*zip((path.name for path in dumps), sums, strict=True), *(shard.identity() for shard in shards)]
    key = _key(identities, rules, evaluation)
    if (folder / ABOUT_FILE).is_file():
        about = json.loads((folder / ABOUT_FILE).read_text(encoding="utf-8"))
        if about["key"] != key:
            raise ValueError(f"{folder}: holds concept data of another source or other rules; choose another folder")
        return about
    work, running = folder / WORK, running or Running()
    if dumps:
        unpacked = [work / "dumps" / f"{number:03}-{path.name}" for number, path in enumerate(dumps)]
        _run(_unpack_tasks(dumps, unpacked, sums), running, folder)
        shards = [*plan_shards(unpacked, options), *shards]
    _run(_tasks(folder, shards, rules, evaluation, key), running, folder)
    for path in sorted(folder.glob("concepts-*.parquet"))[len(shards) :]:
        path.unlink()  # of a build of more sources that was stopped
    about = {"key": key, "sources": identities, **_counts(work, len(shards))}
    write_text(folder / ABOUT_FILE, json.dumps(about, indent=1) + "\n")
    shutil.rmtree(work)
    return about


def _unpack_tasks(dumps: Sequence[Path], folders: Sequence[Path], sums: Sequence[str]) -> list[EngineTask]:
    return [
        EngineTask(f"unpack {folder.name}", unpack_dump, (path, folder), folder.with_suffix(".done"), checksum)
        for path, folder, checksum in zip(dumps, folders, sums, strict=True)
    ]


def _tasks(
    folder: Path, shards: Sequence[Shard], rules: ConceptRules, evaluation: Sequence[Sequence[str]], key: str
) -> list[EngineTask]:
    work, numbers = folder / WORK, range(len(shards))
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
            (folder, n, rules.sentences, rules.exclude, evaluation),
            work / f"sentences-{n:05d}.done",
            f"{key}-{n}",
            ("names",),
        )
        for n in numbers
    ]
    return [*pages, names, *finds]


def _run(tasks: Sequence[EngineTask], running: Running, folder: Path) -> None:
    outcomes = run_tasks(tasks, running.executor, workers=running.workers, report=running.report)
    failed = [f"{outcome.name}: {outcome.reason}" for outcome in outcomes if outcome.reason]
    if failed:
        raise ValueError(f"{folder}: {'; '.join(failed[:3])}; the same command goes on from what is done")


def _counts(work: Path, num_shards: int) -> dict[str, int]:
    total: Counter[str] = Counter()
    for number in range(num_shards):
        total.update(json.loads((work / f"counts-{number:05d}.json").read_text(encoding="utf-8")))
    total["names"] //= max(1, num_shards)
    return dict(total)


def _key(sources: Sequence[Any], rules: ConceptRules, evaluation: Sequence[Sequence[str]]) -> str:
    about: Mapping[str, Any] = asdict(rules) | {
        "exclude": sorted(rules.exclude),
        "evaluation": evaluation,
        "shards": sources,
        "version": VERSION,
    }
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:32]
