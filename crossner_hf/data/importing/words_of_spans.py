"""Sentences of words with IOB2 tags, from a text with spans of characters."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import pairwise

from crossner_hf.data.conll import Sentence
from crossner_hf.data.importing.documents import CharacterSpan, ImportOptions, Notes, TextDocument
from crossner_hf.data.importing.tag_schemes import clean_word
from crossner_hf.tagger.iob2 import Span, iob2_tags
from crossner_hf.tagger.word_splitter import Word, split_words

MOST_CHARACTERS = 10_000_000  # of a text: ten of the longest novels
SENTENCE_ENDS = frozenset(".!?…。！？")
CLOSING = frozenset("\"'”’»)]")


def tagged_sentences(document: TextDocument, options: ImportOptions, notes: Notes) -> list[Sentence]:
    """Split a text into sentences of words and give them the tags of its spans.

    A span that cuts a word is extended to the word, or dropped. Of overlapping spans the longest counts, of equally
    long ones the first in the text, of those with the same words the first in the source. No sentence ends in an
    entity.

    Raises:
        ValueError: A span outside its text, or a text of more than MOST_CHARACTERS, with the place.
    """
    if len(document.text) > MOST_CHARACTERS:
        raise ValueError(
            f"{document.where}: a text of {len(document.text):,} characters; at most {MOST_CHARACTERS:,} are one "
            "document: cut it into several"
        )
    words = split_words(document.text, options.splitter) if document.words is None else document.words
    cleaned = [clean_word(word.text) for word in words]
    numbers = [number for number, text in enumerate(cleaned) if text]
    words, texts = [words[number] for number in numbers], [cleaned[number] for number in numbers]
    spans = _without_overlaps(_word_spans(document, words, options, notes), document, words, notes)
    inside = {word for span in spans for word in range(span.start + 1, span.end)}
    if options.sentences == "whole":
        starts: set[int] = set()
    elif document.sentence_starts is not None:
        starts = {new for new, old in enumerate(numbers) if old in document.sentence_starts}
    else:
        starts = _sentence_starts(document.text, words)
    bounds = [0, *sorted(starts - inside - {0}), len(words)]
    tags = iob2_tags(spans, len(words))
    return [Sentence(texts[start:end], tags[start:end]) for start, end in pairwise(bounds) if start < end]


def _word_spans(document: TextDocument, words: Sequence[Word], options: ImportOptions, notes: Notes) -> list[Span]:
    starts, ends = [word.start for word in words], [word.end for word in words]
    spans = []
    for start, end, entity_type in document.spans:
        if not 0 <= start < end <= len(document.text):
            raise ValueError(
                f"{document.where}: the span {start} to {end} ({entity_type}) does not lie in its text of "
                f"{len(document.text):,} characters"
            )
        cut = document.text[start:end]
        start, end = start + len(cut) - len(cut.lstrip()), end - len(cut) + len(cut.rstrip())
        first, last = bisect_right(ends, start), bisect_left(starts, end)
        if start >= end or first >= last:
            notes.add("spans without a word, left out", f"{document.where}: {cut[:40]!r}")
            continue
        whole = document.text[starts[first] : ends[last - 1]]
        if starts[first] < start or ends[last - 1] > end:
            done = "extended to it" if options.cut_words == "extend" else "left out"
            notes.add(f"spans that cut a word, {done}", f"{document.where}: {cut.strip()[:40]!r} of {whole[:40]!r}")
            if options.cut_words == "drop":
                continue
        spans.append(Span(first, last, entity_type))
    return spans


def _without_overlaps(spans: list[Span], document: TextDocument, words: Sequence[Word], notes: Notes) -> list[Span]:
    kept: list[Span] = []
    taken: dict[int, Span] = {}  # word to its entity
    for span in sorted(spans, key=lambda s: (s.start - s.end, s.start)):
        others = {taken[word] for word in range(span.start, span.end) if word in taken}
        if not others:
            kept.append(span)
            taken.update(dict.fromkeys(range(span.start, span.end), span))
        elif others == {span}:
            notes.add("spans given twice, kept once", f"{document.where}: {_shown(span, document, words)}")
        else:
            within = ", ".join(_shown(other, document, words) for other in sorted(others))
            notes.add(
                "overlapping spans left out for a longer or earlier one",
                f"{document.where}: {_shown(span, document, words)} for {within}",
            )
    return sorted(kept)


def _shown(span: Span, document: TextDocument, words: Sequence[Word]) -> str:
    return f"{document.text[words[span.start].start : words[span.end - 1].end][:40]!r} ({span.entity_type})"


def _sentence_starts(text: str, words: Sequence[Word]) -> set[int]:
    """Words after a line end, and words after `.`, `!` or `?` that begin with no small letter.

    The splitter keeps the point of an abbreviation in its word (`Dr.`, `U.S.`), so a point alone ends a sentence.
    """
    starts, ended = set(), False
    for number, (before, word) in enumerate(pairwise(words), start=1):
        between = text[before.end : word.start]
        ended = before.text in SENTENCE_ENDS or (ended and before.text in CLOSING)
        closes = word.text in CLOSING and not between
        if "\n" in between or (ended and between and not closes and not word.text[0].islower()):
            starts.add(number)
            ended = False
    return starts


def utf16_span(span: CharacterSpan, text: str) -> CharacterSpan:
    """Give the span in characters, if `span` counts UTF-16 units as a browser does; for texts with emoji."""
    units = text.encode("utf-16-le")
    start, end = (len(units[: 2 * place].decode("utf-16-le", "ignore")) for place in span[:2])
    return CharacterSpan(start, end, span.entity_type)
