"""Repeated sentences: found over all shards of a corpus through sorted hashes; and sentences of the labelled data.

Each shard's task writes the 64-bit hashes of its sentences, sorted. One task merges these files range by range of the
hash, so memory depends on neither the size nor the number of shards: a range has at most RANGE_ENTRIES hashes (some 60
bytes each, 240 MB) unless one shard alone has more. Two different texts of 100 million have the same hash with
a probability of 0.03 %.

The first of equal sentences is kept, in the order of the files and of their sentences, separately for each domain: a
build of five domains gives each the sentences that a build of this domain alone gives.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from crossner_hf.atomic_write import new_file
from crossner_hf.data.download import domain_files
from crossner_hf.data.sentences import read_sentences
from crossner_hf.schema import Domain

RANGE_ENTRIES = 1 << 22
ALL_DOMAINS = (1 << 32) - 1

Keys = NDArray[np.uint64]
Masks = NDArray[np.uint32]  # bit i is domain i of a build

ENTRY = np.dtype([("key", "<u8"), ("position", "<u4"), ("domains", "<u4")])


class Range(NamedTuple):
    """The entries of all files within a range of keys, sorted by key, then in the order of files and positions."""

    keys: Keys
    files: NDArray[np.uint32]
    positions: NDArray[np.uint32]
    domains: Masks


def sentence_key(text: str) -> int:
    """Give the 64-bit hash of a text, the same on every machine."""
    return int(sentence_keys([text])[0])


def sentence_keys(texts: Iterable[str]) -> Keys:
    """Give the 64-bit hashes of texts, (texts,) uint64."""
    blake2b = hashlib.blake2b
    digests = b"".join([blake2b(text.encode(), digest_size=8).digest() for text in texts])
    return np.frombuffer(digests, "<u8").astype(np.uint64, copy=False)


def write_sorted_hashes(path: Path, keys: Keys, domains: Masks | None = None) -> None:
    """Write the sorted keys of a shard with their positions.

    Args:
        path: The file, `.npy`.
        keys: A key for each sentence in order, (sentences,).
        domains: The domains to which each sentence belongs, as bits, (sentences,); by default all.
    """
    order = np.argsort(keys, kind="stable")
    entries = np.empty(len(keys), ENTRY)
    entries["key"] = keys[order]
    entries["position"] = order
    entries["domains"] = ALL_DOMAINS if domains is None else domains[order]
    with new_file(path) as temporary, open(temporary, "wb") as file:
        np.save(file, entries)


def mark_repeats(hash_files: Sequence[Path], keep_files: Sequence[Path], range_entries: int = RANGE_ENTRIES) -> None:
    """Say of each sentence in which domains it is the first of its text.

    Args:
        hash_files: A file of `write_sorted_hashes` for each shard, in the order of the corpus.
        keep_files: A file to write for each shard: `.npy` of (sentences,) uint32, a bit for each domain in which the
            sentence belongs and no earlier sentence has its text.
        range_entries: How many entries are held at once.
    """
    kept = [np.zeros(len(_entries(path)), np.uint32) for path in ()]
    del kept
    with keep_arrays(hash_files, keep_files) as keep:
        for part in sorted_ranges(hash_files, range_entries):
            firsts = first_of_equal(part.keys, part.domains)
            put(keep, part, firsts)
