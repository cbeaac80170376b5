"""What the pieces of a vocabulary are: special ones, and those that begin a word."""

import string

import numpy as np


class Pieces:
    """Tables over the ids of a tokenizer's vocabulary, read once, with no loop over text later.

    special: (vocabulary,) bool
    """

    def __init__(self, tokenizer):
        self.special = np.zeros(max(len(tokenizer), max(tokenizer.get_vocab().values()) + 1), dtype=bool)
        self.special[tokenizer.all_special_ids] = True
        self._tokenizer = tokenizer
        self._tables: tuple[np.ndarray, np.ndarray] | None = None

    def word_starts(self, ids: np.ndarray) -> np.ndarray:
        """True on each piece that begins a word: (rows, time), as `ids`.

        WordPiece marks the others by `##`. Byte-level BPE and SentencePiece mark a space before a word, so there a
        piece of punctuation is a word too, and so is what follows it.
        """
        begins, alone = self._tables or self._make_tables()
        starts = begins[ids]
        starts[:, 1:] |= alone[ids[:, :-1]]
        return starts

    def _make_tables(self) -> tuple[np.ndarray, np.ndarray]:
        vocabulary = self._tokenizer.get_vocab()
        begins, alone = np.zeros_like(self.special), np.zeros_like(self.special)
        if any(piece.startswith("##") for piece in vocabulary):
            for piece, number in vocabulary.items():
                begins[number] = not piece.startswith("##")
        else:
            byte_level = any(piece.startswith("Ġ") for piece in vocabulary)
            for piece, number in vocabulary.items():
                alone[number] = _is_punctuation(piece.lstrip("Ġ" if byte_level else "▁"), byte_level)
                begins[number] = alone[number] or piece.startswith("Ġ" if byte_level else "▁")
        self._tables = begins, alone
        return self._tables


def _is_punctuation(text: str, byte_level: bool) -> bool:
    # Byte-level pieces spell bytes beyond ASCII as letters and signs, of which a sign alone says nothing.
    return bool(text) and all(c in string.punctuation if byte_level else not c.isalnum() for c in text)
