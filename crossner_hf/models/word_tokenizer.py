"""A tokenizer whose pieces are words, for the models over word vectors; its vocabulary, and its rows' first values."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from tokenizers import Encoding, Tokenizer, models, normalizers, pre_tokenizers
from torch import Tensor
from transformers import BatchEncoding, PreTrainedTokenizerFast
from transformers.utils import PaddingStrategy

if TYPE_CHECKING:
    from .word_vectors import WordVectors

PAD, UNK = "[PAD]", "[UNK]"  # rows 0 and 1
MAX_WORD_BYTES = 32
_PLUS_ONE = bytes((byte + 1) % 256 for byte in range(256))  # UTF-8 has no byte 255


class WordTokenizer(PreTrainedTokenizerFast):
    """Words that white space parts, or words given as such, to their rows; unknown ones to `[UNK]`.

    Beside `input_ids` it gives `char_ids`, for each word its UTF-8 bytes plus 1, so that 0 can pad, cut at the option
    `max_word_bytes`. They are those of the text as it stands, in upper and lower case, also where rows are looked up in
    lower case. Tensors are (batch, time, chars), `chars` being the longest word of the batch. `AutoTokenizer` knows it
    once `AutoTokenizer.register(config_class, tokenizer_class=WordTokenizer)` was called, with the config of any model.
    """

    # No __init__: transformers would rebuild the tokenizer as an empty one (convert_to_native_format), so options are
    # read from init_kwargs.
    model_input_names = ["input_ids", "char_ids", "attention_mask"]

    @property
    def max_word_bytes(self) -> int:
        return self.init_kwargs.get("max_word_bytes", MAX_WORD_BYTES)

    def _encode_plus(
        self,
        text,
        text_pair=None,
        *,
        is_split_into_words: bool = False,
        padding_strategy: PaddingStrategy = PaddingStrategy.DO_NOT_PAD,
        return_tensors: str | None = None,
        **kwargs,
    ) -> BatchEncoding:
        if text_pair is not None:
            raise ValueError("a WordTokenizer takes single sentences, not pairs")
        batched = isinstance(text, list | tuple)
        if is_split_into_words:
            batched = batched and bool(text) and isinstance(text[0], list | tuple)
        sentences = text if batched else [text]
        encoded = super()._encode_plus(
            sentences, is_split_into_words=is_split_into_words, padding_strategy=padding_strategy, **kwargs
        )
        owner = encoded.get("overflow_to_sample_mapping", range(len(sentences)))
        char_ids = [
            self._char_ids(sentences[sentence], encoding, is_split_into_words)
            for sentence, encoding in zip(owner, encoded.encodings)
        ]
        if return_tensors or padding_strategy != PaddingStrategy.DO_NOT_PAD:
            char_ids = _rectangle(char_ids, max(map(len, char_ids), default=0))
        if not batched and not return_tensors and "overflow_to_sample_mapping" not in encoded:
            columns = {name: rows[0] for name, rows in encoded.items()}
            return BatchEncoding({**columns, "char_ids": _plain(char_ids[0])}, encoded.encodings)
        if not return_tensors:
            char_ids = _plain(char_ids)
        return BatchEncoding({**encoded, "char_ids": char_ids}, encoded.encodings, tensor_type=return_tensors)

    def _char_ids(self, sentence, encoding: Encoding, is_split_into_words: bool) -> list[list[int]]:
        if is_split_into_words:
            places = zip(encoding.word_ids, encoding.offsets)
            pieces = ["" if word is None else sentence[word][start:end] for word, (start, end) in places]
        else:
            pieces = [sentence[start:end] for start, end in encoding.offsets]  # padding has the offsets (0, 0)
        limit = self.max_word_bytes
        return [list(piece.encode()[:limit].translate(_PLUS_ONE)) for piece in pieces]

    def pad(self, encoded_inputs, padding=True, max_length: int | None = None, **kwargs) -> BatchEncoding:
        """As everywhere in transformers; sentences without words are padded to one position where all are such."""
        if isinstance(encoded_inputs, list | tuple) and encoded_inputs:
            encoded_inputs = {name: [row[name] for row in encoded_inputs] for name in encoded_inputs[0]}
        columns = dict(encoded_inputs)
        char_ids, ids = columns.pop("char_ids", None), columns.get(self.model_input_names[0])
        if padding in (True, "longest") and ids is not None and len(ids) and all(_is_empty(row) for row in ids):
            padding, max_length = "max_length", 1
        padded = super().pad(columns, padding, max_length, **kwargs)
        if char_ids is None or padding in (False, "do_not_pad"):
            return padded if char_ids is None else BatchEncoding({**padded, "char_ids": char_ids})
        ids = padded[self.model_input_names[0]]
        single = not len(ids) or not hasattr(ids[0], "__len__") or getattr(ids, "ndim", 2) == 1
        left = (kwargs.get("padding_side") or self.padding_side) == "left"
        rows = _rectangle([char_ids] if single else char_ids, len(ids) if single else len(ids[0]), left=left)
        rows = rows[0] if single else rows
        padded["char_ids"] = torch.from_numpy(rows) if isinstance(ids, Tensor) else rows
        if isinstance(ids, list):
            padded["char_ids"] = rows.tolist()
        return padded


def _is_empty(row) -> bool:
    return hasattr(row, "__len__") and len(row) == 0


def _plain(rows) -> list:
    return rows.tolist() if isinstance(rows, np.ndarray) else rows


def _rectangle(rows: Sequence[Sequence[Sequence[int]]], time: int, left: bool = False) -> np.ndarray:
    """Rows of words of bytes to (rows, time, longest word); zeros after bytes, and after (left: before) words."""
    lengths = np.zeros((len(rows), time), dtype=np.int64)
    for filled, words in zip(lengths, rows):
        if len(words):
            filled[time - len(words) if left else 0 :][: len(words)] = [len(word) for word in words]
    array = np.zeros((len(rows), time, max(1, lengths.max(initial=1))), dtype=np.int64)
    values = chain.from_iterable(chain.from_iterable(rows))
    array[np.arange(array.shape[2]) < lengths[..., None]] = np.fromiter(values, np.int64, lengths.sum())
    return array


class Layout(NamedTuple):
    """What each row of the embedding is, with the config's names.

    words:         of every row; `[PAD]`, `[UNK]`, the training sets' words by falling count, other words with a vector
    trained_words: rows before this are trained, the others stay as the vector file has them
    once_from:     rows from this to `trained_words` are words that the training sets hold once
    """

    words: list[str]
    trained_words: int
    once_from: int


def spellings(words: Iterable[str]) -> set[str]:
    """The words as they stand and in lower case: what may be looked up in a file of vectors."""
    lower = normalizers.Lowercase()
    distinct = set(words)
    return distinct.union(lower.normalize_str(word) for word in distinct)


def build_tokenizer(
    counts: Mapping[str, int],
    vectors: "WordVectors | None" = None,
    all_vectors: bool = False,
    max_word_bytes: int = MAX_WORD_BYTES,
) -> tuple[WordTokenizer, Layout]:
    """A tokenizer that knows the words of the training sets and, if asked, all others that have a vector.

    counts: how often the training sets hold each word, as it stands; words are looked up in lower case where all the
    vectors' words are. A word of the vector file that holds white space is never looked up and gets no row.
    """
    if all_vectors and vectors is None:
        raise ValueError("all_vectors needs vectors")
    if max_word_bytes < 1:
        raise ValueError(f"max_word_bytes must be at least 1, got {max_word_bytes}")
    lower = normalizers.Lowercase() if vectors is not None and vectors.lowercase else None
    splitter = pre_tokenizers.WhitespaceSplit()
    seen: Counter[str] = Counter()
    for word, count in counts.items():
        normal = lower.normalize_str(word) if lower else word
        for piece, _ in splitter.pre_tokenize_str(normal):
            seen[piece] += count
    ordered = sorted(seen.keys() - {PAD, UNK}, key=lambda word: (-seen[word], word))
    words = [PAD, UNK, *ordered]
    trained = len(words)
    if all_vectors:
        others = (word for word in vectors.words if word not in seen and word not in (PAD, UNK))
        words += [word for word in others if word.split() == [word]]
    once = sum(seen[word] == 1 for word in ordered)
    backend = Tokenizer(models.WordLevel({word: row for row, word in enumerate(words)}, unk_token=UNK))
    if lower:
        backend.normalizer = lower
    backend.pre_tokenizer = splitter
    # split_special_tokens: a `[PAD]` in a text is a word like any other.
    options: dict[str, Any] = {"max_word_bytes": max_word_bytes, "split_special_tokens": True}
    tokenizer = WordTokenizer(tokenizer_object=backend, pad_token=PAD, unk_token=UNK, **options)
    return tokenizer, Layout(words, trained, trained - once)


def initial_rows(
    layout: Layout, dim: int, vectors: "WordVectors | None" = None, generator: torch.Generator | None = None
) -> tuple[Tensor, int]:
    """First values of the embedding, (words, dim), and how many words of the training sets have no vector.

    Words without a vector and `[UNK]` are drawn from U(-sqrt(3/dim), sqrt(3/dim)), as Lample et al. (2016, section 4.3)
    do, from `generator` or the global one; `[PAD]` is zeros.
    """
    if vectors is not None and vectors.dim != dim:
        raise ValueError(f"the vectors of {vectors.name} have {vectors.dim} numbers, the embedding {dim}")
    bound = (3 / dim) ** 0.5
    rows = torch.zeros(len(layout.words), dim)
    index = {} if vectors is None else {word: row for row, word in enumerate(vectors.words)}
    places = [index.get(word, -1) for word in layout.words]
    places[:2] = -1, -1
    drawn = [row for row, place in enumerate(places) if place < 0 and row]
    found = [row for row, place in enumerate(places) if place >= 0]
    rows[drawn] = torch.empty(len(drawn), dim).uniform_(-bound, bound, generator=generator)
    if found:
        rows[found] = torch.from_numpy(vectors.matrix[[places[row] for row in found]])
    return rows, sum(row < layout.trained_words for row in drawn) - 1
