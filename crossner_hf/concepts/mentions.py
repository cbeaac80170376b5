"""Sentences with their mentions: names found in text, with phrases; words that the loss leaves out."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple
from zlib import crc32

from crossner_hf.concepts.concept_names import NATIONALITY, ConceptNames
from crossner_hf.concepts.concept_words import TIMES
from crossner_hf.concepts.links import PlacedLink, linked_phrases
from crossner_hf.concepts.rows import ConceptRow
from crossner_hf.corpora.raw_sentences import stretches
from crossner_hf.tagger.word_splitter import Word, split_words

QUOTED = re.compile(r"[\"“]([^\"“”\n]{1,80})[\"”]")
PRONOUN = re.compile(r"\b(?:He|She|His|Her)\b")
OPENING = 600  # characters of a page in which a pronoun shows that it is about a person


@dataclass(frozen=True)
class SentenceRules:
    """Which sentences become concept data.

    Args:
        min_words, max_words: Their length.
        quotes_kept: Share of quotation marks around titles that stay; CrossNER's text has hardly any.
        single_kept: Share of the sentences with one mention that stay.
    """

    min_words: int = 8
    max_words: int = 50
    quotes_kept: float = 0.2
    single_kept: float = 0.4


class Page(NamedTuple):
    """A document as the first stage leaves it: its name, phrases of its own, its sentences and their links."""

    name: str
    phrases: list[str]
    is_person: bool
    sentences: list[str]
    links: Sequence[PlacedLink] = ()


class _Unquoted(NamedTuple):
    """A sentence without most quotation marks.

    Args:
        text: The text.
        titles: Where titles are that were quoted.
        copied: Stretches of the sentence that stay: first and last character before, first character in the text.
    """

    text: str
    titles: list[tuple[int, int]]
    copied: list[tuple[int, int, int]]

    def place(self, start: int, end: int) -> tuple[int, int] | None:
        """Give the place in the text of characters of the sentence; None if they did not stay together."""
        for first, last, now in self.copied:
            if first <= start and end <= last:
                return start - first + now, end - first + now
        return None


class _Found(NamedTuple):
    """A name in a sentence: characters [start, end), and its phrases; none: known not to be read as a name."""

    start: int
    end: int
    phrases: list[str]


class MentionFinder:
    """Turns the sentences of pages into rows of concept data.

    Args:
        names: The names.
        lower_first: Words that usually begin in lower case, so that a capital at the beginning of a sentence says
            nothing.
        evaluation: What `shared_stretches` gives of the sentences on which models are scored.
        rules: Which sentences are kept.
        titles: Phrases of the titles that links lead to.
    """

    def __init__(
        self,
        names: ConceptNames,
        lower_first: Collection[str],
        evaluation: Collection[int],
        rules: SentenceRules,
        titles: Mapping[str, list[str]] | None = None,
    ):
        self.names, self.lower_first, self.evaluation, self.rules = names, lower_first, evaluation, rules
        self.titles = titles or {}
        self.leaks = 0

    def rows(self, pages: Sequence[Page]) -> Iterator[ConceptRow]:
        """Yield the rows of pages; many pages at once are faster."""
        of_page, texts, linked, quoted = [], [], [], []
        for page in pages:
            links: list[list[PlacedLink]] = [[] for _ in page.sentences]
            for link in page.links:
                links[link["sentence"]].append(link)
            for sentence, of_sentence in zip(page.sentences, links, strict=True):
                if any(key in self.evaluation for key in stretches(sentence)):
                    self.leaks += 1
                    continue
                unquoted = self._without_quotes(sentence)
                of_page.append(page)
                texts.append(unquoted.text)
                linked.append(self._linked(of_sentence, unquoted))
                quoted.append(unquoted.titles)
        named: list[list[_Found]] = [[] for _ in texts]
        matches = self.names.index.find_in(texts, self.names.in_running_text)
        for number, start, end, name in zip(*(column.tolist() for column in matches), strict=True):
            named[number].append(_Found(start, end, self.names.phrases[name]))
        for page, text, of_links, spans, names in zip(of_page, texts, linked, quoted, named, strict=True):
            titles = [_Found(start, end, self._title(text[start:end], page)) for start, end in spans]
            of_years = [_Found(*name) for name in self.names.names_of_years(text)]
            row = self._row(text, _first_win(of_links, titles, _own_names(text, page), of_years, names))
            if row is not None:
                yield row

    def _linked(self, links: Sequence[PlacedLink], unquoted: _Unquoted) -> list[_Found]:
        """The links that are mentions; "American" stays a nationality, wherever it leads to."""
        mentions = []
        for link in links:
            place = unquoted.place(link["start"], link["end"])
            if place is None or any(s < place[1] and place[0] < e and place != (s, e) for s, e in unquoted.titles):
                continue
            anchor = unquoted.text[slice(*place)]
            phrases = linked_phrases(anchor, link["target"], self.titles)
            if phrases is not None and self._known(anchor) != [NATIONALITY]:
                mentions.append(_Found(*place, phrases))
        return mentions

    def _title(self, text: str, page: Page) -> list[str]:
        """The phrases of a quoted title; none if it is no known one."""
        return page.phrases if text == page.name else self._known(text)

    def _known(self, text: str) -> list[str]:
        start, end, name = self.names.index.find(text)
        return self.names.phrases[name[0]] if len(name) == 1 and (start[0], end[0]) == (0, len(text)) else []

    def _without_quotes(self, sentence: str) -> _Unquoted:
        """Take most quotation marks around titles away."""
        parts: list[str] = []
        spans, copied, size, end = [], [], 0, 0
        for match in QUOTED.finditer(sentence):
            title = match[1].strip().rstrip(",.")
            if not title[:1].isupper() or len(title.split()) > 9:
                continue
            keep = _share(sentence, match.start()) < self.rules.quotes_kept
            before = sentence[end : match.start()] + ('"' if keep else "")
            rest = match[1].strip()[len(title) :] + ('"' if keep else "")
            copied.append((end, match.start(), size))
            spans.append((size + len(before), size + len(before) + len(title)))
            first = match.start(1) + len(match[1]) - len(match[1].lstrip())
            copied.append((first, first + len(match[1].strip()), spans[-1][0]))
            parts += [before, title, rest]
            size += len(before) + len(title) + len(rest)
            end = match.end()
        copied.append((end, len(sentence), size))
        return _Unquoted("".join([*parts, sentence[end:]]), spans, copied)

    def _row(self, text: str, found: list[_Found]) -> ConceptRow | None:
        words = split_words(text)
        if not self.rules.min_words <= len(words) <= self.rules.max_words or words[-1].text not in '.!?"':
            return None
        first = {word.start: number for number, word in enumerate(words)}
        behind = {word.end: number + 1 for number, word in enumerate(words)}
        row: ConceptRow = {"tokens": [word.text for word in words], "mentions": [], "unknown": []}
        unknown: set[int] = set()
        inside: set[int] = set()
        for start, end, phrases in found:
            begin, stop = first.get(start), behind.get(end)
            if begin is None or stop is None or not phrases:
                unknown |= {n for n, word in enumerate(words) if word.start < end and word.end > start}
            elif not (begin == 0 and stop == 1 and words[0].text.lower() in self.lower_first):
                row["mentions"].append({"start": begin, "end": stop, "phrases": phrases})
                inside |= set(range(begin, stop))
        unknown |= {number for number, word in enumerate(words) if number not in inside and self._is_name(number, word)}
        row["unknown"] = sorted(unknown - inside)
        return row if self._is_kept(text, row) else None

    def _is_name(self, number: int, word: Word) -> bool:
        if not word.text[:1].isupper() or word.text in TIMES:
            return False
        return number > 0 or word.text.lower() not in self.lower_first

    def _is_kept(self, text: str, row: ConceptRow) -> bool:
        mentions = len(row["mentions"])
        capitals = [number for number in row["unknown"] if row["tokens"][number][:1].isupper()]
        unknown_names = sum(number - 1 not in capitals for number in capitals)
        if not mentions or unknown_names > max(1, mentions // 2):
            return False
        return mentions > 1 or _share(text, -1) < self.rules.single_kept


def _own_names(text: str, page: Page) -> list[_Found]:
    """The name of the page itself, and of a person the last name alone."""
    if not page.phrases:
        return []
    names = [page.name]
    words = page.name.split()
    if page.is_person and 2 <= len(words) <= 4 and all(word[:1].isupper() for word in words):
        names.append(words[-1])
    return [
        _Found(match.start(), match.end(), page.phrases)
        for name in names
        if name in text
        for match in _whole(name).finditer(text)
    ]


@lru_cache(8)
def _whole(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")


def _first_win(*several: list[_Found]) -> list[_Found]:
    """Join names; one that overlaps a name of an earlier list, or an earlier one of its own, goes."""
    kept: list[_Found] = []
    for found in several:
        for name in found:
            if all(name.end <= other.start or name.start >= other.end for other in kept):
                kept.append(name)
    return sorted(kept)


def _share(text: str, number: int) -> float:
    """A number from 0 to 1 that depends on the text alone."""
    return crc32(f"{number} {text}".encode("utf-8", "surrogatepass")) / 2**32
