"""Near-duplicate documents: MinHash signatures by rensa, merged over all shards as the hashes of sentences are.

Two documents are compared if one of their BANDS bands of the signature is equal, which happens with a probability of
95 % at a similarity of 0.8. Within a band each document is compared with the first that has it.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossner_hf.atomic_write import new_file
from crossner_hf.corpora.duplicates import (
    ALL_DOMAINS,
    RANGE_ENTRIES,
    KeyRange,
    Keys,
    Masks,
    domain_bits,
    key_ranges,
    new_masks,
    open_masks,
    save_array,
    sorted_entries,
    starts_of_equal,
)

PERMUTATIONS = 128
BANDS = 16
SHINGLE_WORDS = 3
SIMILARITY = 0.8
SEED = 1
BATCH = 256  # documents

Signatures = NDArray[np.uint32]  # (documents, PERMUTATIONS)


def signatures(texts: Iterable[str]) -> Signatures:
    """Give the MinHash signatures of texts over their sets of SHINGLE_WORDS successive words in lower case."""
    try:
        from rensa import RMinHash
    except ImportError:
        raise ImportError("near-duplicates are found by rensa: pip install 'crossner-hf[corpora]'") from None
    left = iter(texts)
    batches = []
    while batch := [_shingles(text) for text in islice(left, BATCH)]:
        batches.append(np.array(RMinHash.digests_from_token_sets(batch, PERMUTATIONS, SEED), np.uint32))
    return np.concatenate(batches) if batches else np.empty((0, PERMUTATIONS), np.uint32)


def write_signatures(signature_file: Path, hash_file: Path, rows: Signatures, domains: Masks) -> None:
    """Write the signatures of a shard's documents, and the sorted hashes of their bands for `mark_near_duplicates`.

    The first file gets (documents, PERMUTATIONS) uint32. `domains` are those to which each document belongs, as bits.
    """
    save_array(signature_file, rows)
    save_array(hash_file, sorted_entries(_band_keys(rows).ravel(), np.repeat(domains, BANDS)))


def mark_near_duplicates(
    hash_files: Sequence[Path],
    signature_files: Sequence[Path],
    keep_files: Sequence[Path],
    similarity: float = SIMILARITY,
    range_entries: int = RANGE_ENTRIES,
) -> None:
    """Find documents that are much like an earlier one, for each domain alone.

    Args:
        hash_files: A file of each shard from `write_signatures`, in the order of the corpus.
        signature_files: The other file of each shard.
        keep_files: A file to write for each shard: `.npy`, (documents,) uint32, in which a bit is 0 for each domain in
            which an earlier document is at least as similar.
        similarity: Least estimated share of common shingles (Jaccard) of near-duplicates.
        range_entries: How many hashes of bands are held at once.
    """
    with ExitStack() as stack:
        temporaries = [stack.enter_context(new_file(path)) for path in keep_files]
        for temporary, path in zip(temporaries, signature_files, strict=True):
            new_masks(temporary, len(np.load(path, mmap_mode="r")), ALL_DOMAINS)
        for part in key_ranges(hash_files, range_entries):
            kept = list(map(open_masks, temporaries))
            rows = [np.load(path, mmap_mode="r") for path in signature_files]
            for bits, first, other in _candidates(part):
                if kept[other[0]][other[1]] & bits and _similarity(rows, first, other) >= similarity:
                    kept[other[0]][other[1]] &= ~bits


def _shingles(text: str) -> list[str]:
    words = text.lower().split()
    last = max(len(words) - SHINGLE_WORDS, 0)
    return [" ".join(words[at : at + SHINGLE_WORDS]) for at in range(last + 1)]


def _band_keys(rows: Signatures) -> Keys:
    """Hash the bands of signatures, (documents, BANDS) uint64; equal bands of different places have different keys."""
    bands = rows.reshape(len(rows), BANDS, PERMUTATIONS // BANDS).astype(np.uint64)
    keys = np.arange(BANDS, dtype=np.uint64)[None, :].repeat(len(rows), 0)
    for column in range(bands.shape[2]):
        keys = (keys ^ bands[:, :, column]) * np.uint64(0x9E3779B97F4A7C15)  # wraps: multiplicative hashing
        keys ^= keys >> np.uint64(29)
    return keys


def _candidates(part: KeyRange) -> Iterator[tuple[np.uint32, tuple[int, int], tuple[int, int]]]:
    """Yield the domains, the first document and a later one, as (file, document), of each equal band."""
    file_of = np.repeat(np.arange(len(part.parts)), [len(entries) for entries in part.parts])[part.order]
    document_of = part.entries["position"] // BANDS
    for bits in domain_bits(part.entries["domains"]):
        chosen = np.flatnonzero(part.entries["domains"] & bits)
        is_first = starts_of_equal(part.entries["key"][chosen])
        first_at = chosen[np.maximum.accumulate(np.where(is_first, np.arange(len(chosen)), 0))]
        for first, other in zip(first_at[~is_first], chosen[~is_first], strict=True):
            yield bits, (file_of[first], document_of[first]), (file_of[other], document_of[other])


def _similarity(rows: Sequence[NDArray[Any]], first: tuple[int, int], other: tuple[int, int]) -> float:
    return float(np.mean(rows[first[0]][first[1]] == rows[other[0]][other[1]]))
