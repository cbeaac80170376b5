"""Links of wiki pages: where they stand in sentences, and in which words they are mentions of their targets."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from typing import TypedDict

from crossner_hf.concepts.concept_names import phrases_in_lower_case
from crossner_hf.corpora.wikitext import Link


class PlacedLink(TypedDict):
    """Characters [start, end) of a sentence of a page that link to a title."""

    sentence: int
    start: int
    end: int
    target: str


def place_links(text: str, links: Iterable[Link], sentences: Sequence[str]) -> list[PlacedLink]:
    """Place the links of a text in its sentences.

    A sentence that was cleaned, so that it does not stand in the text as it is, has no links.

    Args:
        text: The text of a page.
        links: Its links.
        sentences: Its sentences in order.
    """
    inside = sorted((link.start, link) for link in links if link.start is not None and link.anchor)
    starts = [start for start, _ in inside]
    placed: list[PlacedLink] = []
    cursor = 0
    for number, sentence in enumerate(sentences):
        begin = text.find(sentence, cursor)
        if begin < 0:
            continue
        cursor = begin + len(sentence)
        for start, link in inside[bisect_left(starts, begin) : bisect_left(starts, cursor)]:
            if start + len(link.anchor) <= cursor:
                first = start - begin
                placed.append(
                    {"sentence": number, "start": first, "end": first + len(link.anchor), "target": link.target}
                )
    return placed


def linked_phrases(anchor: str, target: str, titles: Mapping[str, list[str]]) -> list[str] | None:
    """Give the phrases of a link's target if its anchor is a mention of it.

    Args:
        anchor: The words that link.
        target: A title.
        titles: The phrases of all titles that have any.

    Returns:
        Phrases; an empty list for words of which nothing is known; None where names decide, because the target is not
        known, or the anchor is in lower case and no abstract concept.
    """
    phrases = titles.get(target)
    if not phrases:
        return None
    return phrases if anchor != anchor.lower() else phrases_in_lower_case(anchor, phrases)
