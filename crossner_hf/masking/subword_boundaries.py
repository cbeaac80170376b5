"""Which tokens of a tokenizer begin words, read from tables over its vocabulary without a loop over text."""

import json
import re
import unicodedata
from typing import Any, NamedTuple

import numpy as np
from tokenizers import Tokenizer

BYTE_TOKEN = re.compile("<0x([0-9A-F]{2})>")  # by which SentencePiece writes bytes of characters it does not know


class TokenBoundaries(NamedTuple):
    """Tables over token ids, all (vocabulary,) bool.

    There is no word boundary between two tokens if the second may continue a word and the characters that meet are
    letters, marks or digits. WordPiece marks tokens that continue a word with `##`; of a word-level vocabulary none
    does; elsewhere every token may, and the space beside a word is a character of its token.

    Attributes:
        may_continue: The token may continue a word.
        first: It begins with a letter, mark or digit.
        last: It ends with one.
        blank: It consists of spaces.
    """

    may_continue: np.ndarray
    first: np.ndarray
    last: np.ndarray
    blank: np.ndarray

    def joined(self, before: np.ndarray, after: np.ndarray) -> np.ndarray:
        """Say where there is no word boundary between a token of `before` and the one of `after` that follows it."""
        return self.may_continue[after] & self.first[after] & self.last[before]

    def word_starts(self, ids: np.ndarray) -> np.ndarray:
        """Mark each token that begins a word, (rows, time). A sign is a word; spaces belong to the next word."""
        starts = np.ones(ids.shape, dtype=bool)
        before, after = ids[:, :-1], ids[:, 1:]
        starts[:, 1:] = ~self.joined(before, after) & ~self.blank[before]
        return starts


def token_boundaries(backend: Tokenizer) -> TokenBoundaries:
    """Build the tables from the backend of a fast tokenizer."""
    model, vocabulary = model_of(backend), backend.get_vocab(with_added_tokens=True)
    prefix = {"WordPiece": model.get("continuing_subword_prefix"), "WordLevel": None}.get(model["type"], "")
    suffix = model.get("end_of_word_suffix")
    bytes_of = byte_characters() if '"ByteLevel"' in json.dumps(json.loads(backend.to_str())["decoder"]) else {}
    tables = TokenBoundaries(*np.zeros((4, max(vocabulary.values()) + 1), bool))
    for token, number in vocabulary.items():
        tables.may_continue[number] = prefix is not None and token.startswith(prefix)
        text = token.removeprefix(prefix or "")
        if all(character in bytes_of for character in text):
            text = bytes(bytes_of[character] for character in text).decode("utf-8", "replace")
        fallback = BYTE_TOKEN.fullmatch(token) if model.get("byte_fallback") else None
        if fallback:
            text = bytes.fromhex(fallback[1]).decode("utf-8", "replace")
        if suffix and text.endswith(suffix):
            text = text.removesuffix(suffix) + " "
        text = text.replace("▁", " ")
        tables.first[number], tables.last[number] = _in_word(text[:1]), _in_word(text[-1:])
        tables.blank[number] = not text.strip(" ")
    return tables


def model_of(backend: Tokenizer) -> dict[str, Any]:
    """Give the `model` part of the backend's JSON."""
    model: dict[str, Any] = json.loads(backend.to_str())["model"]
    return model


def _in_word(character: str) -> bool:
    # U+FFFD stands for a part of a character beyond ASCII: no word ends there.
    return character.isalnum() or character == "\ufffd" or unicodedata.category(character or " ").startswith("M")


def byte_characters() -> dict[str, int]:
    """Give the characters by which byte-level BPE writes bytes (GPT-2's table): visible Latin-1, then from 256."""
    visible = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    rest = [byte for byte in range(256) if byte not in set(visible)]
    return {chr(byte): byte for byte in visible} | {chr(256 + i): byte for i, byte in enumerate(rest)}
