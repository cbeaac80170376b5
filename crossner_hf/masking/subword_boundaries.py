"""Where words begin among the pieces of a tokenizer, from tables over its vocabulary and with no loop over text."""

import json
import unicodedata
from typing import NamedTuple

import numpy as np


class PieceEdges(NamedTuple):
    """For each piece id, all bool: glued, begins with a word character, ends with one, is nothing but spaces.

    glued: may continue a word. Between two pieces there is no word boundary if the second is glued and the characters
    that meet are letters, marks or digits. WordPiece says with `##` which pieces are glued, of whole words none is;
    elsewhere all are, and the space beside a word is a character of its piece.
    """

    glued: np.ndarray
    first: np.ndarray
    last: np.ndarray
    blank: np.ndarray

    def joined(self, before: np.ndarray, after: np.ndarray) -> np.ndarray:
        """True where no word boundary lies between a piece of `before` and the one of `after` that follows it."""
        return self.glued[after] & self.first[after] & self.last[before]

    def word_starts(self, ids: np.ndarray) -> np.ndarray:
        """True on each piece that begins a word: (rows, time), as `ids`. A sign is a word; spaces go with the next."""
        starts = np.ones(ids.shape, dtype=bool)
        before, after = ids[:, :-1], ids[:, 1:]
        starts[:, 1:] = ~self.joined(before, after) & ~self.blank[before]
        return starts


def piece_edges(backend) -> PieceEdges:
    """The tables of a fast tokenizer's backend."""
    model, vocabulary = model_of(backend), backend.get_vocab(with_added_tokens=True)
    prefix = {"WordPiece": model.get("continuing_subword_prefix"), "WordLevel": None}.get(model["type"], "")
    suffix = model.get("end_of_word_suffix")
    bytes_of = byte_characters() if '"ByteLevel"' in json.dumps(json.loads(backend.to_str())["decoder"]) else {}
    edges = PieceEdges(*np.zeros((4, max(vocabulary.values()) + 1), bool))
    for piece, number in vocabulary.items():
        edges.glued[number] = prefix is not None and piece.startswith(prefix)
        shown = piece.removeprefix(prefix or "")
        if all(character in bytes_of for character in shown):
            shown = bytes(bytes_of[character] for character in shown).decode("utf-8", "replace")
        if suffix and shown.endswith(suffix):
            shown = shown.removesuffix(suffix) + " "
        shown = shown.replace("▁", " ")
        edges.first[number], edges.last[number] = _in_word(shown[:1]), _in_word(shown[-1:])
        edges.blank[number] = not shown.strip(" ")
    return edges


def model_of(backend) -> dict:
    """The `model` part of the backend's JSON."""
    return json.loads(backend.to_str())["model"]


def _in_word(character: str) -> bool:
    # U+FFFD stands for a part of a character beyond ASCII: no word ends there.
    return character.isalnum() or character == "\ufffd" or unicodedata.category(character or " ").startswith("M")


def byte_characters() -> dict[str, int]:
    """The characters by which byte-level BPE writes bytes (GPT-2's table): visible Latin-1 as it is, then from 256."""
    visible = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    rest = [byte for byte in range(256) if byte not in set(visible)]
    return {chr(byte): byte for byte in visible} | {chr(256 + i): byte for i, byte in enumerate(rest)}
