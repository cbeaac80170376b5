"""Sentences of a document: cleaned of what extraction leaves, split, and each drop with its reason.

Extractors of Wikipedia print headings as short lines, leave brackets whose templates are gone, "Miles Davis (; born )",
and write rows of tables and formulas as text. Sentences are split by sentencex, line by line.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple


@dataclass(frozen=True)
class SentenceRules:
    """Which sentences are kept.

    Args:
        max_heading_words: A line of at most so many words is a heading unless a word in it looks like a verb.
        min_words: Sentences of fewer words are dropped.
        max_characters: Longer sentences are dropped: they are tables or lists.
        min_letter_share: Least share of letters among the characters other than spaces.
    """

    max_heading_words: int = 6
    min_words: int = 3
    max_characters: int = 1_500
    min_letter_share: float = 0.6


class DroppedSentence(NamedTuple):
    """A sentence that is not kept, and why."""

    text: str
    reason: str


DEFAULT_RULES = SentenceRules()

_INVISIBLE = re.compile("[\x00-\x08\x0e-\x1b\x7f\u00ad\u200b\u200e\u200f\u2060\ufeff]+")
_LINE_TAG = re.compile(r"</?(?:br|p|li|div|tr|ul|ol|hr|blockquote)\b[^<>\n]*>", re.IGNORECASE)
_TAG = re.compile(r"</?[A-Za-z][^<>\n]{0,200}>|<!--.*?-->", re.DOTALL)
# Words that stand beside a template alone: "(born )", "(pronounced )", "( or )".
_EMPTY_BRACKET = re.compile(r"\([\s\"',;:/–-]*(?:(?:born|died|pronounced|or|and|also|IPA|from)\b[\s\"',;:/–-]*)*\)")
_BRACKET_START = re.compile(r"\((?:\s*(?:\"\"|[,;:/]|or\b(?= ?[,;])))+\s*|\(\s+")
_BRACKET_END = re.compile(r"[,;:]*\s+[,;:\s]*\)")
_REPEATED_COMMA = re.compile(r" ?[,;](?= ?[,;])")
_SPACE_BEFORE_POINT = re.compile(r"(?<=\S) +(?=[,.;:](?:\s|$))", re.MULTILINE)
_MARKUP = ("{{", "}}", "[[", "]]", "{|", "|}", "||", '="', "http://", "https://", "Category:")
# Of one character where that suffices: it is found five times faster.
_MARKS = ("{", "}", "[[", "]]", "|", "=", "://", "Category:", "formula_", '""')
# Of a formula's template, or of a title's: "starred in "" (1999)".
_LOST_CONTENT = re.compile(r'\bformula_\d|(?<!\S)\(?""(?![\w"])')
_MARKUP_STARTS = "|!=*#"
_SENTENCE_END = re.compile(r"[.!?…。:;][\"'”’»)\]]*$")
_PLAIN = bytes([*range(0x20, 0x7F), 0x0A])
_NOT_LETTERS = bytes(c for c in range(128) if not chr(c).isalpha())

# Words that make a short line a sentence. No form that is also a common noun of headings ("works", "uses", "left").
_VERBS = re.compile(
    r"\b(?:is|are|was|were|be|been|has|have|had|can|could|will|would|may|might|must|should|do|does|did|cannot|\w+n't|"
    r"bec(?:a|o)mes?|means?|includes?|contains?|belongs?|consists?|began|begins|came|comes|went|goes|got|gets|gave|gives|"
    r"took|takes|made|makes|led|lost|won|wins|met|wrote|sold|grew|grows|ran|runs|fought|held|sang|said|says|saw|knew|"
    r"knows|kept|found|felt|fell|died|dies|lives?|lived|plays|played|sent|spent|stood|thought|told|wore|ate|brought|built|"
    r"chose|drew|drove|flew|forgot|froze|hid|hit|rose|sat|slept|spoke|taught|threw|understood|lies|lay|occurs?|exists?|"
    r"needs|wants|seems|looks|let|there's|it's|he's|she's|eats?|see)\b"
    r"|^(?:He|She|It|They|We|I|You|This|That|These|Those|There|Who|What|Why|How) (?=\S+ \S)"
    r"|(?<= )[a-z]+ed(?= [a-z0-9])",
)


def split_document(text: str, drops: Counter[str], rules: SentenceRules = DEFAULT_RULES) -> list[str]:
    """Split a document into the sentences to keep, in NFC, with single spaces, without line ends.

    Lines end in a newline, and no sentence goes beyond its line. `drops` counts the other sentences by reason.
    """
    kept, dropped = judge_document(text, rules)
    if dropped:
        drops.update([reason for _, reason in dropped])
    return kept


def judge_document(text: str, rules: SentenceRules = DEFAULT_RULES) -> tuple[list[str], list[DroppedSentence]]:
    """Split a document into sentences; give those to keep and those to drop, each in order."""
    segment = _segmenter()
    text = clean_text(text)
    is_plain = text.isascii() and not text.encode().translate(None, _PLAIN)  # in a sixth of isprintable's time
    may_have_remains = any(map(text.__contains__, _MARKS))  # most documents have none: nothing to search for
    kept: list[str] = []
    dropped: list[DroppedSentence] = []
    for line in text.split("\n"):
        if "  " in line or not (is_plain or line.isprintable()):
            line = " ".join(_INVISIBLE.sub("", line).split())
        if not line or line.isspace():
            continue
        if line.count(" ") <= rules.max_heading_words and _is_heading(line, rules.max_heading_words):
            dropped.append(DroppedSentence(line, "heading"))
            continue
        for sentence in segment("en", line):
            sentence = sentence.strip()
            reason = _reason(sentence, rules)
            if may_have_remains and reason is None:
                reason = _remains(sentence)
            if reason is None:
                kept.append(sentence)
            elif sentence:
                dropped.append(DroppedSentence(sentence, reason))
    return kept, dropped


def clean_text(text: str) -> str:
    """Give the text in NFC, without tags and remains of templates. Lines stay lines; spaces may be double."""
    if not unicodedata.is_normalized("NFC", text):
        text = unicodedata.normalize("NFC", text)
    if "<" in text:
        text = _TAG.sub("", _LINE_TAG.sub("\n", text))
    num_removed = 0
    if "(" in text:
        text, num_removed = _EMPTY_BRACKET.subn("", text)
        text = _BRACKET_START.sub("(", text)
        if " )" in text:
            text = _BRACKET_END.sub(")", text)
    if ", ," in text or "; ;" in text:
        text, num_removed = _REPEATED_COMMA.subn("", text)
    return _SPACE_BEFORE_POINT.sub("", text) if num_removed else text


def _is_heading(line: str, most_words: int) -> bool:
    if line.count(" ") >= most_words or line[-1] in "!?":
        return False
    return line[-1] == ":" or _VERBS.search(line) is None


def _reason(sentence: str, rules: SentenceRules) -> str | None:
    """Say why a sentence is dropped, remains of markup left out."""
    num_spaces = sentence.count(" ")
    if num_spaces + 1 < rules.min_words:
        return "too short"
    if len(sentence) > rules.max_characters:
        return "too long"
    encoded = sentence.encode()
    letter_share = len(encoded.translate(None, _NOT_LETTERS)) / (len(encoded) - num_spaces)
    if letter_share < rules.min_letter_share and not (letter_share > 0.3 and _VERBS.search(sentence)):
        return "few letters"
    if sentence[0] in _MARKUP_STARTS:
        return "markup"
    if sentence[-1] not in ".!?" and not _SENTENCE_END.search(sentence) and not _VERBS.search(sentence):
        return "fragment"
    return None


def _remains(sentence: str) -> str | None:
    if any(map(sentence.__contains__, _MARKUP)):
        return "markup"
    return "lost content" if _LOST_CONTENT.search(sentence) else None


@cache
def _segmenter() -> Callable[[str, str], list[str]]:
    try:
        from sentencex import segment
    except ImportError:
        raise ImportError("sentences are split by sentencex: pip install 'crossner-hf[corpora]'") from None
    return segment
