"""Raw text to words with their character offsets, by a splitter that has a name.

CrossNER is published as words: punctuation and `'s` stand apart; `well-known`, `U.S.`, `Dr.` and `3,500.50` are whole.
A tagger trained on such words wants raw text split alike, so the splitter's name is saved in the model's config. What
a name means never changes; a better pattern gets a new name. The splitters are pre-tokenizers of the library
`tokenizers`. This file imports nothing of the package, because it travels with saved models.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tokenizers.pre_tokenizers import PreTokenizer

DEFAULT_SPLITTER = "crossner"

_CHARS = r"[\p{L}\p{M}\p{N}]+"  # \p{M}: accents and vowel signs that are characters of their own
_RUN = rf"{_CHARS}(?:\p{{Cf}}+{_CHARS})*"  # \p{Cf}: soft hyphens and zero-width joiners, kept inside a word only
_WORD = rf"{_RUN}(?:[-\u2010\u2011.]{_RUN}|(?<=\p{{N}}),(?=\p{{N}}){_RUN})*"
_ABBREVIATION_GOES_ON = r"(?![\p{L}\p{M}\p{N}]|\s*\z)"  # the period that ends the text is a word of its own

# The first alternative that fits at a place makes the word there; what none fits is space.
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
    """The words of a text, in order and without overlap; no character that shows is left out.

    crossner:   like CrossNER's own words, for languages that put spaces between words
    whitespace: for text that is split already
    bert:       BERT's pre-tokenizer, which parts every punctuation mark: `U`, `.`, `S`, `.`

    Besides white space, `crossner` leaves out control characters and, at the edges of words, zero-width ones; the other
    two keep them, so that a word of theirs may consist of a NUL.

    CrossNER's test sentences (five domains), put back into running text and split again:

                                           crossner   bert
    F1 of the words' spans                    99.3%  95.9%
    sentences with the same words             87.0%  50.5%
    entities that begin and end at words      98.9%  99.2%

    Whole words cannot reach more than 99.2% of the entities, as CrossNER cuts words where a link ended (`Grammy Award`
    `s`). `crossner` loses another 0.3%, mostly to hyphens (`Oscar` `-nominated`), at which CrossNER seldom parts words.
    Passages of five sentences come out as well as single ones. tests/test_words.py measures all this on the files in
    CROSSNER_DATA_DIR.

    Raises ValueError for an unknown splitter and for text with lone surrogates.
    """
    pre_tokenizer = _pre_tokenizer(splitter)
    try:
        return [Word(word, start, end) for word, (start, end) in pre_tokenizer.pre_tokenize_str(text)]
    except UnicodeEncodeError as error:
        raise ValueError(
            f"text has a lone surrogate, {text[error.start]!r}, at character {error.start}: it was decoded wrongly "
            "(text.encode('utf-16', 'surrogatepass').decode('utf-16', 'replace') repairs it)"
        ) from None


def _crossner() -> "PreTokenizer":
    from tokenizers import Regex
    from tokenizers.pre_tokenizers import Split

    # Inverted, the pattern's matches are what is kept and the rest is what is removed.
    return Split(Regex(CROSSNER_PATTERN), behavior="removed", invert=True)


def _whitespace() -> "PreTokenizer":
    from tokenizers.pre_tokenizers import WhitespaceSplit

    return WhitespaceSplit()


def _bert() -> "PreTokenizer":
    from tokenizers.pre_tokenizers import BertPreTokenizer

    return BertPreTokenizer()


SPLITTERS: Mapping[str, Callable[[], "PreTokenizer"]] = {
    "crossner": _crossner,
    "whitespace": _whitespace,
    "bert": _bert,
}


@cache
def _pre_tokenizer(splitter: str) -> "PreTokenizer":
    if splitter not in SPLITTERS:
        raise ValueError(f"splitter must be one of {', '.join(SPLITTERS)}, got {splitter!r}")
    return SPLITTERS[splitter]()
