"""Documents to blocks of tokens: the chosen documents, tokenized, joined and cut into rows of one length."""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from typing import Any, Literal, NamedTuple

import numpy as np
from transformers import PreTrainedTokenizerBase

from crossner_hf.corpora.corpus import Corpus, Selection
from crossner_hf.corpora.corpus_readers import DocumentPart
from crossner_hf.pretraining.entity_tags import EntityTagger
from crossner_hf.results.text_records import BlockCounts

WHOLE_CORPUS = Selection()
BATCH_CHARACTERS = 1_000_000  # tokenized at once: enough for every core, little in memory
SEPARATOR = -1  # marks a separator, besides the entity tags 0, 1 and 2


@dataclass
class Tally:
    """Running counts of one pass over a corpus."""

    seen: Counter[str] = field(default_factory=Counter)  # fresh, excluded, blank, held_out
    documents: int = 0
    characters: int = 0
    tokens: int = 0  # of documents, whether in blocks or left over
    separators: int = 0
    entities: int = 0
    blocks: int = 0
    left_over: int = 0
    digest: Any = field(default_factory=hashlib.sha256)

    def counts(self, names_left_out: int) -> BlockCounts:
        return BlockCounts(
            documents_read=self.seen["fresh"] + self.seen["excluded"] + self.seen["blank"],
            documents_excluded=self.seen["excluded"],
            documents_blank=self.seen["blank"],
            documents_held_out=self.seen["held_out"],
            documents_used=self.documents,
            characters=self.characters,
            tokens=self.tokens - self.left_over,
            separators=self.separators,
            blocks=self.blocks,
            tokens_left_over=self.left_over,
            entities=self.entities,
            names_left_out=names_left_out,
            sha256=self.digest.hexdigest(),
        )


class Rows(NamedTuple):
    """Blocks: ids (blocks, block_size) int32 and, where asked for, entity tags of the same shape, int8."""

    ids: np.ndarray
    tags: np.ndarray | None


class Chosen(NamedTuple):
    """A selected document, and the counts of what had been read up to it."""

    document: DocumentPart
    seen: dict[str, int]


class Frame(NamedTuple):
    """The special tokens around a block, and the one between documents (None: there is none)."""

    before: tuple[int, ...]
    after: tuple[int, ...]
    separator: int | None


@dataclass(frozen=True)
class Packing:
    """How a corpus becomes blocks of exactly `block_size` tokens.

    A block holds the tokenizer's special tokens around a stretch of the corpus. Documents follow one another with a
    separator between them (sep_token, else eos_token, else none). Blocks are cut anywhere and nothing is padded; what
    does not fill the last block is left out and counted. Special tokens that are spelled out in the text become these
    tokens, as the tokenizer itself does.

    Args:
        corpus: The documents.
        tokenizer: A fast tokenizer; it is not changed.
        block_size: Tokens of a block, special ones included.
        selection: The share of the documents, and the number of tokens after which reading ends.
        part: 'train', or 'held_out' for the documents that `selection.held_out` keeps from it, whatever
            `selection.percent` is.
        with_entities: Whether to tag the documents' own entities.
        names: Names to tag wherever they occur; see EntityTagger.

    Raises:
        ValueError: The tokenizer is slow, or a setting leaves no room for text.
    """

    corpus: Corpus
    tokenizer: PreTrainedTokenizerBase
    block_size: int
    selection: Selection = WHOLE_CORPUS
    part: Literal["train", "held_out"] = "train"
    with_entities: bool = False
    names: Collection[str] | None = None
    backend: Any = field(init=False, repr=False)
    frame: Frame = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.part == "held_out":  # `percent` is a share of the other documents
            object.__setattr__(self, "selection", replace(self.selection, percent=100.0))
        object.__setattr__(self, "backend", _plain_backend(self.tokenizer))
        object.__setattr__(self, "frame", _frame(self.tokenizer, self.backend))
        if self.room < 1:
            special = self.block_size - self.room
            raise ValueError(f"block_size must exceed the {special} special tokens of a block, got {self.block_size}")

    @property
    def room(self) -> int:
        """Tokens of a block besides the special ones around it."""
        return self.block_size - len(self.frame.before) - len(self.frame.after)

    @property
    def is_tagged(self) -> bool:
        return self.with_entities or self.names is not None

    @cached_property
    def tagger(self) -> EntityTagger | None:
        """The tagger of entities; made when it is needed, since many names take a while."""
        if not self.is_tagged:
            return None
        return EntityTagger(self.backend, self.tokenizer.unk_token_id, self.with_entities, self.names)

    @property
    def names_left_out(self) -> int:
        """Names of more than 16 tokens, of none, or with an unknown one."""
        return self.tagger.names_left_out if self.tagger else 0

    def rows(self, tally: Tally) -> Iterator[Rows]:
        """Yield blocks in the order of the documents, and count in `tally`; may be called many times."""
        ids, marks = np.empty(0, np.int32), np.empty(0, np.int8)
        for batch in _batches(self._chosen(tally.seen)):
            more_ids, more_marks = self._tokens(batch, tally)
            ids, marks = np.concatenate((ids, more_ids)), np.concatenate((marks, more_marks))
            whole = len(ids) // self.room * self.room
            if whole:
                yield self._framed(ids[:whole], marks[:whole], tally)
                ids, marks = ids[whole:], marks[whole:]
            if tally.tokens == self.selection.max_tokens:
                break
        tally.left_over = int(np.count_nonzero(marks != SEPARATOR))
        self._check_filled(tally)

    def _chosen(self, seen: Counter[str]) -> Iterator[Chosen]:
        selection, chosen = self.selection, False
        for document in self.corpus.documents(seen, entities=self.with_entities):
            if not document.continues:
                held_out = selection.is_held_out(document.text)
                chosen = held_out if self.part == "held_out" else not held_out and selection.is_chosen(document.text)
                seen["fresh"] += 1
                seen["held_out"] += held_out
            if chosen:
                yield Chosen(document, dict(seen))

    def _tokens(self, batch: Sequence[Chosen], tally: Tally) -> tuple[np.ndarray, np.ndarray]:
        """Ids of a batch and a mark for each, separators included; no more tokens than max_tokens leaves."""
        documents = [document for document, _ in batch]
        with_offsets = self.tagger is not None and any(document.entities for document in documents)
        encode = self.backend.encode_batch if with_offsets else self.backend.encode_batch_fast
        encodings = encode([document.text for document in documents], add_special_tokens=False)
        ends = np.cumsum([len(encoding) for encoding in encodings])
        left = self.selection.max_tokens - tally.tokens if self.selection.max_tokens is not None else ends[-1]
        if ends[-1] > left:
            used = int(np.searchsorted(ends, left)) + 1
            tally.seen = Counter(batch[used - 1].seen)
            documents, encodings, ends = documents[:used], encodings[:used], ends[:used]
        ids = np.fromiter(chain.from_iterable(encoding.ids for encoding in encodings), np.int32, count=ends[-1])
        begins = np.concatenate(([0], ends[:-1]))
        marks = np.zeros(len(ids), np.int8)
        if self.tagger is not None:
            marks = self.tagger.tags(ids, begins, documents, encodings)
        ids, marks, ends = ids[:left], marks[:left], np.minimum(ends, left)
        places = self._separator_places(documents, begins, ends, first=tally.tokens == 0)
        tally.documents += sum(not document.continues for document in documents)
        tally.characters += sum(len(document.text) for document in documents)
        tally.tokens += len(ids)
        if not places or self.frame.separator is None:
            return ids, marks
        return np.insert(ids, places, self.frame.separator), np.insert(marks, places, SEPARATOR)

    def _separator_places(
        self, documents: Sequence[DocumentPart], begins: np.ndarray, ends: np.ndarray, first: bool
    ) -> list[int]:
        """Where documents begin, except the very first; one that has no token needs no separator."""
        begun = [
            b for d, b, e in zip(documents, begins.tolist(), ends.tolist(), strict=True) if not d.continues and b < e
        ]
        return [] if self.frame.separator is None else begun[1:] if first else begun

    def _framed(self, ids: np.ndarray, marks: np.ndarray, tally: Tally) -> Rows:
        """Whole blocks of content as rows, the special tokens around each."""
        before, after = len(self.frame.before), self.block_size - len(self.frame.after)
        framed = np.empty((len(ids) // self.room, self.block_size), np.int32)
        framed[:, :before], framed[:, after:] = self.frame.before, self.frame.after
        framed[:, before:after] = ids.reshape(-1, self.room)
        tally.blocks += len(framed)
        tally.separators += int(np.count_nonzero(marks == SEPARATOR))
        tally.entities += int(np.count_nonzero(marks == 1))
        tally.digest.update(framed.astype("<i4", copy=False).tobytes())
        if self.tagger is None:
            return Rows(framed, None)
        tags = np.zeros(framed.shape, np.int8)
        tags[:, before:after] = np.maximum(marks, 0).reshape(-1, self.room)
        return Rows(framed, tags)

    def _check_filled(self, tally: Tally) -> None:
        documents, held_out = tally.seen["fresh"], tally.seen["held_out"]
        if not tally.documents:
            setting, number = f"percent={self.selection.percent:g} leaves", documents - held_out
            if self.part == "held_out" or not number:
                setting, number = f"held_out={self.selection.held_out:g} leaves", documents
            raise ValueError(f"{setting} none of the {number} documents for part={self.part!r}; set another")
        if not tally.blocks:
            raise ValueError(
                f"{tally.tokens} tokens do not fill one block of {self.room} (block_size={self.block_size} with its "
                f"special tokens); lower block_size (--block_size) or add text"
            )


def _batches(chosen: Iterable[Chosen]) -> Iterator[list[Chosen]]:
    batch: list[Chosen] = []
    size = 0
    for item in chosen:
        batch.append(item)
        size += len(item.document.text)
        if size >= BATCH_CHARACTERS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _plain_backend(tokenizer: PreTrainedTokenizerBase) -> Any:
    """A copy of the tokenizer's backend that neither cuts nor pads."""
    from tokenizers import Tokenizer

    if not getattr(tokenizer, "is_fast", False):
        raise ValueError(
            f"{type(tokenizer).__name__} is a slow tokenizer; packing needs a fast one (AutoTokenizer gives it, or "
            "convert the vocabulary to a tokenizer.json)"
        )
    backend = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    backend.no_truncation()
    backend.no_padding()
    backend.encode_special_tokens = bool(getattr(tokenizer, "split_special_tokens", False))
    return backend


def _frame(tokenizer: PreTrainedTokenizerBase, backend: Any) -> Frame:
    encoded = backend.encode("a")
    content = [i for i, special in enumerate(encoded.special_tokens_mask) if not special]
    if not content:
        raise ValueError(f"{type(tokenizer).__name__} makes no token of 'a'; is its vocabulary empty?")
    separator = tokenizer.sep_token_id if tokenizer.sep_token_id is not None else tokenizer.eos_token_id
    return Frame(tuple(encoded.ids[: content[0]]), tuple(encoded.ids[content[-1] + 1 :]), separator)
