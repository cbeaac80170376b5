"""Names and what they are: titles with the phrases of their first sentences, cleaned of what misleads.

Wikipedia's first sentences say what each title is. A title is no good name where it is a common word ("Back" is a
novel), where it needs its brackets ("Asia (magazine)"), or where its phrase says nothing ("name", "kind").
"""

import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from crossner_hf.concepts.concept_words import (
    ABSTRACT_HEADS,
    ABSTRACT_HEADS_OF_SEVERAL_WORDS,
    DEMONYM,
    MONTHS,
    NO_DEMONYMS,
    PLACE_HEADS,
    PLAIN_ADJECTIVES,
    RELATIONS,
    TIMES,
    TOO_COMMON,
    VAGUE_HEADS,
)
from crossner_hf.corpora.definitions import Definition, head_of
from crossner_hf.corpora.matching import NameIndex

NATIONALITY = "nationality"
BRACKETS = re.compile(r"\s*\([^)]*\)$")
OF_YEAR = re.compile(r"(?:[A-Z]\w+ )?\d{4} (?:.*[^a-z ]\S* )?((?!in |of )(?:[a-z][a-z-]+ )*[a-z][a-z-]{3,})")
YEAR_NAME = re.compile(
    rf"(?<!\w)(?:(?:{'|'.join(sorted(MONTHS))}) )?"
    r"(?:1[5-9]|20)\d\d(?: [A-Z][\w.'-]*)* ([a-z][a-z-]+(?: [a-z][a-z-]+){0,2})"
)
MAX_PHRASE_WORDS = 4


@dataclass(frozen=True)
class NameRules:
    """Which titles are names.

    Args:
        max_lower_case: A one-word name may be written in lower case in at most this share of its uses.
        min_capitals: It must be written with a capital so often inside sentences.
        max_uses: An abstract concept in lower case ("jazz") may have so many uses; commoner words are no concepts.
        min_demonyms: So many first sentences must begin their phrase with a word ("American") for a nationality.
        min_years: So many titles must name something by its year ("1997 Irish general election") for other years to
            name one too.
    """

    max_lower_case: float = 0.1
    min_capitals: int = 2
    max_uses: int = 4_000
    min_demonyms: int = 12
    min_years: int = 3


class TitlePhrases(NamedTuple):
    """A page's name and what its first sentence says it is."""

    name: str  # the title without brackets
    needs_brackets: bool
    phrases: tuple[str, ...]


class ConceptNames:
    """Names found in text, with their phrases.

    Args:
        index: The names.
        phrases: The phrases of each name; none for words that are neither a mention nor outside.
        in_running_text: Whether each name counts outside quotation marks and its own page, (names,) bool.
        of_years: What a year names ("general election"): with it "2005 general election" is a name too.
    """

    def __init__(
        self,
        index: NameIndex,
        phrases: list[list[str]],
        in_running_text: np.ndarray,
        of_years: Collection[str] = (),
    ):
        self.index, self.phrases, self.in_running_text = index, phrases, in_running_text
        self.of_years = frozenset(of_years)

    def save(self, folder: Path) -> None:
        """Write into an existing folder."""
        self.index.save(folder)
        np.save(folder / "in_running_text.npy", self.in_running_text)
        (folder / "phrases.json").write_text(json.dumps(self.phrases), encoding="utf-8")
        (folder / "of_years.json").write_text(json.dumps(sorted(self.of_years)), encoding="utf-8")

    @classmethod
    def open(cls, folder: Path) -> "ConceptNames":
        """Open a saved folder."""
        phrases = json.loads((folder / "phrases.json").read_text(encoding="utf-8"))
        of_years = json.loads((folder / "of_years.json").read_text(encoding="utf-8"))
        return cls(NameIndex.open(folder), phrases, np.load(folder / "in_running_text.npy"), of_years)

    def names_of_years(self, text: str) -> Iterator[tuple[int, int, list[str]]]:
        """Yield (start, end, phrases) of names like "1997 Irish general election" in a text."""
        for match in YEAR_NAME.finditer(text):
            words = match[1].split()
            for number in range(len(words), 0, -1):
                phrase = " ".join(words[:number])
                if phrase in self.of_years:
                    singular = phrase[:-1] if phrase[:-1] in self.of_years else phrase
                    yield match.start(), match.start(1) + len(phrase), [singular]
                    break


def title_phrases(title: str, definition: Definition | None) -> TitlePhrases:
    """Give the name of a page and its phrases, none if its definition is missing or vague."""
    name = BRACKETS.sub("", title).strip() or title  # all of "(Ch-Vox)" is in brackets
    raw = (definition.phrase, *definition.others) if definition else ()
    of_year = OF_YEAR.fullmatch(name)  # "1997 Irish general election" says itself what it is
    phrases = dict.fromkeys(filter(None, map(clean_phrase, [of_year[1], *raw] if of_year else raw)))
    return TitlePhrases(name, name != title, tuple(phrases))


def clean_phrase(phrase: str) -> str | None:
    """Give the phrase in lower case without names ("American"); None if it says nothing."""
    words = [word.lower() for word in phrase.split() if not word[:1].isupper() and not _says_nothing(word)]
    if not 1 <= len(words) <= MAX_PHRASE_WORDS or not re.fullmatch(r"[a-z][a-z' -]+", " ".join(words)):
        return None
    clean = " ".join(words)
    if clean.endswith(" of"):  # "branch of the United States Armed Forces"
        return None
    is_relation = " of " in clean
    head = head_of(clean)
    return None if (head not in RELATIONS if is_relation else head in VAGUE_HEADS) else clean


def _says_nothing(word: str) -> bool:
    return word.lower() in PLAIN_ADJECTIVES or any(character.isdigit() for character in word)


def demonyms(first_words: Mapping[str, int], places: Iterable[str], rules: NameRules) -> set[str]:
    """Find nationalities: words with which many phrases begin ("American singer"), by their endings."""
    no_demonyms = {*NO_DEMONYMS, *places}
    return {
        word
        for word, number in first_words.items()
        if number >= rules.min_demonyms and DEMONYM.fullmatch(word) and word not in no_demonyms
    }


def build_names(
    pages: Iterable[TitlePhrases],
    lower: Mapping[str, int],
    capital: Mapping[str, int],
    first_words: Mapping[str, int],
    rules: NameRules,
) -> ConceptNames:
    """Choose the names of pages.

    Args:
        pages: All pages.
        lower: Uses of each word, in lower case, inside sentences.
        capital: The same with a capital.
        first_words: How often phrases of definitions begin with a capitalised word.
        rules: Which titles are names.

    Raises:
        ValueError: There is no name.
    """
    senses: dict[str, list[TitlePhrases]] = {}
    for page in pages:
        if page.phrases and page.name:
            senses.setdefault(page.name, []).append(page)
    chosen: dict[str, tuple[list[str], bool]] = {}
    for name, several in senses.items():
        phrases = _usual(several)
        if phrases is None:
            continue
        needs_brackets = all(page.needs_brackets for page in several)
        counts = _counts_in_text(name, needs_brackets, lower, capital, rules)
        chosen[name] = (phrases, counts)
        small = name[:1].lower() + name[1:]
        if _is_small_concept(small, lower, rules):
            of_small = phrases_in_lower_case(small, phrases)
            if of_small is not None:
                chosen.setdefault(small, (of_small, True))
    places = [name for name, (phrases, _) in chosen.items() if phrases and head_of(phrases[0]) in PLACE_HEADS]
    for word in demonyms(first_words, places, rules):
        chosen[word] = ([NATIONALITY], True)
    chosen = {" ".join(name.split()): value for name, value in chosen.items() if "\x00" not in name}
    if not chosen:
        raise ValueError('no page of the source says what its title is ("X is a …"); concepts need such pages')
    names = list(chosen)
    index, order = NameIndex.build(names)
    of_names = [chosen[names[i]][0] for i in order.tolist()]
    in_running_text = np.array([chosen[names[i]][1] for i in order.tolist()], dtype=bool)
    return ConceptNames(index, of_names, in_running_text, _of_years(senses, rules))


def phrases_in_lower_case(name: str, phrases: list[str]) -> list[str] | None:
    """Give the phrases of an abstract concept ("jazz"); none for "sea lion", a name to some; None for other words."""
    heads = ABSTRACT_HEADS_OF_SEVERAL_WORDS if " " in name else ABSTRACT_HEADS
    if head_of(phrases[0]) in heads:
        return phrases
    return [] if " " in name else None


def _of_years(names: Iterable[str], rules: NameRules) -> list[str]:
    matches = (OF_YEAR.fullmatch(name) for name in names)
    uses = Counter(match[1] for match in matches if match and clean_phrase(match[1]))
    return [phrase for phrase, number in uses.items() if number >= rules.min_years]


def _usual(pages: list[TitlePhrases]) -> list[str] | None:
    """The phrases of the page without brackets, else those of most pages; None where they disagree."""
    plain = [page for page in pages if not page.needs_brackets] or pages
    heads = Counter(head_of(page.phrases[0]) for page in plain)
    head, number = heads.most_common(1)[0]
    if number * 2 <= len(plain):
        return None
    return list(next(page.phrases for page in plain if head_of(page.phrases[0]) == head))


def _counts_in_text(
    name: str, needs_brackets: bool, lower: Mapping[str, int], capital: Mapping[str, int], rules: NameRules
) -> bool:
    words = name.split()
    if needs_brackets and len(words) == 1:
        return False
    if len(words) == 1:
        small = name.lower()
        if len(name) < 3 or name in TIMES or small in TOO_COMMON or not name[:1].isupper():
            return False
        uses = capital.get(small, 0)
        return uses >= rules.min_capitals and lower.get(small, 0) <= rules.max_lower_case * uses
    if words[0] in TIMES and any(word.isdigit() for word in words):
        return False
    others = [word for word in words[1:] if word[:1].isalpha()]
    return any(word[:1].isupper() for word in others) or not all(
        lower.get(word.lower(), 0) > capital.get(word.lower(), 0) for word in words
    )


def _is_small_concept(name: str, lower: Mapping[str, int], rules: NameRules) -> bool:
    words = name.split()
    if not all(word.islower() or not word[:1].isalpha() for word in words):
        return False
    return len(words) > 1 or (name not in TOO_COMMON and 0 < lower.get(name, 0) < rules.max_uses)
