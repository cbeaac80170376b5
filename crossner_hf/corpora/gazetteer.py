"""Gazetteers: names with their entity types, read from files, saved as arrays, and mapped into memory.

A type belongs to one domain, or, with the domain `*`, to every domain that has it. Of a name with several types the
first counts: types given for the domain at hand before those given for `*`, among them specialised before generic ones,
among them the one that the schema lists first.
"""

import json
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import numpy as np

from crossner_hf.atomic_write import new_folder, write_text
from crossner_hf.corpora.gazetteer_files import ANY_DOMAIN, Entry, check_paths, read_entries
from crossner_hf.corpora.matching import NameIndex
from crossner_hf.corpora.name_case import NameCase
from crossner_hf.corpora.stop_words import stop_words
from crossner_hf.data.sources import sha256_of
from crossner_hf.schema import Domain, get_domain

FORMAT = 1  # of a saved gazetteer
ABOUT_FILE = "gazetteer.json"
TYPES_FILE = "type_sets.npy"
CASE_FOLDER = "case"

# Types whose names are common nouns: titled `Jazz`, and `jazz` in text. With their names in lower case too, the dev F1
# of the gazetteer alone is 31.1 instead of 28.3 (music), 14.8 instead of 13.6 (ai), 31.5 instead of 31.2 (literature)
# and 30.1 instead of 29.9 (science). Enzymes, proteins and programming languages are not here: they lower it.
LOWER_CASE_TYPES = (
    *("algorithm", "chemicalcompound", "chemicalelement", "discipline", "field", "literarygenre", "metrics"),
    *("musicalinstrument", "musicgenre", "task", "theory"),
)


@dataclass(frozen=True)
class About:
    """What a gazetteer was made of.

    Attributes:
        lower_case_types: Types whose names count in lower case too.
        sources: SHA-256 of each file by its name.
        entries: Names with a type that the files hold, repeated ones included.
        drops: How many of them were dropped, by reason.
        type_sets: Types with their domains that names have together.
    """

    lower_case_types: Sequence[str]
    sources: Mapping[str, str]
    entries: int
    drops: Mapping[str, int]
    type_sets: Sequence[Sequence[tuple[str, str]]]


class Gazetteer:
    """Names that are found in text, with their types.

    Args:
        index: The names.
        type_sets: Which of `about.type_sets` each name has, (names,).
        case: Counts names of one word; None if no name can be judged by its case.
        about: What it was made of.
    """

    def __init__(self, index: NameIndex, type_sets: np.ndarray, case: NameCase | None, about: About):
        self.index, self.type_sets, self.case, self.about = index, type_sets, case, about

    @classmethod
    def read(
        cls,
        paths: str | Path | Sequence[str | Path],
        *,
        domains: Sequence[Domain] = (),
        lower_case_types: Sequence[str] = LOWER_CASE_TYPES,
    ) -> Self:
        """Read files, or a folder that `save` wrote; see `gazetteer_files` for their formats.

        Names are brought to NFC, and white space in them to single spaces. Names of one letter, without a letter, and
        stop words are dropped and counted.

        Args:
            paths: One or several files, or one folder.
            domains: Domains of your own that the files name.
            lower_case_types: Types whose names count in lower case too: `Western swing` as `western swing`. A saved
                gazetteer keeps those that it was made with.

        Raises:
            ValueError: A file cannot be read, with path:line, or no name is left.
        """
        several = check_paths([paths] if isinstance(paths, str | Path) else paths)
        if len(several) == 1 and several[0].is_dir():
            return cls.open(several[0])
        drops: Counter[str] = Counter()
        names = _Names(drops, frozenset(lower_case_types))
        for entry in read_entries(several, drops, domains):
            names.add(entry)
        if not names.type_sets:
            reasons = ", ".join(f"{reason}: {number:,}" for reason, number in drops.most_common()) or "they are empty"
            raise ValueError(f"{', '.join(map(str, several))}: no name is left ({reasons})")
        sources = {path.name: sha256_of(path) for path in several}
        about = About(sorted(lower_case_types), sources, names.entries, dict(drops), names.known_sets)
        index, order = NameIndex.build(list(names.type_sets))
        sets = np.fromiter(names.type_sets.values(), np.int32, len(names.type_sets))
        return cls(index, sets[order], NameCase.build(index), about)

    def save(self, folder: str | Path) -> None:
        """Write the gazetteer into a new folder. Raises FileExistsError if it is there and not empty."""
        with new_folder(folder) as part:
            self.index.save(part)
            np.save(part / TYPES_FILE, self.type_sets)
            if self.case:
                (part / CASE_FOLDER).mkdir()
                self.case.save(part / CASE_FOLDER)
            write_text(part / ABOUT_FILE, json.dumps({"format": FORMAT, **asdict(self.about)}, ensure_ascii=False))

    @classmethod
    def open(cls, folder: str | Path) -> Self:
        """Map a saved gazetteer into memory; processes share it. ValueError if the folder holds none of this format."""
        path = Path(folder) / ABOUT_FILE
        try:
            about = json.loads(path.read_text(encoding="utf-8"))
            if about.pop("format") != FORMAT:
                raise ValueError("it is of another version of this package")
            index, sets = NameIndex.open(path.parent), np.load(path.with_name(TYPES_FILE), mmap_mode="r")
            case = NameCase.open(path.with_name(CASE_FOLDER)) if path.with_name(CASE_FOLDER).exists() else None
            return cls(index, np.asarray(sets), case, About(**about))
        except (OSError, EOFError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            reason = f"{type(error).__name__}: {error}"
            raise ValueError(f"{folder}: no saved gazetteer that can be read ({reason}); save it again") from error

    def __len__(self) -> int:
        return len(self.index)

    def types_of(self, name: int, domain: str | Domain) -> tuple[str, ...]:
        """Return the types that a name has in a domain, the one that counts first."""
        return self._ordered(int(self.type_sets[name]), domain if isinstance(domain, Domain) else get_domain(domain))

    def type_ids(self, domain: Domain) -> np.ndarray:
        """Return the place among the domain's types of the type that counts, -1 if there is none: (names,) int16."""
        first = [self._ordered(i, domain)[:1] for i in range(len(self.about.type_sets))]
        of_set = np.array([domain.entity_types.index(types[0]) if types else -1 for types in first], np.int16)
        return of_set[self.type_sets]

    def _ordered(self, type_set: int, domain: Domain) -> tuple[str, ...]:
        """The types of a set that count in a domain, in the order of the rule at the top of this file."""
        plain = domain.name.removesuffix("_dedup").removeprefix("sample_")
        pairs = [(t, d) for t, d in self.about.type_sets[type_set] if d in (plain, ANY_DOMAIN)]
        places = {
            (d == ANY_DOMAIN, t in domain.generic_types, domain.entity_types.index(t)): t
            for t, d in pairs
            if t in domain.entity_types
        }
        return tuple(dict.fromkeys(places[key] for key in sorted(places)))


class _Names:
    """Distinct names with the numbers of their sets of types; most names share few sets."""

    def __init__(self, drops: Counter[str], lower_case_types: frozenset[str]):
        self.drops, self.entries, self._stop_words = drops, 0, stop_words("english")
        self.lower_case_types = lower_case_types
        self.type_sets: dict[str, int] = {}  # name to number
        self.known_sets: list[tuple[tuple[str, str], ...]] = []
        self._numbers: dict[tuple[tuple[str, str], ...], int] = {}

    def add(self, entry: Entry) -> None:
        self.entries += 1
        name = unicodedata.normalize("NFC", " ".join(entry.name.split()))
        typed = (entry.entity_type, entry.domain)
        reason = self._reason_to_drop(name)
        if not reason and typed in self._types(name):
            reason = "repeated"
        if reason:
            self.drops[reason] += 1
            return
        self._put(name, typed)
        if entry.entity_type in self.lower_case_types and name[:1].isupper() and name[1:2].islower():
            first, space, rest = name.partition(" ")
            self._put(f"{first.lower()}{space}{rest}", typed)

    def _types(self, name: str) -> tuple[tuple[str, str], ...]:
        return self.known_sets[self.type_sets[name]] if name in self.type_sets else ()

    def _put(self, name: str, typed: tuple[str, str]) -> None:
        types = tuple(sorted({*self._types(name), typed}))
        if types not in self._numbers:
            self._numbers[types] = len(self.known_sets)
            self.known_sets.append(types)
        self.type_sets[name] = self._numbers[types]

    def _reason_to_drop(self, name: str) -> str:
        """Why a name is never looked for; empty for a good one."""
        if not any(map(str.isalpha, name)):
            return "digits or punctuation alone" if name else "blank"
        if len(name) == 1:
            return "one letter"
        return "stop word" if name in self._stop_words else ""
