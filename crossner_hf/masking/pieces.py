"""What the pieces of a vocabulary are: special ones, and those that begin a word."""

import string
import unicodedata

import numpy as np

MARKS = WORDPIECE, BYTE_LEVEL, SENTENCEPIECE = "##", "Ġ", "▁"
BYTE_LEVEL_SEPARATE = frozenset(string.punctuation + "ĉĊč")  # these three: tab, line feed, carriage return


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
        piece of punctuation or of line breaks is a word too, and so is what follows it.
        """
        begins, alone = self._tables or self._make_tables()
        starts = begins[ids]
        starts[:, 1:] |= alone[ids[:, :-1]]
        return starts

    def _make_tables(self) -> tuple[np.ndarray, np.ndarray]:
        vocabulary = self._tokenizer.get_vocab()
        begins, alone = np.zeros_like(self.special), np.zeros_like(self.special)
        # By their number: RoBERTa's vocabulary has `##` and `####` too, for what they stand for.
        mark = max(MARKS, key=lambda mark: sum(piece.startswith(mark) for piece in vocabulary))
        for piece, number in vocabulary.items():
            if mark == WORDPIECE:
                begins[number] = not piece.startswith(mark)
            else:
                alone[number] = _is_separate(piece.lstrip(mark), mark == BYTE_LEVEL)
                begins[number] = alone[number] or piece.startswith(mark)
        self._tables = begins, alone
        return self._tables


def _is_separate(text: str, byte_level: bool) -> bool:
    """Whether these are nothing but punctuation, signs and line breaks."""
    if byte_level:  # it spells bytes beyond ASCII as letters and signs, of which a sign alone says nothing
        return bool(text) and all(c in BYTE_LEVEL_SEPARATE for c in text)
    return bool(text) and all(unicodedata.category(c)[0] not in "LMN" for c in text)
