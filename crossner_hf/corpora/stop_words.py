"""Stop words: the list that comes with the package, or a file of the user's."""

import hashlib
from pathlib import Path
from typing import NamedTuple

from crossner_hf.data.conll import numbered_lines

# The English stop list of the Snowball project (snowballstem.org/algorithms/english/stop.txt; Martin Porter and Richard
# Boulton, BSD licence): 174 words. `us`, `will`, `can`, `may`, `must` and `might` are not among them, for they mean
# other things too.
SNOWBALL = """
a about above after again against all am an and any are as at be because been before being below between both but by
cannot could did do does doing down during each few for from further had has have having he her here hers herself him
himself his how i if in into is it its itself me more most my myself no nor not of off on once only or other ought our
ours ourselves out over own same she should so some such than that the their theirs them themselves then there these
they this those through to too under until up very was we were what when where which while who whom why with would you
your yours yourself yourselves
i'm you're he's she's it's we're they're i've you've we've they've i'd you'd he'd she'd we'd they'd i'll you'll he'll
she'll we'll they'll isn't aren't wasn't weren't hasn't haven't hadn't doesn't don't didn't won't wouldn't shan't
shouldn't can't couldn't mustn't let's that's who's what's here's there's when's where's why's how's
"""

# What is left of those contractions where words are split as CrossNER's (`'s`, or `'` `s`; `didn` `'t`) or CoNLL-2003's
# (`did` `n't`). Not `don`, `won` and `haven`, which are words of their own.
PARTS = """
's 't 'm 'd 'll 're 've n't s t ll re ve
isn aren wasn weren hasn hadn doesn didn wouldn shan shouldn couldn mustn
"""


class StopWords(NamedTuple):
    """Words that do not count, in lower case. `name`, for records, is english, none or the name of a file."""

    name: str
    words: frozenset[str] = frozenset()

    def __contains__(self, word: object) -> bool:
        """Whether it is one of them, whatever its case and its kind of apostrophe."""
        return isinstance(word, str) and plain(word) in self.words

    def describe(self) -> dict[str, str | int]:
        """For a record: name, number of words, and the checksum of the words in order."""
        joined = "\n".join(sorted(self.words))
        return {
            "name": self.name,
            "words": len(self.words),
            "sha256": hashlib.sha256(joined.encode("utf-8")).hexdigest(),
        }


def plain(word: str) -> str:
    return word.lower().replace("\u2019", "'")


def stop_words(choice: str) -> StopWords:
    """'english', 'none', or the words of a UTF-8 file with one a line.

    Raises ValueError where there is no such file, and with path:line where it cannot be read as such a list.
    """
    if choice == "english":
        return StopWords(choice, frozenset((SNOWBALL + PARTS).split()))
    if choice == "none":
        return StopWords(choice)
    path = Path(choice).expanduser()
    if not path.is_file():
        raise ValueError(f"stop words {choice!r}: no such file; give a file with a word a line, or english, or none")
    found = set()
    for number, line in numbered_lines(path):
        if len(line.split()) > 1:
            raise ValueError(f"{path}:{number}: expected one word a line, got {line.strip()[:60]!r}")
        found.update(map(plain, line.split()))
    if not found:
        raise ValueError(f"{path}: holds no word; to count all words, choose none instead of a file")
    return StopWords(path.name, frozenset(found))
