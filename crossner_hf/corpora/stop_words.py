"""Stop words: the list of the package, or a file of the user."""

import hashlib
from pathlib import Path
from typing import NamedTuple

from crossner_hf.data.lines import numbered_lines

ENGLISH_FILE = Path(__file__).with_name("english_stop_words.txt")


class StopWords(NamedTuple):
    """Words that do not count, in lower case; `name`, for records, is english, none or the name of a file."""

    name: str
    words: frozenset[str] = frozenset()

    def __contains__(self, word: object) -> bool:
        """Say whether `word` is a stop word, whatever its case and its kind of apostrophe."""
        return isinstance(word, str) and _plain(word) in self.words

    def describe(self) -> dict[str, str | int]:
        """Give name, number of words and the checksum of the sorted words, for a record."""
        joined = "\n".join(sorted(self.words))
        digest = hashlib.sha256(joined.encode("utf-8")).hexdigest()
        return {"name": self.name, "words": len(self.words), "sha256": digest}


def stop_words(choice: str) -> StopWords:
    """Give the stop words of 'english', of 'none', or of a UTF-8 file with one word on each line; else a ValueError."""
    if choice == "english":
        lines = ENGLISH_FILE.read_text(encoding="utf-8").splitlines()
        return StopWords(choice, frozenset(word for line in lines if not line.startswith("#") for word in line.split()))
    if choice == "none":
        return StopWords(choice)
    path = Path(choice).expanduser()
    if not path.is_file():
        raise ValueError(f"stop words {choice!r}: no such file; give a file with a word on each line, english or none")
    words: set[str] = set()
    for number, line in numbered_lines(path):
        if len(line.split()) > 1:
            raise ValueError(f"{path}:{number}: expected one word on each line, got {line.strip()[:60]!r}")
        words.update(map(_plain, line.split()))
    if not words:
        raise ValueError(f"{path}: contains no word; to count all words, choose none instead of a file")
    return StopWords(path.name, frozenset(words))


def _plain(word: str) -> str:
    return word.lower().replace("\u2019", "'")
