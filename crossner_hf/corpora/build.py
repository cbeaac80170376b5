"""Builds corpora at four levels with the tasks of a plan, in processes of this machine or on a cluster."""

import json
import logging
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from itertools import count

from filelock import FileLock, Timeout

from crossner_hf.atomic_write import write_text
from crossner_hf.corpora.build_job import BuildJob, work_folder
from crossner_hf.corpora.build_plan import BuildPlan
from crossner_hf.corpora.build_record import make_record, write_samples
from crossner_hf.corpora.corpus_card import write_cards
from crossner_hf.corpora.levels import LEVELS
from crossner_hf.engine.run import ExecutorName, check_executor, run_tasks
from crossner_hf.engine.tasks import EngineTask, Outcome
from crossner_hf.results.record_files import RECORD_FILE, read_record, write_record
from crossner_hf.results.text_records import CorpusRecord

logger = logging.getLogger(__name__)

PLAN_FILE = "plan.json"  # the domains of an unfinished build


def build_corpus(
    plan: BuildPlan,
    *,
    executor: ExecutorName = "local",
    workers: int | None = None,
    keep_work: bool = False,
    overwrite: bool = False,
    report: Callable[[Outcome, str], None] | None = None,
) -> CorpusRecord:
    """Build the corpora of a plan.

    `OUTPUT/<domain>/<level>/` then holds a file for each shard of the source, with one row for each sentence (`title`,
    `text`, and the names that were found as `entities`). `OUTPUT/<domain>/README.md` lets `load_dataset` read it,
    `OUTPUT/dropped.jsonl` has some dropped sentences, and `OUTPUT/record.json` is the manifest, written last. After a
    kill, the same call resumes, with the bytes of an undisturbed one.

    Args:
        plan: What to build; nothing else here changes the result.
        executor: 'local' or 'ray', as in `engine.run.run_tasks`.
        workers: How many tasks run at once; by default one for each core.
        keep_work: Keep what tasks leave for others, so that a build with other levels need not read again.
        overwrite: Replace the corpus that the output folder holds.
        report: Gets the outcome of each task, and how many of how many tasks are done, such as '3/12'.

    Returns:
        The manifest.

    Raises:
        ValueError: A task failed, the selection is empty, another process builds there, or the folder holds another
            corpus.
        FileExistsError: The folder holds something else.
    """
    check_executor(executor, workers)
    run = partial(_run, executor=executor, workers=workers, report=report)
    begun = time.monotonic()
    with _claimed(plan, overwrite=overwrite) as record:
        if record is not None:
            return record
        run(plan.unpack_tasks())
        job, shards = plan.job()
        write_text(job.labelled, "\n".join(sorted(plan.labelled)))
        run(plan.tasks(job, shards))
        _sweep(job)
        record = make_record(job, plan, time.monotonic() - begun)
        write_samples(job)
        write_cards(plan.output, record)
        _warn_of_empty_levels(record)
        write_record(plan.output / RECORD_FILE, record)
        if not keep_work:
            shutil.rmtree(job.work, ignore_errors=True)
    return record


@contextmanager
def _claimed(plan: BuildPlan, *, overwrite: bool) -> Iterator[CorpusRecord | None]:
    """Keep other processes out; give the record if the folder holds this corpus, else prepare the folder for it."""
    output, work = plan.output, work_folder(plan.output)
    is_ours = (output / RECORD_FILE).is_file() or work.is_dir()
    if output.exists() and not is_ours and any(output.iterdir()):
        raise FileExistsError(f"{output}: is not empty and holds no corpus; name a new folder")
    work.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(work / "lock", timeout=0):
            try:
                yield _prepared(plan, overwrite=overwrite)
            finally:
                if not (work / PLAN_FILE).exists():  # nothing was begun
                    shutil.rmtree(work, ignore_errors=True)
    except Timeout:
        raise ValueError(f"{output}: another process builds a corpus there; wait for its end") from None


def _prepared(plan: BuildPlan, *, overwrite: bool) -> CorpusRecord | None:
    """Give the record of this corpus if the folder holds it; else remove what another build has left there."""
    record_file, plan_file = plan.output / RECORD_FILE, work_folder(plan.output) / PLAN_FILE
    before: list[str] = []
    if record_file.exists():
        record = read_record(record_file, CorpusRecord)
        if record.key == plan.key:
            return record
        if not overwrite:
            raise ValueError(f"{plan.output}: holds a corpus of other sources or parameters; --overwrite replaces it")
        before = list(record.domains)
        record_file.unlink()
    elif plan_file.exists():
        with suppress(ValueError, TypeError, RecursionError):  # damaged
            before = list(map(str, json.loads(plan_file.read_text(encoding="utf-8"))))
    names = [selector.domain.name for selector in plan.selectors]
    for folder in (plan.output / name for name in set(before) - set(names)):
        if folder.resolve().parent == plan.output.resolve():  # whatever names a record of others has
            shutil.rmtree(folder, ignore_errors=True)
    write_text(plan_file, json.dumps(names) + "\n")
    return None


def _run(
    tasks: Sequence[EngineTask],
    executor: ExecutorName,
    workers: int | None,
    report: Callable[[Outcome, str], None] | None,
) -> None:
    """Perform tasks; name those that failed, without those that only needed one of them."""
    ended = count(1 + sum(task.is_done() for task in tasks))

    def numbered(outcome: Outcome, workers: int) -> None:
        if report:
            report(outcome, f"{next(ended)}/{len(tasks)}")

    outcomes = run_tasks(tasks, executor, workers=workers, report=numbered)
    failed = {outcome.name: outcome.reason for outcome in outcomes if outcome.state == "failed"}
    needs = {task.name: task.needs for task in tasks}
    first = [f"{name}: {reason}" for name, reason in failed.items() if not failed.keys() & set(needs[name])]
    if first:
        more = f" (and {len(first) - 1} more)" if len(first) > 1 else ""
        done = len(outcomes) - len(failed)
        raise ValueError(f"{first[0]}{more}; {done} of {len(outcomes)} tasks are done, the same command does the rest")


def _warn_of_empty_levels(record: CorpusRecord) -> None:
    for name, domain in record.domains.items():
        empty = [level for level, size in domain.levels.items() if not size.sentences]
        if empty:
            names = (
                f"{domain.levels['domain'].names:,} names were found in {domain.levels['domain'].sentences:,} sentences"
            )
            logger.warning("%s: no sentence is in the level %s; %s", name, " and ".join(empty), names)


def _sweep(job: BuildJob) -> None:
    """Remove files of an earlier, unfinished build that had other shards."""
    for domain in job.domains:
        expected = {job.level_file(domain, level, number) for level in LEVELS for number in range(job.shards)}
        for path in (job.output / domain.name).rglob("*"):
            if path.is_file() and path not in expected:
                path.unlink()
