"""Builds corpora at four levels: shards are read, merged by domain, and written, as tasks of the engine."""

import json
import logging
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from crossner_hf.atomic_write import write_text
from crossner_hf.corpora.build_job import WORK, BuildJob, BuildSettings, describe_domain, digest
from crossner_hf.corpora.build_levels import write_levels
from crossner_hf.corpora.build_merge import merge_domain
from crossner_hf.corpora.build_read import read_shard
from crossner_hf.corpora.build_record import make_record
from crossner_hf.corpora.corpus_card import write_cards
from crossner_hf.corpora.documents import ReaderOptions, Shard, plan_shards
from crossner_hf.corpora.selection import DomainSelector
from crossner_hf.engine.run import ExecutorName, run_tasks
from crossner_hf.engine.tasks import EngineTask, Outcome
from crossner_hf.results.record_files import RECORD_FILE, read_record, write_record
from crossner_hf.results.text_records import CorpusRecord

logger = logging.getLogger(__name__)

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
