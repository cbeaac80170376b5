"""Builds corpora at four levels: shards are read, merged by domain, and written, as tasks of the engine."""

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from crossner_hf.atomic_write import write_text
from crossner_hf.corpora.build_job import BuildJob, BuildSettings, describe_selector, digest
from crossner_hf.corpora.build_levels import write_levels
from crossner_hf.corpora.build_merge import merge_domain
from crossner_hf.corpora.build_read import make_gazetteer, read_shard
from crossner_hf.corpora.build_record import make_record
from crossner_hf.corpora.corpus_card import write_cards
from crossner_hf.corpora.documents import ReaderOptions, Shard, plan_shards
from crossner_hf.corpora.duplicates import labelled_keys
from crossner_hf.corpora.levels import LEVELS
from crossner_hf.corpora.selection import DomainSelector
from crossner_hf.data.sources import sha256_of
from crossner_hf.engine.run import ExecutorName, run_tasks
from crossner_hf.engine.tasks import EngineTask, Outcome
from crossner_hf.results.record_files import RECORD_FILE, read_record, write_record
from crossner_hf.results.text_records import CorpusRecord
from crossner_hf.schema import DOMAINS, Domain

PLAN_FILE = "plan.json"


@dataclass(frozen=True)
class BuildInput:
    """What a corpus is built from.

    Args:
        sources: Files and folders of documents, or the id of a data set of the Hub.
        gazetteer: Files of names with types, or the folder of a saved gazetteer.
        reader: Columns of the sources.
        data_dir: Folder of the labelled data, whose sentences are dropped; as for `crossner_hf.load`.
    """

    sources: tuple[str, ...]
    gazetteer: tuple[str, ...]
    reader: ReaderOptions = ReaderOptions()
    data_dir: str | Path | None = None


@dataclass(frozen=True)
class BuildOptions:
    """How a build is run; nothing here changes its result.

    Args:
        executor: 'local' or 'ray', as in `engine.run.run_tasks`.
        workers: How many tasks run at once; by default one for each core.
        keep_work: Keep what tasks leave for others, so that a build with other levels need not read again.
        overwrite: Replace the corpus that the output folder holds.
        report: Gets the outcome of each task.
    """

    executor: ExecutorName = "local"
    workers: int | None = None
    keep_work: bool = False
    overwrite: bool = False
    report: Callable[[Outcome, int], None] | None = None


@dataclass(frozen=True)
class BuildPlan:
    """A build that has been checked and cut into tasks.

    Args:
        job: What all tasks share.
        source: What the corpus is built from.
        shards: Of the source.
        gazetteer_sums: Checksums of the gazetteer's files by name.
        labelled: Keys of the labelled sentences, sorted.
    """

    job: BuildJob
    source: BuildInput
    shards: tuple[Shard, ...]
    gazetteer_sums: dict[str, str]
    labelled: NDArray[np.uint64]

    @property
    def key(self) -> str:
        """Hash of the input and of all parameters."""
        settings = self.job.settings
        return digest(self._merge_key, asdict(settings.levels), settings.format)

    @cached_property
    def _read_keys(self) -> list[str]:
        settings = asdict(self.job.settings)
        for name in ("levels", "max_lower_case", "format"):  # which only later tasks use
            del settings[name]
        selection = [describe_selector(selector) for selector in self.job.selectors]
        labelled = hashlib.sha256(self.labelled.tobytes()).hexdigest()
        shared = digest(settings, selection, labelled, self.gazetteer_sums)
        return [digest(shared, shard.identity()) for shard in self.shards]

    @cached_property
    def _merge_key(self) -> str:
        return digest(self._read_keys, self.job.settings.max_lower_case)

    def tasks(self) -> list[EngineTask]:
        """Give the tasks in the order of their needs."""
        job, work = self.job, self.job.work
        gazetteer = EngineTask(
            "gazetteer", make_gazetteer, (self.source.gazetteer, job), work / "gazetteer.done", digest(self.gazetteer_sums)
        )
        read, merge, levels = [], [], []
        for number, (shard, key) in enumerate(zip(self.shards, self._read_keys, strict=True)):
            done = work / f"read-{number:05}.done"
            read.append(EngineTask(f"read {shard.name}", read_shard, (shard, number, job), done, key, ("gazetteer",)))
        needs = tuple(task.name for task in read)
        for domain in job.domains:
            name, done = f"merge {domain.name}", work / f"merge-{domain.name}.done"
            merge.append(EngineTask(name, merge_domain, (domain, job), done, self._merge_key, needs))
            for number, shard in enumerate(self.shards):
                done = work / f"levels-{domain.name}-{number:05}.done"
                arguments = (domain, number, job)
                levels.append(
                    EngineTask(f"levels {domain.name} {shard.name}", write_levels, arguments, done, self.key, (name,))
                )
        return [gazetteer, *read, *merge, *levels]


def plan_build(
    source: BuildInput, output: str | Path, selectors: Sequence[DomainSelector], settings: BuildSettings | None = None
) -> BuildPlan:
    """Check a build and cut it into tasks; nothing is written.

    Raises:
        ValueError: Domains are missing or repeated, the output folder is also a source, a source cannot be read, or a
            selector needs what the source does not have.
    """
    names = [selector.domain.name for selector in selectors]
    if not names or len(set(names)) < len(names):
        raise ValueError(f"expected domains with different names, got {', '.join(names) or 'none'}")
    output = Path(output).expanduser().resolve()
    _check_apart(output, [*source.sources, *source.gazetteer])
    settings = settings or BuildSettings()
    shards = tuple(plan_shards(source.sources, source.reader))
    for selector in selectors:
        selector.check(shards)
    domains = () if settings.keep_labelled else [*DOMAINS.values(), *(s.domain for s in selectors)]
    labelled = labelled_keys(domains, source.data_dir)
    job = BuildJob(output, tuple(selectors), settings, len(shards))
    return BuildPlan(job, source, shards, checksums(source.gazetteer), labelled)


def build_corpus(plan: BuildPlan, options: BuildOptions | None = None) -> CorpusRecord:
    """Build the corpora of a plan.

    `OUTPUT/<domain>/<level>/` then holds a file for each shard of the source, with one row for each sentence (`title`,
    `text`, and the matched names as `entities`), `OUTPUT/<domain>/README.md` lets `load_dataset` read it,
    `OUTPUT/dropped.jsonl` has some dropped sentences, and `OUTPUT/record.json` is the manifest, written last. After a
    kill, the same call resumes, with the bytes of an undisturbed one.

    Returns:
        The manifest.

    Raises:
        ValueError: Tasks failed, the selection is empty, another process builds there, or the folder holds something
            else.
    """
    options = options or BuildOptions()
    begun = time.monotonic()
    with _claimed(plan, overwrite=options.overwrite) as record:
        if record is not None:
            return record
        write_array(plan.job.labelled, plan.labelled)
        tasks = plan.tasks()
        outcomes = run_tasks(tasks, options.executor, workers=options.workers, report=options.report)
        _raise_failures(outcomes, tasks)
        _sweep(plan)
        record = make_record(plan, time.monotonic() - begun)
        write_cards(plan.job.output, record, plan.job.settings.format)
        write_record(plan.job.output / RECORD_FILE, record)
        if not options.keep_work:
            shutil.rmtree(plan.job.work, ignore_errors=True)
    return record


def _check_apart(output: Path, sources: Sequence[str]) -> None:
    """Raise ValueError if what is written would be read, or what is read would be overwritten."""
    for source in sources:
        path = Path(source).expanduser().resolve()
        if path.exists() and (path.is_relative_to(output) or (path.is_dir() and output.is_relative_to(path))):
            raise ValueError(f"{source} is read and {output} is written: one lies in the other; name another output")


@contextmanager
def _claimed(plan: BuildPlan, *, overwrite: bool) -> Iterator[CorpusRecord | None]:
    """Keep other processes out; give the record if the folder holds this corpus, else prepare the folder for it."""
    output, work = plan.job.output, plan.job.work
    is_ours = (output / RECORD_FILE).is_file() or work.is_dir()
    if output.exists() and not is_ours and any(output.iterdir()):
        raise FileExistsError(f"{output}: is not empty and holds no corpus; name a new folder")
    work.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(work / "lock", timeout=0):
            yield _prepared(plan, overwrite=overwrite)
    except Timeout:
        raise ValueError(f"{output}: another process builds a corpus there; wait for its end") from None
    finally:
        if (output / RECORD_FILE).exists() and not (work / PLAN_FILE).exists():
            shutil.rmtree(work, ignore_errors=True)


def _prepared(plan: BuildPlan, *, overwrite: bool) -> CorpusRecord | None:
    """Give the record of this corpus if the folder holds it; else remove what another build has left there."""
    output, plan_file = plan.job.output, plan.job.work / PLAN_FILE
    record_file = output / RECORD_FILE
    before: list[str] = []
    if record_file.exists():
        record = read_record(record_file, CorpusRecord)
        if record.key == plan.key:
            return record
        if not overwrite:
            raise ValueError(f"{output}: holds a corpus of other sources or parameters; --overwrite replaces it")
        before = list(record.domains)
        record_file.unlink()
    elif plan_file.exists():
        before = json.loads(plan_file.read_text(encoding="utf-8"))
    names = [domain.name for domain in plan.job.domains]
    for name in set(before) - set(names):
        shutil.rmtree(output / name, ignore_errors=True)
    write_text(plan_file, json.dumps(names) + "\n")
    return None


def _raise_failures(outcomes: Sequence[Outcome], tasks: Sequence[EngineTask]) -> None:
    """Name the tasks that failed, those left out that only needed one of them."""
    failed = {outcome.name: outcome.reason for outcome in outcomes if outcome.state == "failed"}
    needs = {task.name: task.needs for task in tasks}
    first = [f"{name}: {reason}" for name, reason in failed.items() if not failed.keys() & set(needs[name])]
    if first:
        more = f" (and {len(first) - 1} more)" if len(first) > 1 else ""
        done = len(outcomes) - len(failed)
        raise ValueError(f"{first[0]}{more}; {done} of {len(outcomes)} tasks are done, the same command does the rest")


def _sweep(plan: BuildPlan) -> None:
    """Remove files of an earlier, unfinished build that had other shards."""
    job = plan.job
    for domain in job.domains:
        expected = {job.level_file(domain, level, n) for level in LEVELS for n in range(job.shards)}
        for path in (job.output / domain.name).rglob("*"):
            if path.is_file() and path not in expected:
                path.unlink()
