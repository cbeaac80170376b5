"""Names found in text: exactly the leftmost longest ones that begin and end where words do.

Words are those of `hashed_words`; any white space equals one space. Candidates are found by hashes. Every hit is
compared with its name, so that equal hashes give no wrong match.
"""

from collections.abc import Iterator, Sequence
from itertools import starmap
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np

from crossner_hf.corpora.hashed_words import Array, HashedWords

BATCH_CHARACTERS = 1 << 17  # of sentences searched together: arrays of this length stay in the processor's cache
BITS_PER_HASH = 16  # of a bitmap: one in 16 of other hashes seems to be there
SEPARATOR = "\x00"  # between sentences: a word that no name contains


class Matches(NamedTuple):
    """Names in one text, in their order: characters [start, end) and the number of the name, each (matches,)."""

    start: Array
    end: Array
    name: Array


class SentenceMatches(NamedTuple):
    """Names in several sentences, in their order: as `Matches`, with the number of the sentence, each (matches,)."""

    sentence: Array
    start: Array
    end: Array
    name: Array


class NameIndex:
    """Finds names in text. A name's number is its place in the order of hashes.

    Args:
        parts: The arrays of the index, as `save` writes them.
    """

    def __init__(self, parts: dict[str, Array]):
        self.parts = parts
        self.characters, self.offsets, self.hashes = parts["characters"], parts["offsets"], parts["hashes"]
        self.prefixes, self.whole, self.first = parts["prefixes"], parts["whole"], parts["first"]
        self.most_words = int(parts["most_words"][0])

    @classmethod
    def build(cls, names: Sequence[str]) -> tuple[Self, Array]:
        """Make the index of names, and give the place in `names` of each name in it, (names,).

        `names` are distinct, without NUL, and single spaces between words are their only white space; otherwise, or if
        there is none, a ValueError. Of names with one 64-bit hash only the first is in the index.
        """
        if not names:
            raise ValueError("there is no name to look for")
        hashes, prefixes, most_words = zip(*starmap(_hashes_of_names, _batches(names)), strict=True)
        every = np.concatenate(hashes)
        sorted_hashes, order = np.unique(every, return_index=True)
        ordered = [names[i].encode() for i in order.tolist()]
        bits = max(1, (len(order) - 1).bit_length())
        begins = np.arange(1 << bits, dtype=np.uint64) << np.uint64(64 - bits)
        first = np.minimum(np.searchsorted(sorted_hashes, begins), len(order) - 1).astype(np.int32)
        parts = {
            "characters": np.frombuffer(b"".join(ordered), np.uint8),
            "offsets": np.concatenate(([0], np.cumsum(np.fromiter(map(len, ordered), np.int64, len(ordered))))),
            "hashes": sorted_hashes,
            "prefixes": _bitmap(np.unique(np.concatenate(prefixes))),
            "whole": _bitmap(sorted_hashes),
            "first": first,
            "most_words": np.array([max(most_words)]),
        }
        return cls(parts), order

    def save(self, folder: Path) -> None:
        for name, array in self.parts.items():
            np.save(folder / f"{name}.npy", array)

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Map the arrays of a folder into memory, where processes share them."""
        names = ("characters", "offsets", "hashes", "first", "prefixes", "whole", "most_words")
        return cls({name: np.asarray(np.load(folder / f"{name}.npy", mmap_mode="r")) for name in names})

    def __len__(self) -> int:
        return len(self.hashes)

    def name(self, number: int) -> str:
        return self.characters[self.offsets[number] : self.offsets[number + 1]].tobytes().decode()

    def find(self, text: str, allowed: Array | None = None) -> Matches:
        """Find the leftmost longest names; the text must be in NFC if the names are.

        `allowed` says whether each name counts, (names,) bool or 0 and 1; by default all do.
        """
        words = HashedWords(text)
        length, name = self._longest(words, allowed)
        begin = np.flatnonzero(length)
        end = begin + length[begin]
        kept = _leftmost(begin, end)
        begin, end = begin[kept], end[kept]
        return Matches(words.position(words.start[begin]), words.position(words.end[end - 1] - 1) + 1, name[begin])

    def find_in(self, sentences: Sequence[str], allowed: Array | None = None) -> SentenceMatches:
        """Find the leftmost longest names of each sentence; see `find`."""
        parts, before = [], 0
        for batch, begins in _batches(sentences):
            start, end, name = self.find(SEPARATOR.join(batch), allowed)
            sentence = np.searchsorted(begins, start, side="right") - 1
            begin = begins[sentence]
            parts.append((sentence + before, start - begin, end - begin, name))
            before += len(batch)
        if not parts:
            return SentenceMatches(*(np.zeros(0, np.int64) for _ in range(4)))
        return SentenceMatches(*map(np.concatenate, zip(*parts, strict=True)))

    def _longest(self, words: HashedWords, allowed: Array | None) -> tuple[Array, Array]:
        """The number of words of the longest name that begins at each word, 0 if none does, and its number."""
        length, name = np.zeros((2, len(words.start)), np.int32)
        alive, hashes = np.arange(len(words.start)), words.hashes(slice(None), slice(None))
        for more in range(self.most_words):  # words after the first
            begun = np.flatnonzero(_is_set(self.prefixes, hashes))
            alive, hashes = alive.take(begun), hashes.take(begun)
            at = np.flatnonzero(_is_set(self.whole, hashes))
            number = self._number(hashes.take(at))
            same = self.hashes.take(number) == hashes.take(at)
            if allowed is not None:
                same &= allowed[number].astype(bool)
            first, number = alive[at[same]], number[same]
            same = self._is_name(words, first, first + more, number)
            length[first[same]], name[first[same]] = more + 1, number[same]
            alive = alive[: np.searchsorted(alive, len(words.start) - more - 1)]
            if not len(alive):
                break
            hashes = words.hashes(alive, alive + (more + 1))
        return length, name

    def _number(self, hashes: Array) -> Array:
        """The number of the name with each hash; of some other name if there is none."""
        number = self.first.take((hashes >> np.uint64(65 - len(self.first).bit_length())).view(np.int64))
        behind, last = np.arange(len(number)), len(self) - 1
        while len(behind):  # names with the same first bits: on average less than one
            behind = behind[(self.hashes.take(number[behind]) < hashes[behind]) & (number[behind] < last)]
            number[behind] += 1
        return number

    def _is_name(self, words: HashedWords, first: Array, last: Array, number: Array) -> Array:
        """Whether each stretch of words is the name with that number, byte by byte."""
        begin, end = words.byte(words.start[first]), words.byte(words.end[last])
        size, name_begin = end - begin, self.offsets[number]
        same = size == self.offsets[number + 1] - name_begin
        size = np.where(same, size, 1)
        row_begin = np.cumsum(size) - size
        within = np.arange(int(size.sum())) - np.repeat(row_begin, size)
        equal = words.bytes[np.repeat(begin, size) + within] == self.characters[np.repeat(name_begin, size) + within]
        return same & np.logical_and.reduceat(equal, row_begin) if len(same) else same


def _batches(texts: Sequence[str]) -> Iterator[tuple[Sequence[str], Array]]:
    """Texts in parts of about BATCH_CHARACTERS characters, with where each begins in them joined, (texts,)."""
    ends = np.cumsum(np.fromiter(map(len, texts), np.int64, len(texts)) + 1)
    first, begin = 0, 0
    while first < len(texts):
        behind = max(first + 1, int(np.searchsorted(ends, begin + BATCH_CHARACTERS, side="right")))
        yield texts[first:behind], np.append(begin, ends[first : behind - 1]) - begin
        first, begin = behind, int(ends[behind - 1])


def _hashes_of_names(names: Sequence[str], begins: Array) -> tuple[Array, Array, int]:
    """The hash of each name, those of all its beginnings, and the most words of a name."""
    words = HashedWords(SEPARATOR.join(names))
    inside = words.codes[words.start] != ord(SEPARATOR)
    of_name = np.searchsorted(begins, words.start, side="right") - 1
    first = np.flatnonzero(inside & np.diff(of_name, prepend=-1).astype(bool))
    last = np.append(first[1:] - 2, len(words.start) - 1)
    ends = np.append(begins[1:] - 1, len(words.codes))
    whole = np.array_equal(words.start[first], begins) and np.array_equal(words.end[last], ends)
    if not (words.is_normal and whole and np.count_nonzero(~inside) == len(names) - 1):
        raise ValueError("names need words with single spaces between them as the only white space, and no NUL")
    at = np.flatnonzero(inside)
    prefixes = np.unique(words.hashes(first[of_name[at]], at))
    return words.hashes(first, last), prefixes, int((last - first).max()) + 1


def _leftmost(begin: Array, end: Array) -> Array:
    """Which stretches do not overlap a chosen one before them: (stretches,) bool. `begin` ascends."""
    covered = np.zeros(len(begin), bool)
    covered[1:] = begin[1:] < np.maximum.accumulate(end)[:-1]
    kept, free = ~covered, 0
    for number in np.flatnonzero(covered).tolist():
        if not covered[number - 1]:
            free = end[number - 1]
        if begin[number] >= free:
            kept[number], free = True, end[number]
    return kept


def _bitmap(hashes: Array) -> Array:
    """A bitmap, its length a power of two, in which the bit of each hash is set: (bits / 8,) uint8."""
    bits = max(10, (BITS_PER_HASH * len(hashes) - 1).bit_length())
    bitmap = np.zeros(1 << (bits - 3), np.uint8)
    place = hashes >> np.uint64(64 - bits)
    bit = np.uint8(1) << (place & np.uint64(7)).astype(np.uint8)
    np.bitwise_or.at(bitmap, (place >> np.uint64(3)).view(np.int64), bit)
    return bitmap


def _is_set(bitmap: Array, hashes: Array) -> Array:
    """Whether the bit of each hash is set: (hashes,) bool."""
    place = hashes >> np.uint64(64 - 3 - (len(bitmap).bit_length() - 1))
    byte = bitmap.take((place >> np.uint64(3)).view(np.int64))
    return (byte >> (place & np.uint64(7)).astype(np.uint8) & np.uint8(1)).view(bool)
