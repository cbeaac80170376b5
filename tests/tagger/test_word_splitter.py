"""Splitting raw text into words: examples, what holds for any text, and the agreement with CrossNER's own words."""

import ast
import os
import re
import subprocess
import sys
import time
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crossner_hf.data.conll import Sentence, read_conll
from crossner_hf.schema import DOMAINS
from crossner_hf.tagger import word_splitter
from crossner_hf.tagger.iob2 import spans
from crossner_hf.tagger.word_splitter import DEFAULT_SPLITTER, SPLITTERS, Word, split_words

# Any character of Python's Unicode tables; rare ones that matter here come up often.
TEXT = st.text(
    st.one_of(
        st.sampled_from(
            " \t\r\n\x00\x1c\x85\u00a0\u00ad\u0301\u200b\u200d\u2028\u2019\u3000\ufe0f\ufeff'.,-–()aZéДש漢1²_$👩🚀"
        ),
        st.characters(exclude_categories=["Cs", "Cn"]),  # without surrogates and characters not assigned yet
    )
)


def shows(character: str) -> bool:
    return not character.isspace() and unicodedata.category(character) not in ("Cc", "Cf")


def left_out(text: str, actual: list[Word]) -> str:
    """What lies between the words, which must be in order and not overlap."""
    ends = [0, *(word.end for word in actual)]
    starts = [*(word.start for word in actual), len(text)]
    assert all(end <= start for end, start in zip(ends, starts, strict=True))
    return "".join(text[end:start] for end, start in zip(ends, starts, strict=True))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ludacris's sixth (2006) album, re-issued.", "Ludacris 's sixth ( 2006 ) album , re-issued ."),
        ("Don't tell O'Connor: it's the Beatles' song", "Don 't tell O 'Connor : it 's the Beatles ' song"),
        ("O’Connor’s", "O ’Connor ’s"),
        ("'War Pigs' and the '90s", "' War Pigs ' and the ' 90s"),
        ('"Help!" “Help!”', '" Help ! " “ Help ! ”'),
        (
            "J. R. Smith of the U.S. met Dr. Who, e.g. in St. Paul.",
            "J. R. Smith of the U.S. met Dr. Who , e.g. in St. Paul .",
        ),
        ("She has a Ph.D. from a U.S.A. school", "She has a Ph.D. from a U.S.A. school"),
        ("the U.S.A today, No.1 for J.Smith", "the U.S.A today , No.1 for J.Smith"),
        ("No. 5 on pp. 3 and p. 7", "No. 5 on pp. 3 and p. 7"),
        ("the planet Gliese 581 C.", "the planet Gliese 581 C ."),
        ("He left. Then she came.\nAll slept.", "He left . Then she came . All slept ."),
        ("$3,500.50, 92% or 2,4-D", "$ 3,500.50 , 92 % or 2,4-D"),
        ("in 1999,2000 copies (x,y)", "in 1999,2000 copies ( x , y )"),
        ("Stoke-on-Trent, 1999-2001, 1999–2001", "Stoke-on-Trent , 1999-2001 , 1999 – 2001"),
        ("R&B/soul C++ Node.js a_b", "R & B / soul C + + Node.js a _ b"),
        ("wait... no -- yes", "wait ... no -- yes"),
        ("non\u2011stop", "non\u2011stop"),
        ("cafe\u0301 हिन्दी שלום, עולם", "cafe\u0301 हिन्दी שלום , עולם"),
        ("3\ufe0f\u20e3 ❤\ufe0f👩\u200d🚀!", "3\ufe0f\u20e3 ❤\ufe0f 👩 🚀 !"),
        ("co\u00adoperate می\u200cخواهم", "co\u00adoperate می\u200cخواهم"),
    ],
)
def test_words_are_split_as_in_crossner(text, expected):
    assert [word.text for word in split_words(text, "crossner")] == expected.split(" ")


def test_offsets_count_characters_of_the_raw_text():
    assert split_words("\ufeffé\r\n\t👩\u00a0x's\x00 ") == [("é", 1, 2), ("👩", 5, 6), ("x", 7, 8), ("'s", 8, 10)]


def test_text_without_words_has_none():
    assert all(split_words(text, splitter) == [] for text in ("", " \r\n\t\u00a0\u3000") for splitter in SPLITTERS)
    assert split_words("\x00 \u200b\ufeff") == []


def test_whitespace_gives_back_the_words_that_were_joined():
    tokens = ["The", "Clash", "'", "s", "U.S.", "k-NN", "(", "…", "x,y"]
    assert [word.text for word in split_words(" ".join(tokens), "whitespace")] == tokens


def test_bert_separates_every_punctuation_mark():
    assert [word.text for word in split_words("U.S. k-NN", "bert")] == ["U", ".", "S", ".", "k", "-", "NN"]


@pytest.mark.parametrize("splitter", SPLITTERS)
@given(text=TEXT)
@example(text="a.b.\u200d'\u0301c \u0301\ufe0f.\u2028x.")
def test_words_hold_every_character_that_shows_once_and_in_order(splitter, text):
    actual = split_words(text, splitter)
    assert all(word.text and text[word.start : word.end] == word.text for word in actual)
    assert not any(shows(character) for character in left_out(text, actual))
    assert not any(character in " \t\n\r\u00a0\u3000" for word in actual for character in word.text)


def test_a_character_alone_is_a_word_if_and_only_if_it_shows():
    assigned = [c for c in map(chr, range(0x30000)) if unicodedata.category(c) not in ("Cs", "Cn")]
    actual = [word.text for word in split_words(" ".join(assigned), "crossner")]
    assert actual == [character for character in assigned if shows(character)]


@given(text=TEXT)
def test_crossner_words_begin_and_end_with_a_character_that_shows(text):
    assert all(shows(word.text[0]) and shows(word.text[-1]) for word in split_words(text, "crossner"))


@given(text=TEXT)
def test_words_do_not_depend_on_the_width_of_the_spaces_between_them(text):
    actual = [word.text for word in split_words(text, "crossner")]
    wider = "".join(character + " \n" if character in " \t\n" else character for character in text)
    assert [word.text for word in split_words(wider, "crossner")] == actual


@pytest.mark.parametrize(
    "unit", ["word, ", "a", "a.", "A. ", "1,", "-", "'", "a'", "a\u200d", "\u200d", " ", "\u0301", "👩\u200d"]
)
def test_time_is_linear_in_the_length_of_the_text(unit):
    text = "A." + unit * (2**18 // len(unit)) + "x"  # a quadratic pattern needs minutes for this, ours about 0.2 s
    begin = time.perf_counter()
    actual = split_words(text)
    assert time.perf_counter() - begin < 20
    assert not any(shows(character) for character in left_out(text, actual))


def test_unknown_splitter_is_an_error_that_names_the_known_ones():
    with pytest.raises(ValueError, match="splitter must be one of crossner, whitespace, bert, got 'spacy'"):
        split_words("text", "spacy")


@pytest.mark.parametrize("splitter", SPLITTERS)
def test_lone_surrogate_is_an_error_that_says_where(splitter):
    with pytest.raises(ValueError, match=r"lone surrogate, '\\ud83d', at character 2"):
        split_words("a \ud83d b", splitter)


def test_the_repair_that_the_error_names_works():
    text = "a \ud83d\udc69 b \ud83d"
    assert text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") == "a 👩 b \ufffd"


def test_the_file_can_travel_alone_and_imports_nothing_heavy():
    nodes = list(ast.walk(ast.parse(Path(word_splitter.__file__).read_text(encoding="utf-8"))))
    modules = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    modules |= {"." * node.level + (node.module or "") for node in nodes if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in modules} <= {*sys.stdlib_module_names, "tokenizers"}
    code = "import crossner_hf.tagger.word_splitter, sys; sys.exit('tokenizers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# How far the words agree with CrossNER's own: its sentences are put back into running text and split again.

# Tokens with no space before them: closing marks, `'s`, and what is left over where a link ended: `-based`, `.ref` and
# the plural in `Grammy Award` `s`.
JOINS_LEFT = re.compile(r"[,.;:?!)\]}%/]|\.{2,}|'\w+|-\w\S*|\.[A-Za-z]\w*\.?|s")
# Tokens with no space after them: opening marks, and the `ex-` and `post-` left over where a link began.
JOINS_RIGHT = re.compile(r"[(\[{$£#*°/]|\w+-")


class Agreement(NamedTuple):
    """Shares, 0 to 1: of words and entities by character spans, of sentences with exactly the same words.

    entities:  those that begin where a word begins and end where a word ends
    reachable: those that neither begin nor end between two letters or digits, so that some splitter can find them
    """

    recall: float
    precision: float
    f1: float
    sentences: float
    entities: float
    reachable: float
    num_entities: int


def detokenise(tokens: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
    """Running text and each token's character span in it. No character of a token is changed, only spaces are set."""
    text, places, closed = "", [], True
    joined = True  # no space before the first token
    for i, token in enumerate(tokens):
        before, after = (tokens[i - 1] if i else ""), (tokens[i + 1] if i + 1 < len(tokens) else "")
        left, right = bool(JOINS_LEFT.fullmatch(token)), bool(JOINS_RIGHT.fullmatch(token) or token == "/")
        if token == "s":
            left = before[-1:].isalpha()
        elif token == "+":
            left = before in ("C", "+")  # C++
        elif token == "'" and after == "s":
            left = right = True
        elif token == "'":
            right = closed and _opens_quote(before, tokens[i + 1 :])
            left, closed = not right, not right
        if not joined and not left:
            text += " "
        places.append((len(text), len(text) + len(token)))
        text += token
        joined = right
    return text, places


def _opens_quote(before: str, rest: Sequence[str]) -> bool:
    """Whether an apostrophe opens a quotation: another follows, and it ends neither `Beatles'` nor `Rockin'`."""
    another = any(token == "'" and rest[i + 1 : i + 2] != ["s"] for i, token in enumerate(rest))
    return another and not re.search(r"\w(s|in)$", before)


def agreement(sentences: Iterable[Sentence], split: Callable[[str], Iterable[tuple[int, int]]]) -> Agreement:
    """How well `split`, from a text to its words' character spans, finds the sentences' own words and entities."""
    actual = own = both = same = reached = reachable = total = count = 0
    for tokens, tags in sentences:
        count += 1
        text, places = detokenise(tokens)
        split_places = list(split(text))
        actual, own, both = actual + len(split_places), own + len(places), both + len({*places} & {*split_places})
        same += split_places == places
        starts, ends = {start for start, _ in split_places}, {end for _, end in split_places}
        for first, last, _ in spans(tags):
            start, end = places[first][0], places[last - 1][1]
            total += 1
            reached += start in starts and end in ends
            reachable += not (inside_word(text, start) or inside_word(text, end))
    return Agreement(
        recall=both / own,
        precision=both / actual,
        f1=2 * both / (own + actual),
        sentences=same / count,
        entities=reached / total,
        reachable=reachable / total,
        num_entities=total,
    )


def inside_word(text: str, place: int) -> bool:
    return 0 < place < len(text) and text[place - 1].isalnum() and text[place].isalnum()


def crossner_sentences(folder: Path, file_name: str) -> list[Sentence]:
    """One file of each of the five domains, in the schema's order, read from `folder/<domain>/<file_name>`."""
    return [s for domain in DOMAINS.values() for s in read_conll(folder / domain.name / file_name, domain.labels)]


def split_places(splitter: str) -> Callable[[str], list[tuple[int, int]]]:
    return lambda text: [(word.start, word.end) for word in word_splitter.split_words(text, splitter)]


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ("The Clash ' s album ( 1979 ) , it 's good .", "The Clash's album (1979), it's good."),
        ("the Beatles ' early ' War Pigs ' , Rockin ' on", "the Beatles' early 'War Pigs', Rockin' on"),
        (
            "two Grammy Award s for Java -based C + + and / or R & B",
            "two Grammy Awards for Java-based C++ and/or R & B",
        ),
        ("$ 3 , ex- Great White : don 't", "$3, ex-Great White: don't"),
        ("s", "s"),
        ("' s", "'s"),
        ("", ""),
    ],
)
def test_detokenising_sets_spaces_as_in_running_text(tokens, expected):
    assert detokenise(tokens.split())[0] == expected


@given(
    st.lists(
        st.sampled_from(["'", "s", "'s", "-", "ex-", "-based", "/", "+", "C", "(", ")", ".", "..", "U.S.", "word"])
    )
)
def test_detokenising_changes_nothing_but_spaces(tokens):
    text, places = detokenise(tokens)
    assert [text[start:end] for start, end in places] == tokens
    assert left_out(text, [Word("", *place) for place in places]).strip(" ") == ""


def test_agreement_counts_words_sentences_and_entities():
    sentences = [
        Sentence(["Grammy", "Award", "s"], ["B-award", "I-award", "O"]),  # Grammy Awards: no splitter can find it
        Sentence(["U.S.", "Army", "."], ["B-country", "B-organisation", "O"]),
    ]
    measured = agreement(sentences, split_places("bert"))  # Grammy Awards | U . S . Army .
    assert measured == (3 / 6, 3 / 8, 6 / 14, 0.0, 2 / 3, 2 / 3, 3)
    assert agreement(sentences[1:], split_places("crossner")) == (1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 2)


needs_crossner = pytest.mark.skipif(
    not os.environ.get("CROSSNER_DATA_DIR"), reason="CROSSNER_DATA_DIR, the folder with <domain>/test.txt, is not set"
)


@needs_crossner
def test_the_documented_agreement_is_the_measured_one():
    sentences = crossner_sentences(Path(os.environ["CROSSNER_DATA_DIR"]), "test.txt")
    crossner, bert = (agreement(sentences, split_places(splitter)) for splitter in (DEFAULT_SPLITTER, "bert"))
    table = " ".join(split_words.__doc__.split())
    assert f"F1 of the words' spans {crossner.f1:.1%} {bert.f1:.1%}" in table
    assert f"sentences with the same words {crossner.sentences:.1%} {bert.sentences:.1%}" in table
    assert f"entities that begin and end at words {crossner.entities:.1%} {bert.entities:.1%}" in table
    assert f"at most {crossner.reachable:.1%} of the entities" in table
    assert f"loses another {crossner.reachable - crossner.entities:.1%}" in table
