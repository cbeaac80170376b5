"""Named word splitters: raw text to words with their character offsets.

CrossNER is published as words: punctuation and `'s` stand apart; `well-known`, `U.S.`, `Dr.` and `3,500.50` are whole.
A tagger trained on such words needs raw text split in the same way, so the splitter's name is saved in the model's
config. The meaning of a name never changes; a better pattern gets a new name. The splitters are pre-tokenizers of the
library `tokenizers`. This file imports nothing of the package, because it travels with saved models.
"""

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tokenizers.pre_tokenizers import PreTokenizer

DEFAULT_SPLITTER = "crossner"
SPLITTERS = (DEFAULT_SPLITTER, "whitespace", "bert")

_CHARS = r"[\p{L}\p{M}\p{N}]+"  # \p{M}: accents and vowel signs that are characters of their own
_RUN = rf"{_CHARS}(?:\p{{Cf}}+{_CHARS})*"  # \p{Cf}: soft hyphens and zero-width joiners, kept inside a word only
_WORD = rf"{_RUN}(?:[-\u2010\u2011.]{_RUN}|(?<=\p{{N}}),(?=\p{{N}}){_RUN})*"
_ABBREVIATION_GOES_ON = r"(?![\p{L}\p{M}\p{N}]|\s*\z)"  # the period that ends the text is a word of its own

# The first alternative that matches at a position makes the word there; what no alternative matches is space.
CROSSNER_PATTERN = "|".join(
    (
        r"(?:\p{L}{1,2}\.){2,}(?![\p{L}\p{M}\p{N}])",  # U.S.  e.g.  Ph.D.
        rf"(?:\p{{Lu}}|Dr|Mrs?|Ms|St|Sr|Jr|No|pp?)\.{_ABBREVIATION_GOES_ON}",  # J.  Dr.  pp.
        rf"(?<=[\p{{L}}\p{{M}}\p{{N}}])['\u2019]{_WORD}",  # Turing|'s  O|'Connor  Don|'t
        _WORD,  # Stoke-on-Trent  2,4-D  0.5  Node.js
        r"\.{2,}|-{2,}",
        r"[^\s\p{Cc}\p{Cf}]\p{M}*",  # any other visible character
    )
)


class Word(NamedTuple):
    """A word of a text: `text[start:end] == word.text`, in Python's characters."""

    text: str
    start: int
    end: int


def split_words(text: str, splitter: str = DEFAULT_SPLITTER) -> list[Word]:
    """Split a text into words, in order and without overlap. Every visible character belongs to a word.

    `crossner` also leaves out control characters and, at the edges of words, zero-width ones. The other two splitters
    keep them, so one of their words may consist of a NUL.

    Agreement with CrossNER's test sentences (five domains), put back into running text and split again:

                                           crossner   bert
    F1 of the words' spans                    99.3%  95.9%
    sentences with the same words             87.0%  50.5%
    entities that begin and end at words      98.9%  99.2%

    Whole words reach at most 99.2% of the entities, because CrossNER cuts words where a link ended (`Grammy Award`
    `s`). `crossner` loses another 0.3%, mostly at hyphens (`Oscar` `-nominated`), where CrossNER seldom splits words.
    tests/tagger/test_word_splitter.py measures this on the files in CROSSNER_DATA_DIR.

    Args:
        text: Raw text.
        splitter: `crossner` splits like CrossNER's own files, for languages that put spaces between words;
            `whitespace` is for text that is already split; `bert` is BERT's pre-tokenizer, which separates every
            punctuation mark: `U`, `.`, `S`, `.`

    Returns:
        The words with their offsets in `text`.

    Raises:
        ValueError: For an unknown splitter, and for text with lone surrogates.
    """
    pre_tokenizer = _pre_tokenizer(splitter)
    try:
        return [Word(word, start, end) for word, (start, end) in pre_tokenizer.pre_tokenize_str(text)]
    except UnicodeEncodeError as error:
        raise ValueError(
            f"text has a lone surrogate, {text[error.start]!r}, at character {error.start}: it was decoded wrongly "
            "(text.encode('utf-16', 'surrogatepass').decode('utf-16', 'replace') repairs it)"
        ) from None


@cache
def _pre_tokenizer(splitter: str) -> "PreTokenizer":
    from tokenizers import Regex, pre_tokenizers

    if splitter == "crossner":
        # Inverted: matches of the pattern are kept and the rest is removed.
        return pre_tokenizers.Split(Regex(CROSSNER_PATTERN), behavior="removed", invert=True)
    if splitter == "whitespace":
        return pre_tokenizers.WhitespaceSplit()
    if splitter == "bert":
        return pre_tokenizers.BertPreTokenizer()
    raise ValueError(f"splitter must be one of {', '.join(SPLITTERS)}, got {splitter!r}")
