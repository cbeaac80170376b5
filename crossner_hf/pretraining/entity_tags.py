"""Tags of the tokens that are entities: from character offsets, or from a list of names (a gazetteer).

Tags are 0 outside an entity, 1 on its first token and 2 on its further tokens.
"""

from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np

from crossner_hf.corpora.corpus_readers import DocumentPart
from crossner_hf.masking.subword_boundaries import model_of, token_boundaries

MOST_TOKENS = 16  # of a name; longer ones are titles of works, which running text seldom repeats in full
NAMES_AT_ONCE = 10_000
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # odd, its bits well mixed: 2**64 over the golden ratio (Knuth 6.4)


class EntityTagger:
    """Tags from the documents' own entities, from names, or from both; then names count where no entity is.

    Names are matched by their tokens between word boundaries, so that an uncased tokenizer matches any case; from left
    to right, at each place the longest. Candidates are found by hashes and then compared token by token, so that
    nothing is tagged wrongly; of two names of one length with the same 64-bit hash only one is found.

    Args:
        backend: The tokenizer's backend.
        unknown: Id of the token for unknown words; names with it are left out.
        with_entities: Whether to tag the documents' own entities.
        names: Names to tag wherever they occur.

    Raises:
        ValueError: There is no usable name.
    """

    def __init__(self, backend: Any, unknown: int | None, with_entities: bool, names: Collection[str] | None):
        self.with_entities = with_entities
        self.names_left_out = 0
        self.tables: dict[int, NameTable] = {}
        self.edges = token_boundaries(backend)
        if names is None:
            return
        split_off = model_of(backend)["type"] != "WordPiece"
        by_length: dict[int, set[tuple[int, ...]]] = {}
        for variants in _encoded_names(backend, sorted(set(names)), self.edges.blank, split_off):
            usable = [ids for ids in variants if 0 < len(ids) <= MOST_TOKENS and unknown not in ids]
            self.names_left_out += not usable
            for ids in usable:
                by_length.setdefault(len(ids), set()).add(ids)
        if not by_length:
            raise ValueError(f"none of {len(names)} names has 1 to {MOST_TOKENS} tokens, all of them known ones")
        self.tables = {length: NameTable(by_length[length]) for length in sorted(by_length)}

    def tags(
        self, ids: np.ndarray, begins: np.ndarray, documents: Sequence[DocumentPart], encodings: Any
    ) -> np.ndarray:
        """Return the tags of the token ids of all documents, (tokens,) int8.

        `begins` says where each document begins in them; `encodings` have offsets if the documents have entities.
        """
        tags = np.zeros(len(ids), np.int8)
        if self.with_entities:
            for begin, document, encoding in zip(begins, documents, encodings, strict=True):
                if document.entities:
                    stretch = slice(begin, begin + len(encoding))
                    blank = self.edges.blank[ids[stretch]]
                    _tag_offsets(tags[stretch], document.entities, np.array(encoding.offsets), blank)
        if self.tables and len(ids):
            fresh = [begin for begin, document in zip(begins, documents, strict=True) if not document.continues]
            _tag_ranges(tags, *self._matches(ids, np.array(fresh, dtype=np.int64), tags))
        return tags

    def _matches(self, ids: np.ndarray, fresh: np.ndarray, tags: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Begins and ends of the names; none of them touches a tagged token or the next document."""
        boundary = np.ones(len(ids) + 1, bool)
        boundary[1:-1] = ~self.edges.joined(ids[:-1], ids[1:])
        boundary[fresh] = True
        # What a match must not contain, counted up to each place: tagged tokens; and, inside it, begins of documents.
        tagged = np.concatenate(([0], np.cumsum(tags > 0)))
        begun = np.cumsum(np.bincount(fresh, minlength=len(ids) + 1))
        longest = np.zeros(len(ids), np.int64)
        hashes = np.zeros(len(ids), np.uint64)
        for length in range(1, min(max(self.tables), len(ids)) + 1):
            hashes = extended(hashes[: len(ids) - length + 1], ids[length - 1 :])
            if length not in self.tables:
                continue
            at = self.tables[length].find(ids, hashes, boundary[: len(hashes)] & boundary[length:])
            at = at[(tagged[at] == tagged[at + length]) & (begun[at] == begun[at + length - 1])]
            longest[at] = length
        starts = np.flatnonzero(longest)
        ends = starts + longest[starts]
        kept, free = [], 0
        for number, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
            if start >= free:
                kept.append(number)
                free = end
        return starts[kept], ends[kept]


class NameTable:
    """Names of one number of tokens, looked up by hash."""

    def __init__(self, names: Collection[tuple[int, ...]]):
        ids = np.array(sorted(names), np.int32)  # (names, tokens)
        hashes = np.zeros(len(ids), np.uint64)
        for column in ids.T:
            hashes = extended(hashes, column)
        order = np.argsort(hashes, kind="stable")
        self.ids, self.hashes = ids[order], hashes[order]
        # A bit for each of at least 16 times as many values as there are names: most places of a text end here.
        self.shift = np.uint64(64 - min(max(int(16 * len(ids)).bit_length(), 10), 26))
        self.occurs = np.zeros(1 << int(64 - self.shift), bool)
        self.occurs[self._short(self.hashes)] = True

    def _short(self, hashes: np.ndarray) -> np.ndarray:
        return (hashes * MULTIPLIER) >> self.shift

    def find(self, ids: np.ndarray, hashes: np.ndarray, allowed: np.ndarray) -> np.ndarray:
        """Return the places where a name begins; `hashes` and `allowed` have a value for each place of `ids`."""
        at = np.flatnonzero(allowed & self.occurs[self._short(hashes)])
        number = np.searchsorted(self.hashes, hashes[at])
        number[number == len(self.hashes)] = 0
        same = self.hashes[number] == hashes[at]
        at, number = at[same], number[same]
        stretch = ids[at[:, None] + np.arange(self.ids.shape[1])]
        return at[(stretch == self.ids[number]).all(axis=1)]


def extended(hashes: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Return hashes of stretches of tokens, from those of the stretches without their last token; modulo 2**64."""
    return (hashes + ids.astype(np.uint64) + np.uint64(1)) * MULTIPLIER


def _encoded_names(
    backend: Any, names: Sequence[str], blank: np.ndarray, split_off: bool
) -> Iterator[set[tuple[int, ...]]]:
    """The ways in which each name may be tokenized: alone, after a space, and after a bracket if `split_off`.

    Byte-level and SentencePiece tokenizers put the space before a word into its first token; tokens that are nothing
    but white space are left out.
    """
    left = iter(names)
    while several := list(islice(left, NAMES_AT_ONCE)):
        variants: list[set[tuple[int, ...]]] = [set() for _ in several]
        for before in ("", " ", "(") if split_off else ("",):
            encodings = backend.encode_batch([before + name.strip() for name in several], add_special_tokens=False)
            for of_name, encoding in zip(variants, encodings, strict=True):
                skip = 0
                if before == "(":
                    skip = sum(end <= 1 for _, end in encoding.offsets)
                    if any(start < 1 < end for start, end in encoding.offsets):
                        continue
                while skip < len(encoding) and blank[encoding.ids[skip]]:
                    skip += 1
                of_name.add(tuple(encoding.ids[skip:]))
        yield from variants


def _tag_offsets(tags: np.ndarray, entities: Sequence[tuple[int, int]], offsets: np.ndarray, blank: np.ndarray) -> None:
    """Tag the tokens that share a character with an entity; one that overlaps an earlier entity is left out.

    A token that is only the space before a word begins no entity, though the offsets of some tokenizers say so.
    """
    if not len(offsets):
        return
    starts, ends = np.array(entities).T
    # The running maximum makes sure that the offsets ascend; nearly always they do anyway.
    begins = np.searchsorted(np.maximum.accumulate(offsets[:, 1]), starts, side="right")
    stops = np.searchsorted(np.maximum.accumulate(offsets[:, 0]), ends, side="left")
    free = 0
    for begin, stop in zip(begins.tolist(), stops.tolist(), strict=True):
        while begin < stop and blank[begin]:
            begin += 1
        if free <= begin < stop:
            tags[begin] = 1
            tags[begin + 1 : stop] = 2
            free = stop


def _tag_ranges(tags: np.ndarray, begins: np.ndarray, ends: np.ndarray) -> None:
    change = np.zeros(len(tags) + 1, np.int64)
    change[begins] += 1
    change[ends] -= 1  # ranges do not overlap, yet one may begin where another ends; hence two statements
    tags[np.cumsum(change[:-1]) > 0] = 2
    tags[begins] = 1
