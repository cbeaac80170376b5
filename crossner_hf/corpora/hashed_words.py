"""The words of a text, with the hashes of all stretches of them.

A word is a run of letters, digits and combining marks, or any other character that is no white space. Hashes are
polynomials over characters modulo 2**64, so that prefix sums give that of any stretch (Karp and Rabin, 1987).
"""

import unicodedata
from functools import cache

import numpy as np

BASE = 0x9E3779B97F4A7C15  # odd, its bits well mixed: 2**64 over the golden ratio (Knuth 6.4)
FINISH = np.uint64(0xD6E8FEB86659FD93)  # odd; spreads the low bits of a hash to the high ones, which address bitmaps
KEPT_POWERS = 1 << 18  # of the base, for texts of up to as many characters
SPACE, LETTER, OTHER = range(3)  # classes of characters

Array = np.ndarray


class HashedWords:
    """The words of a text, once each run of white space in it is one space.

    Attributes:
        codes: Code points, (characters,).
        start, end: Each word's characters [start, end), (words,).
        bytes: The text as UTF-8, (bytes,).
    """

    def __init__(self, text: str):
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
        classes = _classes().take(codes)
        white = classes == SPACE
        again = np.zeros_like(white)
        np.logical_and(white[1:], white[:-1], out=again[1:])
        self._positions = None
        if again.any() or np.count_nonzero(codes == ord(" ")) < np.count_nonzero(white):
            self._positions = np.flatnonzero(~again)
            codes, classes = np.where(white, np.uint32(ord(" ")), codes)[~again], classes[~again]
            text = codes.tobytes().decode("utf-32-le", "surrogatepass")
        self.codes = codes
        letter = classes == LETTER
        edge = np.ones(len(codes) + 1, bool)  # edge[i]: characters i - 1 and i are in different words
        np.logical_not(letter[1:] & letter[:-1], out=edge[1:-1])
        inside = classes != SPACE
        self.start = np.flatnonzero(edge[:-1] & inside)
        self.end = np.flatnonzero(edge[1:] & inside) + 1
        self.bytes = np.frombuffer(text.encode("utf-8", "surrogatepass"), np.uint8)
        further = np.flatnonzero(self.bytes & 0xC0 == 0x80)  # bytes of a character after its first
        self._further_bytes = further - np.arange(len(further))  # behind how many characters each stands
        sums = np.zeros(len(codes) + 1, np.uint64)
        np.multiply(codes, _powers(BASE, len(codes)), out=sums[1:])
        np.cumsum(sums, out=sums)
        self._sum_before, self._sum_behind = sums.take(self.start), sums.take(self.end)
        self._scale = _powers(pow(BASE, -1, 1 << 64), len(codes)).take(self.start)

    @property
    def is_normal(self) -> bool:
        """Whether single spaces are the only white space of the text."""
        return self._positions is None

    def hashes(self, first: Array | slice, last: Array | slice) -> Array:
        """Return the hashes of stretches of words, first and last word included."""
        mixed = self._sum_behind[last] - self._sum_before[first]
        mixed *= self._scale[first]
        mixed ^= mixed >> np.uint64(32)
        mixed *= FINISH
        mixed ^= mixed >> np.uint64(32)
        return mixed

    def position(self, characters: Array) -> Array:
        """Return where these characters are in the original text."""
        return characters if self._positions is None else self._positions[characters]

    def byte(self, characters: Array) -> Array:
        """Return where the bytes of these characters begin."""
        return characters + np.searchsorted(self._further_bytes, characters, side="right")


@cache
def _classes() -> Array:
    """The class of each code point: (0x110000,) uint8."""
    classes = np.full(0x110000, OTHER, np.uint8)
    for code, character in enumerate(map(chr, range(0x110000))):
        if character.isspace():
            classes[code] = SPACE
        elif character.isalnum() or unicodedata.category(character)[0] == "M":
            classes[code] = LETTER
    return classes


def _powers(base: int, number: int) -> Array:
    """The powers of an odd number modulo 2**64 from 0: (number,) uint64."""
    return _some_powers(base)[:number] if number <= KEPT_POWERS else _new_powers(base, number)


@cache
def _some_powers(base: int) -> Array:
    return _new_powers(base, KEPT_POWERS)


def _new_powers(base: int, number: int) -> Array:
    powers = np.full(number, base, np.uint64)
    powers[:1] = 1
    return np.multiply.accumulate(powers)
