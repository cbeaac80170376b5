"""The task between reading and writing, one for each domain: what must be known of all shards together.

Repeats: hashes of all sentences, merged by ranges of hashes. One-word names: in which case they are written.
"""

import shutil

import numpy as np

from crossner_hf.atomic_write import new_folder
from crossner_hf.corpora.build_counts import in_words, read_counts, summed, write_counts
from crossner_hf.corpora.build_job import BuildJob
from crossner_hf.corpora.build_read import CASES, COUNTS, HASHES
from crossner_hf.corpora.duplicates import mark_repeats
from crossner_hf.corpora.gazetteer import Gazetteer
from crossner_hf.schema import Domain

ALLOWED, NAME_COUNTS = "allowed.npy", "names.json"


def merge_domain(domain: Domain, job: BuildJob) -> None:
    """Write which sentences of each shard are no repeats, and which names count, into `job.merged(domain)`.

    Raises:
        ValueError: No sentence is left, or the gazetteer has no name for the domain; the message says why.
    """
    read = [job.read_of(domain, number) for number in range(job.shards)]
    _check_sentences(domain, job)
    shutil.rmtree(job.merged(domain), ignore_errors=True)
    with new_folder(job.merged(domain)) as folder:
        kept = [folder / job.kept(domain, number).name for number in range(job.shards)]
        mark_repeats([path / HASHES for path in read], kept)
        gazetteer = Gazetteer.open(job.gazetteer)
        counts = np.zeros((2, len(gazetteer)), np.int64)
        for path in read:
            with np.load(path / CASES) as cases:
                counts[:, cases["names"]] += cases["counts"]
        of_domain = gazetteer.type_ids(domain) >= 0
        if not of_domain.any():
            types = ", ".join(domain.entity_types)
            raise ValueError(
                f"the gazetteer has no name of a type of {domain.name} ({types}); see its column of domains"
            )
        too_often = of_domain & (counts[1] > job.settings.max_lower_case * counts.sum(axis=0))
        np.save(folder / ALLOWED, of_domain & ~too_often)
        names = {"of the domain": int(of_domain.sum()), "too often in lower case": int(too_often.sum())}
        write_counts(folder / NAME_COUNTS, names)


def _check_sentences(domain: Domain, job: BuildJob) -> None:
    """Raise ValueError if no shard has a sentence, with the step that dropped the last ones."""
    read = [read_counts(job.read_of(domain, number) / COUNTS) for number in range(job.shards)]
    if any(counts["sentences"] for counts in read):
        return
    shards = [read_counts(job.read(number) / COUNTS) for number in range(job.shards)]
    documents, selected = (sum(counts["documents"] for counts in part) for part in (shards, read))
    if not documents:
        reasons = in_words(summed(counts["dropped"] for counts in shards))
        raise ValueError(f"{domain.name} is empty: the sources have no document with text; left out: {reasons}")
    if not selected:
        raise ValueError(
            f"{domain.name} is empty: none of {documents:,} documents was selected; ask for other "
            "categories, titles, scores or types, or for --whole-source"
        )
    reasons = in_words(summed(counts["dropped"] for counts in read))
    raise ValueError(
        f"{domain.name} is empty: all sentences of the {selected:,} selected documents were dropped: {reasons}"
    )
