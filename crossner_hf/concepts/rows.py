"""The rows of concept data."""

from typing import NotRequired, TypedDict


class Mention(TypedDict):
    """Words `start` to `end` (exclusive) and the phrases of what they name, the first one the usual."""

    start: int
    end: int
    phrases: list[str]


class ConceptRow(TypedDict):
    """A sentence of concept data: words, mentions, and the words of which it is not known what they are.

    `labelled`: people labelled it, with the types of a domain.
    """

    tokens: list[str]
    mentions: list[Mention]
    unknown: list[int]
    labelled: NotRequired[bool]


class TextBlock(TypedDict):
    """Tokens of raw text, to be masked; all blocks of a run have one length."""

    input_ids: list[int]
