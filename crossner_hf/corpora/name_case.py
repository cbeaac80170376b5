"""Names of one word that are mostly in lower case in a corpus: common words, such as `Help` or `Air`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np

from crossner_hf.corpora.matching import NameIndex

# Share of a word's occurrences. Of 0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9 and 1, the one with the best mean dev F1
# over the five domains of the gazetteer alone, with counts from Simple English Wikipedia.
MAX_LOWER_CASE = 0.3


class NameCase:
    """Counts how often names of one word occur as they are written, and how often in lower case.

    Names that are in lower case themselves, and those whose lower-case form is a name too, always count.

    Args:
        index: The names of one word and their lower-case forms.
        numbers: The number of each of these names in the gazetteer, (names,).
        forms: The numbers in `index` of each name as written and in lower case, (2, names).
    """

    def __init__(self, index: NameIndex, numbers: np.ndarray, forms: np.ndarray):
        self.index, self.numbers, self.forms = index, numbers, forms

    @classmethod
    def build(cls, names: NameIndex) -> Self | None:
        """Make it for the names of a gazetteer; None if none of them can be judged by its case."""
        every = (names.name(number) for number in range(len(names)))
        words = {name: number for number, name in enumerate(every) if name.isalnum()}
        lower = {name: name.lower() for name in words if name.lower() != name and name.lower() not in words}
        if not lower:
            return None
        index, order = NameIndex.build(list(dict.fromkeys((*lower, *lower.values()))))
        place = {index.name(number): number for number in range(len(order))}
        judged = [name for name in lower if name in place and lower[name] in place]
        forms = np.array([[place[name] for name in judged], [place[lower[name]] for name in judged]])
        return cls(index, np.array([words[name] for name in judged]), forms)

    def save(self, folder: Path) -> None:
        self.index.save(folder)
        np.save(folder / "numbers.npy", self.numbers)
        np.save(folder / "forms.npy", self.forms)

    @classmethod
    def open(cls, folder: Path) -> Self:
        numbers, forms = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("numbers", "forms"))
        return cls(NameIndex.open(folder), np.asarray(numbers), np.asarray(forms))

    def count(self, sentences: Sequence[str]) -> np.ndarray:
        """Count the names as written and in lower case: (2, names); counts of several parts of a corpus add up."""
        return np.bincount(self.index.find_in(sentences).name, minlength=len(self.index))[self.forms]

    def rare(self, counts: np.ndarray, max_lower_case: float = MAX_LOWER_CASE) -> np.ndarray:
        """Return the numbers in the gazetteer of names that do not count, given the sum of what `count` gave.

        A name counts if at most a share `max_lower_case` of its occurrences is in lower case.
        """
        return self.numbers[counts[1] > max_lower_case * counts.sum(axis=0)]
