"""A build cut into tasks of the engine: dumps are unpacked, shards read, domains merged, levels written."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from crossner_hf.corpora.build_job import BuildJob, BuildSettings, describe_selector, digest, work_folder
from crossner_hf.corpora.build_levels import write_levels
from crossner_hf.corpora.build_merge import merge_shards
from crossner_hf.corpora.build_read import make_gazetteer, read_shard
from crossner_hf.corpora.categories import CategoryGraph
from crossner_hf.corpora.documents import ReaderOptions, Shard, check_output, plan_shards
from crossner_hf.corpora.dumps import EDGES_FILE, dropped_pages, find_dumps, unpack_dump
from crossner_hf.corpora.duplicates import labelled_keys
from crossner_hf.corpora.selection import DomainSelector
from crossner_hf.data.sources import FILE_NAMES, sha256_of
from crossner_hf.engine.tasks import EngineTask
from crossner_hf.schema import DOMAINS, Domain


@dataclass(frozen=True)
class BuildInput:
    """What a corpus is built from.

    Args:
        sources: Files and folders of documents, MediaWiki dumps among them, or the id of a data set of the Hub.
        gazetteer: Files of names with types, or the folder of a saved gazetteer.
        reader: Columns of the sources.
        category_depth: Of dumps: how many steps below the selected categories a page's category may be.
        data_dir: Folder of the labelled data, whose sentences are dropped; as for `crossner_hf.load`.
    """

    sources: tuple[str, ...]
    gazetteer: tuple[str, ...]
    reader: ReaderOptions = field(default_factory=ReaderOptions)
    category_depth: int = 3
    data_dir: str | Path | None = None


@dataclass(frozen=True)
class BuildPlan:
    """A build that has been checked.

    Args:
        output: Absolute path of the output folder.
        source: What the corpus is built from.
        selectors: One for each domain; their categories are those that were asked for.
        settings: The other parameters.
        dumps: MediaWiki dumps with their checksums; they must be unpacked before their shards are known.
        shards: Of the other sources.
        gazetteer_sums: Checksums of the gazetteer's files by name.
        labelled: The labelled sentences as `labelled_key` spells them.
    """

    output: Path
    source: BuildInput
    selectors: tuple[DomainSelector, ...]
    settings: BuildSettings
    dumps: dict[Path, str]
    shards: tuple[Shard, ...]
    gazetteer_sums: dict[str, str]
    labelled: frozenset[str]

    @cached_property
    def key(self) -> str:
        """Hash of the input and of all parameters."""
        inputs = [list(self.dumps.values()), [shard.identity() for shard in self.shards], self.gazetteer_sums]
        return digest(inputs, self.selection(), asdict(self.settings), self._labelled_sum())

    def selection(self) -> list[dict[str, Any]]:
        """Describe how the documents of each domain are selected, for records."""
        depth = {"category_depth": self.source.category_depth} if self.dumps else {}
        return [
            {**describe_selector(selector), **(depth if selector.categories else {})} for selector in self.selectors
        ]

    def checksums(self) -> dict[str, str]:
        """SHA-256 of the sources by name; for a data set of the Hub, its revision."""
        sums = {path.name: checksum for path, checksum in self.dumps.items()}
        return sums | {shard.name.rpartition(":")[0]: shard.checksum for shard in self.shards}

    def unpack_tasks(self) -> list[EngineTask]:
        folders = zip(self._unpacked(), self.dumps.items(), strict=True)
        return [
            EngineTask(
                f"unpack {path.name}", unpack_dump, (path, folder), folder.with_suffix(".done"), digest(checksum)
            )
            for folder, (path, checksum) in folders
        ]

    def dropped_pages(self) -> list[dict[str, int]]:
        """Give for each dump how many of its pages were left out, by reason; the dumps must have been unpacked."""
        return list(map(dropped_pages, self._unpacked()))

    def job(self) -> tuple[BuildJob, list[Shard]]:
        """Give what the other tasks share, and all shards; the dumps must have been unpacked."""
        folders = self._unpacked()
        shards = [*(plan_shards(folders, self.source.reader) if folders else []), *self.shards]
        selectors = self.selectors
        if folders and any(selector.categories for selector in selectors):
            graph = CategoryGraph.from_files([folder / EDGES_FILE for folder in folders])
            selectors = tuple(self._expanded(selector, graph) for selector in selectors)
        return BuildJob(self.output, selectors, self.settings, len(shards)), shards

    def tasks(self, job: BuildJob, shards: Sequence[Shard]) -> list[EngineTask]:
        """Give the tasks after those of dumps, in the order of their needs."""
        work, settings = job.work, asdict(self.settings)
        of_levels = {name: settings.pop(name) for name in ("levels", "format", "max_lower_case")}
        shared = digest(
            settings, list(map(describe_selector, job.selectors)), self._labelled_sum(), self.gazetteer_sums
        )
        read_keys = [digest(shared, shard.identity()) for shard in shards]
        merge_key = digest(read_keys, of_levels["max_lower_case"])
        arguments = self.source.gazetteer, job
        tasks = [
            EngineTask("gazetteer", make_gazetteer, arguments, work / "gazetteer.done", digest(self.gazetteer_sums))
        ]
        for number, (shard, key) in enumerate(zip(shards, read_keys, strict=True)):
            done = work / f"read-{number:05}.done"
            tasks.append(EngineTask(f"read {shard.name}", read_shard, (shard, number, job), done, key, ("gazetteer",)))
        needs = tuple(task.name for task in tasks)
        tasks.append(EngineTask("merge", merge_shards, (job,), work / "merged.done", merge_key, needs))
        for domain in job.domains:
            for number, shard in enumerate(shards):
                done, key = work / f"levels-{domain.name}-{number:05}.done", digest(merge_key, of_levels, number)
                name = f"levels {domain.name} {shard.name}"
                tasks.append(EngineTask(name, write_levels, (domain, number, job), done, key, ("merge",)))
        return tasks

    def _unpacked(self) -> list[Path]:
        return [
            work_folder(self.output) / "dumps" / f"{number:03}-{path.name}" for number, path in enumerate(self.dumps)
        ]

    def _expanded(self, selector: DomainSelector, graph: CategoryGraph) -> DomainSelector:
        if not selector.categories:
            return selector
        return replace(selector, categories=graph.members(selector.categories, self.source.category_depth))

    def _labelled_sum(self) -> str:
        return hashlib.sha256("\n".join(sorted(self.labelled)).encode()).hexdigest()


def plan_build(
    source: BuildInput, output: str | Path, selectors: Sequence[DomainSelector], settings: BuildSettings | None = None
) -> BuildPlan:
    """Check a build; nothing is written. Raises ValueError for what is wrong or does not go together."""
    names = [selector.domain.name for selector in selectors]
    if not names or len(set(names)) < len(names):
        raise ValueError(f"expected domains with different names, got {', '.join(names) or 'none'}")
    check_output(output, [*source.sources, *source.gazetteer])
    dumps, others = find_dumps(source.sources)
    shards = tuple(plan_shards(others, source.reader)) if others else ()
    for selector in selectors:
        for shard in shards:
            selector.check_source(shard.name, shard.has_categories)
    settings = settings or BuildSettings()
    labelled = frozenset() if settings.keep_labelled else labelled_keys(_labelled_domains(selectors), source.data_dir)
    return BuildPlan(
        Path(output).expanduser().resolve(),
        source,
        tuple(selectors),
        settings,
        {path: sha256_of(path) for path in dumps},
        shards,
        _checksums(source.gazetteer),
        labelled,
    )


def _labelled_domains(selectors: Sequence[DomainSelector]) -> list[Domain]:
    """Domains whose labelled sentences are dropped: all of CrossNER for one of its domains, and those of your own."""
    domains = [selector.domain for selector in selectors]
    own = [domain for domain in domains if domain.folder and (domain.folder / FILE_NAMES["test"]).is_file()]
    return [*(DOMAINS.values() if any(domain.name in DOMAINS for domain in domains) else ()), *own]


def _checksums(sources: Sequence[str]) -> dict[str, str]:
    """SHA-256 of files by name; of a folder, of the files in it."""
    paths = [Path(source).expanduser() for source in sources]
    files = [file for path in paths for file in (sorted(path.iterdir()) if path.is_dir() else [path])]
    if missing := [file for file in files if not file.is_file()]:
        raise ValueError(f"{missing[0]}: no such file")
    return {file.name: sha256_of(file) for file in files}
