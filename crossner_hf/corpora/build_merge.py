"""The task between reading and writing: what must be known of all shards together.

Repeats and near-duplicates: hashes merged by ranges, so that memory is bounded. One-word names: counts of their case.
"""

import shutil
from typing import Any

import numpy as np

from crossner_hf.atomic_write import new_folder
from crossner_hf.corpora.build_counts import in_words, read_counts, summed, write_counts
from crossner_hf.corpora.build_job import BuildJob
from crossner_hf.corpora.build_read import BANDS, COUNTS, HASHES, SIGNATURES, cases_file
from crossner_hf.corpora.duplicates import mark_repeats
from crossner_hf.corpora.gazetteer import Gazetteer
from crossner_hf.corpora.near_duplicates import mark_near_duplicates
from crossner_hf.schema import Domain

NAME_COUNTS = "names.json"


def merge_shards(job: BuildJob) -> None:
    """Write which sentences of each shard are no repeats, and which names count in each domain, into `job.merged`.

    Raises ValueError if a domain has no sentence, or the gazetteer no name for it.
    """
    counts = [read_counts(job.read(number) / COUNTS) for number in range(job.shards)]
    for domain in job.domains:
        _check_sentences(domain, counts)
    shutil.rmtree(job.merged, ignore_errors=True)
    with new_folder(job.merged) as folder:
        numbers = range(job.shards)
        mark_repeats([job.read(n) / HASHES for n in numbers], [folder / job.kept(n).name for n in numbers])
        if job.settings.near_duplicates is not None:
            mark_near_duplicates(
                [job.read(n) / BANDS for n in numbers],
                [job.read(n) / SIGNATURES for n in numbers],
                [folder / job.kept_documents(n).name for n in numbers],
                job.settings.near_duplicates,
            )
        gazetteer = Gazetteer.open(job.gazetteer)
        names = {}
        for domain in job.domains:
            allowed, names[domain.name] = _names_that_count(gazetteer, domain, job)
            np.save(folder / job.allowed(domain).name, allowed)
        write_counts(folder / NAME_COUNTS, names)


def _names_that_count(gazetteer: Gazetteer, domain: Domain, job: BuildJob) -> tuple[np.ndarray, dict[str, int]]:
    """Flags of the gazetteer's names, and how many there are."""
    of_domain = gazetteer.type_ids(domain) >= 0
    if not of_domain.any():
        types = ", ".join(domain.entity_types)
        raise ValueError(f"the gazetteer has no name for {domain.name}: no entry has one of its types ({types}) there")
    allowed = of_domain.copy()
    if case := gazetteer.case:
        cases = np.zeros((2, len(case.numbers)), np.int64)
        for path in (job.read(number) / cases_file(domain) for number in range(job.shards)):
            if path.exists():
                with np.load(path) as of_shard:
                    cases[:, of_shard["names"]] += of_shard["counts"]
        allowed[case.rare(cases, job.settings.max_lower_case)] = False
    count = int(of_domain.sum())
    return allowed, {"of the domain": count, "too often in lower case": count - int(allowed.sum())}


def _check_sentences(domain: Domain, counts: list[dict[str, Any]]) -> None:
    """Raise ValueError if no shard has a sentence of the domain, with the step that dropped the last ones."""
    of_domain = [of_shard["domains"][domain.name] for of_shard in counts]
    if any(part["sentences"] for part in of_domain):
        return
    documents, selected = (sum(part["documents"] for part in parts) for parts in (counts, of_domain))
    if not documents:
        reasons = in_words(summed(of_shard["dropped"] for of_shard in counts))
        raise ValueError(f"{domain.name} is empty: the sources have no document with text (left out: {reasons})")
    if not selected:
        raise ValueError(
            f"{domain.name} is empty: none of {documents:,} documents was selected; ask for other categories, titles, "
            "types or scores, or for --whole-source"
        )
    reasons = in_words(summed(part["dropped"] for part in of_domain))
    raise ValueError(
        f"{domain.name} is empty: all sentences of {selected:,} selected documents were dropped ({reasons})"
    )
