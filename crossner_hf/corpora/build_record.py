"""What remains of a build beside its files: the manifest, and some of the dropped sentences."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from crossner_hf.atomic_write import write_text
from crossner_hf.corpora.build_counts import read_counts, summed
from crossner_hf.corpora.build_job import BuildJob
from crossner_hf.corpora.build_merge import NAME_COUNTS
from crossner_hf.corpora.build_plan import BuildPlan
from crossner_hf.corpora.build_read import COUNTS, SAMPLES
from crossner_hf.corpora.gazetteer import Gazetteer
from crossner_hf.corpora.levels import LEVELS
from crossner_hf.results.text_records import CorpusDomain, CorpusLevel, CorpusRecord
from crossner_hf.schema import Domain

DROPPED_FILE = "dropped.jsonl"
MOST_SAMPLES = 50  # of one domain and reason


def make_record(job: BuildJob, plan: BuildPlan, wall_seconds: float) -> CorpusRecord:
    read = [read_counts(job.read(number) / COUNTS) for number in range(job.shards)]
    about = Gazetteer.open(job.gazetteer).about
    return CorpusRecord.new(
        key=plan.key,
        parameters=asdict(job.settings),
        sources=plan.checksums(),
        documents=sum(counts["documents"] for counts in read),
        source_dropped=summed([*plan.dropped_pages(), *(counts["dropped"] for counts in read)]),
        gazetteer=dict(about.sources),
        gazetteer_names=about.entries - sum(about.drops.values()),
        gazetteer_dropped=dict(about.drops),
        domains={
            domain.name: _domain_record(job, domain, selection)
            for domain, selection in zip(job.domains, plan.selection(), strict=True)
        },
        shards=job.shards,
        wall_seconds=round(wall_seconds, 1),
    )


def _domain_record(job: BuildJob, domain: Domain, selection: dict[str, Any]) -> CorpusDomain:
    read = [read_counts(job.read(number) / COUNTS)["domains"][domain.name] for number in range(job.shards)]
    written = [read_counts(job.counts(domain, number)) for number in range(job.shards)]
    levels = {
        level: _level_record(job, domain, level, [counts["levels"][level] for counts in written]) for level in LEVELS
    }
    whole = levels["domain"].bytes
    return CorpusDomain(
        entity_types=domain.entity_types,
        specialised_types=domain.specialised_types,
        selection=selection,
        documents=sum(counts["documents"] for counts in read),
        selected=summed(counts["selected"] for counts in read),
        dropped=summed([*(counts["dropped"] for counts in read), *(counts["dropped"] for counts in written)]),
        name_counts=read_counts(job.merged / NAME_COUNTS)[domain.name],
        types=summed(counts["types"] for counts in written),
        levels={
            name: level.model_copy(update={"ratio": round(level.bytes / whole, 4)}) for name, level in levels.items()
        },
    )


def _level_record(job: BuildJob, domain: Domain, level: str, counts: list[dict[str, Any]]) -> CorpusLevel:
    files = [job.level_file(domain, level, number).relative_to(job.output).as_posix() for number in range(job.shards)]
    sizes = {
        name: sum(of_shard[name] for of_shard in counts)
        for name in ("documents", "sentences", "words", "bytes", "names")
    }
    return CorpusLevel(
        **sizes, ratio=1.0, sha256={f: of_shard["sha256"] for f, of_shard in zip(files, counts, strict=True)}
    )


def write_samples(job: BuildJob) -> None:
    """Write some dropped sentences of each domain and reason, from as many shards as there are."""
    lines = [json.dumps(sample, ensure_ascii=False) for domain in job.domains for sample in _samples(job, domain)]
    write_text(job.output / DROPPED_FILE, "".join(f"{line}\n" for line in lines))


def _samples(job: BuildJob, domain: Domain) -> Iterator[dict[str, str]]:
    most = max(1, min(SAMPLES, MOST_SAMPLES // job.shards))
    taken: Counter[str] = Counter()
    for number in range(job.shards):
        of_shard: Counter[str] = Counter()
        read = read_counts(job.read(number) / COUNTS)["domains"][domain.name]
        for sample in (
            sample for part in (read, read_counts(job.counts(domain, number))) for sample in part["samples"]
        ):
            reason = sample["reason"]
            of_shard[reason] += 1
            if of_shard[reason] <= most and taken[reason] < MOST_SAMPLES:
                taken[reason] += 1
                yield {"domain": domain.name, **sample}
