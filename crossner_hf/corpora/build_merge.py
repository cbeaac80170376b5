"""The task between reading and writing, one for each domain: what must be known of all shards together.

Repeats: hashes of all sentences, merged by ranges of hashes. One-word names: in which case they are written.
"""

import json
import shutil
from collections import Counter

import numpy as np
import pyarrow.parquet

from crossner_hf.atomic_write import new_folder
from crossner_hf.corpora.build_job import BuildJob
from crossner_hf.corpora.build_read import CASES, COUNTS, HASHES, SENTENCES
from crossner_hf.corpora.duplicates import mark_repeats
from crossner_hf.corpora.gazetteer import Gazetteer
from crossner_hf.schema import Domain

ALLOWED, NAME_COUNTS = "allowed.npy", "names.json"


def merge_domain(domain: Domain, job: BuildJob) -> None:
    """Write which sentences of each shard are no repeats, and which names count, into `job.merged(domain)`.

    Raises:
        ValueError: No sentence is left, or no name counts; the message says which step dropped everything.
    """
    folders = [job.read_of(domain, number) for number in range(job.shards)]
    _check_sentences(domain, [json.loads((folder / COUNTS).read_text(encoding="utf-8")) for folder in folders])
    shutil.rmtree(job.merged(domain), ignore_errors=True)
    with new_folder(job.merged(domain)) as folder:
        kept = [folder / job.kept(domain, number).name for number in range(job.shards)]
        mark_repeats([read / HASHES for read in folders], kept)
        gazetteer = Gazetteer.open(job.gazetteer)
        of_domain = gazetteer.type_ids(domain) >= 0
