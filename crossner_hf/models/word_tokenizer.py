"""A tokenizer whose tokens are words and their bytes, for the models over word vectors."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
import torch
from tokenizers import Encoding, normalizers
from torch import Tensor
from transformers import BatchEncoding, PreTrainedTokenizerFast
from transformers.utils import PaddingStrategy

MAX_WORD_BYTES = 32
_LOWER = normalizers.Lowercase()
_PLUS_ONE = bytes((byte + 1) % 256 for byte in range(256))  # UTF-8 has no byte 255


def lower_case(word: str) -> str:
    """Give a word in lower case, letter by letter: Python's `lower` looks at the neighbours of a sigma."""
    return _LOWER.normalize_str(word)


class WordTokenizer(PreTrainedTokenizerFast):
    """Turn words, given as such or separated by white space, into ids; unknown words into `[UNK]`.

    If the option `lower_case_unknown` is set, a word that is unknown as it stands is looked up in lower case.

    It also gives `char_ids`: for each word its UTF-8 bytes plus 1, so that 0 is padding, cut at `max_word_bytes`. They
    are those of the original text with its case, even if ids are looked up in lower case. Tensors are
    (batch, time, chars), where chars is the longest word of the batch.
    """

    # No __init__: transformers would rebuild the tokenizer as an empty one (convert_to_native_format), so options are
    # read from init_kwargs.
    model_input_names = ["input_ids", "char_ids", "attention_mask"]

    @property
    def max_word_bytes(self) -> int:
        """Bytes after which a word is cut."""
        return self.init_kwargs.get("max_word_bytes", MAX_WORD_BYTES)

    def _encode_plus(
        self,
        text: Any,
        text_pair: Any = None,
        *,
        is_split_into_words: bool = False,
        padding_strategy: PaddingStrategy = PaddingStrategy.DO_NOT_PAD,
        return_tensors: str | None = None,
        **kwargs: Any,
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
        sentence_of_row = encoded.get("overflow_to_sample_mapping", range(len(sentences)))
        rows = [
            _words(sentences[sentence], encoding, is_split_into_words)
            for sentence, encoding in zip(sentence_of_row, encoded.encodings, strict=True)
        ]
        encoded["input_ids"] = list(map(self._ids, encoded["input_ids"], rows))
        char_ids: Any = [
            [list(word.encode()[: self.max_word_bytes].translate(_PLUS_ONE)) for word in words] for words in rows
        ]
        if return_tensors or padding_strategy != PaddingStrategy.DO_NOT_PAD:
            array = _rectangle(char_ids, max(map(len, char_ids), default=0))
            char_ids = array if return_tensors else array.tolist()
        columns = {**encoded, "char_ids": char_ids}
        if not batched and not return_tensors and "overflow_to_sample_mapping" not in encoded:
            columns = {name: rows[0] for name, rows in columns.items()}
        return BatchEncoding(columns, encoded.encodings, tensor_type=return_tensors)

    def _ids(self, ids: list[int], words: list[str]) -> list[int]:
        """Look unknown words up in lower case if that is wanted; the word `[PAD]` of a text is unknown."""
        unknown, lower = self.unk_token_id, self.init_kwargs.get("lower_case_unknown", False)
        for place, word in enumerate(words):
            if word and ids[place] in (unknown, self.pad_token_id):
                row = self.backend_tokenizer.token_to_id(lower_case(word)) if lower else None
                ids[place] = unknown if row is None else row
        return ids

    def pad(
        self, encoded_inputs: Any, padding: Any = True, max_length: int | None = None, **kwargs: Any
    ) -> BatchEncoding:
        """Pad as every tokenizer does; if no sentence of a batch has a word, pad to one position."""
        if isinstance(encoded_inputs, list | tuple) and encoded_inputs:
            encoded_inputs = {name: [row[name] for row in encoded_inputs] for name in encoded_inputs[0]}
        columns = dict(encoded_inputs)
        char_ids, ids = columns.pop("char_ids", None), columns.get("input_ids")
        if padding in (True, "longest") and ids is not None and len(ids) and all(_is_empty(row) for row in ids):
            padding, max_length = "max_length", 1
        padded = super().pad(columns, padding, max_length, **kwargs)
        if char_ids is not None:
            side = kwargs.get("padding_side") or self.padding_side
            is_padded = padding not in (False, "do_not_pad")
            padded["char_ids"] = _padded_like(padded["input_ids"], char_ids, side) if is_padded else char_ids
        return padded


def _words(sentence: Any, encoding: Encoding, is_split_into_words: bool) -> list[str]:
    """Give the word of the original text at each position; padding has none."""
    if is_split_into_words:
        places = zip(encoding.word_ids, encoding.offsets, strict=True)
        return ["" if word is None else sentence[word][start:end] for word, (start, end) in places]
    return [sentence[start:end] for start, end in encoding.offsets]  # padding has the offsets (0, 0)


def _is_empty(row: Any) -> bool:
    return hasattr(row, "__len__") and len(row) == 0


def _padded_like(ids: Any, char_ids: Any, side: str) -> Any:
    """Pad the bytes of one sentence or of a batch to the shape of `ids`, as a list, array or tensor as they are."""
    is_batch = len(ids) > 0 and (isinstance(ids[0], list) if isinstance(ids, list) else ids.ndim == 2)
    array = _rectangle(char_ids if is_batch else [char_ids], len(ids[0]) if is_batch else len(ids), left=side == "left")
    array = array if is_batch else array[0]
    if isinstance(ids, list):
        return array.tolist()
    return torch.from_numpy(array) if isinstance(ids, Tensor) else array


def _rectangle(rows: Sequence[Sequence[Sequence[int]]], time: int, left: bool = False) -> np.ndarray:
    """Turn rows of words of bytes into (rows, time, longest word); zeros after bytes and after (left: before) words."""
    lengths = np.zeros((len(rows), time), dtype=np.int64)
    for filled, words in zip(lengths, rows, strict=True):
        if len(words):
            filled[time - len(words) if left else 0 :][: len(words)] = [len(word) for word in words]
    array = np.zeros((len(rows), time, max(1, lengths.max(initial=1))), dtype=np.int64)
    values = chain.from_iterable(chain.from_iterable(rows))
    array[np.arange(array.shape[2]) < lengths[..., None]] = np.fromiter(values, np.int64, lengths.sum())
    return array
