"""Repeated sentences, found over all shards of a corpus through sorted hashes; sentences that the labelled data has.

Each shard's task writes the 64-bit hashes of its sentences, sorted. One task merges these files, one range of hashes
after the other. A range has about RANGE_ENTRIES hashes, however large the corpus is: the process holds 137 MB for two
million sentences and 151 MB for fifty million. Among 100 million different texts, two have the same hash with a
probability of 0.03 %.
"""

import hashlib
import string
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from crossner_hf.atomic_write import new_file
from crossner_hf.data.download import domain_files
from crossner_hf.data.sentences import read_sentences
from crossner_hf.schema import Domain

RANGE_ENTRIES = 1 << 20
ALL_DOMAINS = (1 << 32) - 1
_UNCOMPARED = (string.whitespace + string.punctuation).encode()
ENTRY = np.dtype([("key", "<u8"), ("position", "<u4"), ("domains", "<u4")])

Keys = NDArray[np.uint64]
Masks = NDArray[np.uint32]  # bit i stands for domain i of a build


class KeyRange(NamedTuple):
    """The entries of all files whose keys lie in one range.

    Args:
        parts: The entries of each file, in the order of their keys.
        entries: All of them, sorted by key; equal keys in the order of files and positions.
        order: Where each of `entries` is in the joined parts.
    """

    parts: list[NDArray[np.void]]
    entries: NDArray[np.void]
    order: NDArray[np.intp]


def sentence_keys(texts: Iterable[str]) -> Keys:
    """Give the 64-bit hashes of texts, (texts,) uint64, the same on every machine."""
    blake2b = hashlib.blake2b
    digests = b"".join([blake2b(text.encode(), digest_size=8).digest() for text in texts])
    return np.frombuffer(digests, "<u8").astype(np.uint64, copy=False)


def write_sorted_hashes(path: Path, keys: Keys, domains: Masks) -> None:
    """Write the sorted keys of a shard's sentences with their positions, as `.npy`.

    `domains` are those to which each sentence belongs, as bits; it and `keys` are (sentences,).
    """
    entries = sorted_entries(keys, domains)
    entries["domains"] = first_domains(entries["key"], entries["domains"])
    save_array(path, entries)


def mark_repeats(hash_files: Sequence[Path], keep_files: Sequence[Path], range_entries: int = RANGE_ENTRIES) -> None:
    """Find the first of equal sentences for each domain alone: five domains in one pass give what five passes give.

    Args:
        hash_files: A file of `write_sorted_hashes` for each shard, in the order of the corpus.
        keep_files: A file to write for each shard: `.npy`, (sentences,) uint32, a bit for each domain to which the
            sentence belongs and in which no earlier sentence has its text.
        range_entries: How many entries are held at once.
    """
    with ExitStack() as stack:
        temporaries = [stack.enter_context(new_file(path)) for path in keep_files]
        for temporary, path in zip(temporaries, hash_files, strict=True):
            new_masks(temporary, len(np.load(path, mmap_mode="r")), 0)
        for part in key_ranges(hash_files, range_entries):
            firsts = np.empty(len(part.order), np.uint32)
            firsts[part.order] = first_domains(part.entries["key"], part.entries["domains"])
            ends = np.cumsum([len(entries) for entries in part.parts])
            for temporary, entries, of_file in zip(temporaries, part.parts, np.split(firsts, ends[:-1]), strict=True):
                open_masks(temporary)[entries["position"]] = of_file


def first_domains(keys: Keys, domains: Masks) -> Masks:
    """Keep of each entry's domains those in which no entry before it has its key; `keys` are sorted."""
    firsts = np.zeros(len(keys), np.uint32)
    for bits in domain_bits(domains):
        of_domain = np.flatnonzero(domains & bits)
        firsts[of_domain[starts_of_equal(keys[of_domain])]] |= bits
    return firsts


def starts_of_equal(keys: Keys) -> NDArray[np.bool_]:
    """Say of each of one or more sorted keys whether it differs from the one before it."""
    return np.concatenate([[True], keys[1:] != keys[:-1]])


def domain_bits(domains: Masks) -> Iterator[np.uint32]:
    """Give the bit of one domain after the other; all bits at once where all entries are in the same domains."""
    bits = int(np.bitwise_or.reduce(domains, initial=0))
    if bits and np.all(domains == domains[0]):
        yield np.uint32(bits)
        return
    while bits:
        yield np.uint32(bits & -bits)
        bits &= bits - 1


def sorted_entries(keys: Keys, domains: Masks) -> NDArray[np.void]:
    """Join keys, positions and domains into entries sorted by key, equal keys by position."""
    order = np.argsort(keys, kind="stable")
    entries = np.empty(len(keys), ENTRY)
    entries["key"], entries["position"], entries["domains"] = keys[order], order, domains[order]
    return entries


def key_ranges(hash_files: Sequence[Path], range_entries: int) -> Iterator[KeyRange]:
    """Yield the entries of all files range by range, those in no domain left out."""
    num_ranges = max(1, -(-sum(len(np.load(path, mmap_mode="r")) for path in hash_files) // range_entries))
    bounds = np.array([number * (1 << 64) // num_ranges for number in range(1, num_ranges)], np.uint64)
    cuts = [_cuts(path, bounds) for path in hash_files]
    for number in range(num_ranges):
        parts = [_part(path, *cut[number : number + 2]) for path, cut in zip(hash_files, cuts, strict=True)]
        joined = np.concatenate(parts) if parts else np.empty(0, ENTRY)
        order = np.argsort(joined["key"], kind="stable")
        yield KeyRange(parts, joined[order], order)


def save_array(path: Path, array: NDArray[np.generic]) -> None:
    """Write a `.npy` file whole or not at all."""
    with new_file(path) as temporary, open(temporary, "wb") as file:
        np.save(file, array)


def new_masks(path: Path, size: int, mask: int) -> None:
    """Write a `.npy` file, (size,) uint32, with the same mask everywhere."""
    np.lib.format.open_memmap(path, "w+", np.uint32, (size,))[:] = mask


def open_masks(path: Path) -> Masks:
    """Map a file of `new_masks`; what is held for long counts as memory of the process."""
    return np.load(path, mmap_mode="r+")


def _cuts(path: Path, bounds: Keys) -> list[int]:
    """Find where the ranges between bounds begin and end in a file."""
    keys = np.load(path, mmap_mode="r")["key"]
    return [0, *np.searchsorted(keys, bounds).tolist(), len(keys)]


def _part(path: Path, begin: int, end: int) -> NDArray[np.void]:
    """Read some entries of a file, those in no domain left out."""
    entries = np.load(path, mmap_mode="r")[begin:end]
    return np.asarray(entries[entries["domains"] != 0])


def labelled_keys(domains: Iterable[Domain], data_dir: str | Path | None = None) -> frozenset[str]:
    """Collect the sentences of all splits of domains as `labelled_key` spells them."""
    return frozenset(
        labelled_key(unicodedata.normalize("NFC", "".join(words)))
        for domain in domains
        for path in domain_files(domain, data_dir).values()
        for words, _ in read_sentences(domain, path)
    ) - {""}


def labelled_key(sentence: str) -> str:
    """Spell a sentence as it is compared with labelled ones: without white space, ASCII punctuation and case."""
    return sentence.casefold().encode().translate(None, _UNCOMPARED).decode()
