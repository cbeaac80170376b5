"""The column files: what is read, and what is refused and where."""

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from crossner_hf.data.conll import Sentence, conll_lines, read_conll
from crossner_hf.schema import DOMAINS
from crossner_hf.tagger.iob2 import Span, iob2_tags

TAGS = ("O", "B-location", "I-location", "B-person", "I-person")


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("conll") / "train.txt"


def read(file, content):
    file.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return list(read_conll(file, TAGS))


def test_any_number_of_empty_lines_separates_sentences(file):
    content = "\n\nNew\tB-location\nYork\tI-location\n\n\n  \nOK\tO\n\n"
    assert read(file, content) == [
        Sentence(["New", "York"], ["B-location", "I-location"]),
        Sentence(["OK"], ["O"]),
    ]


@pytest.mark.parametrize("end", ["", "\n", "\n\n"])
def test_the_last_sentence_counts_whatever_follows_it(file, end):
    assert [s.tokens for s in read(file, "Paris\tB-location\n\nOK\tO" + end)] == [["Paris"], ["OK"]]


def test_windows_line_ends_and_a_byte_order_mark_are_no_part_of_words(file):
    assert read(file, "\ufeffa\tO\r\n\r\nb\tO\r\n") == read(file, "a\tO\n\nb\tO\n")


def test_one_space_is_read_like_a_tab(file):
    assert read(file, "Paris B-location\n") == read(file, "Paris\tB-location\n")


def test_a_word_keeps_every_character_but_tab_and_line_end(file):
    tokens = ["New York", "a\u2028b", "\xa0x", "\u3000", "\x85x", "é", "e\u0301", "\U0001f600", "-DOCSTART-"]
    content = "".join(f"{token}\tO\n" for token in tokens)
    assert read(file, content) == [Sentence(tokens, ["O"] * len(tokens))]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a\tO\nPar", r":2: expected 'word<TAB>tag', got 'Par'"),
        ("a\tO\nParis\tB-loc", r":2: expected one of 5 tags \(B-location, .*\), got 'B-loc'"),
        ("a\tO\nParis\t", r":2: expected one of 5 tags .*, got ''"),
        ("a\tO\tO\n", r":1: expected 'word<TAB>tag', got 'a\\tO\\tO'"),
        ("a O O\n", r":1: expected 'word<TAB>tag'"),
        ("\tO\n", r":1: expected 'word<TAB>tag', got '\\tO'"),
        (" O\n", r":1: expected 'word<TAB>tag', got ' O'"),
        ("a  O\n", r":1: expected 'word<TAB>tag'"),
        ("a\tB-organisation\n", r":1: expected one of 5 tags .*, got 'B-organisation'"),
        ("a\tb-person\n", r":1: expected one of 5 tags \(.*B-person.*\), got 'b-person'"),
        ("a\tO \n", r":1: expected one of 5 tags .*, got 'O '"),
        ("a\tI-person\n", r":1: 'I-person' continues no entity of its type; IOB2 wants 'B-person' here"),
        ("a\tB-person\n\nb\tI-person\n", r":3: 'I-person' continues no entity"),
        ("a\tO\nb\tI-person\n", r":2: 'I-person' continues no entity"),
        ("a\tB-person\nb\tI-location\n", r":2: 'I-location' continues no entity .* wants 'B-location'"),
        ("a\tB-person\nb\tI-person\nc\tI-location\n", r":3: 'I-location' continues no entity"),
        ("a\tO\rb\tO\r", r":1: contains a carriage return that ends no line"),
        ("a\tO\nb\x00\tO\n", r":2: contains a NUL character"),
        (b"a\tO\ncaf\xe9\tO\n", r":2: not UTF-8 near .*iconv -f latin1"),
        ("a\tO\n".encode("utf-16-be"), r":1: contains a NUL character"),
        (b"\xff\xfea\x00", r":1: not UTF-8 near .*iconv -f utf-16"),
        ("", r":1: has no sentence"),
        ("\n\n\n", r":1: has no sentence"),
    ],
)
def test_bad_input_is_an_error_with_file_line_and_what_was_expected(file, content, message):
    with pytest.raises(ValueError, match=r"train\.txt" + message):
        read(file, content)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.txt"):
        list(read_conll(tmp_path / "none.txt", TAGS))


def test_sentences_before_a_bad_line_are_given_before_the_error(file):
    file.write_text("Paris\tB-location\n\nbad\n", encoding="utf-8")
    sentences = read_conll(file, TAGS)
    assert next(sentences).tokens == ["Paris"]
    with pytest.raises(ValueError, match=":3:"):
        next(sentences)


@settings(deadline=None)  # a file is written for each example
@given(st.one_of(st.binary(), st.text(st.sampled_from("a \t\n\r\x00\ufeffBIO-person\u2028"))))
@example(b"\xef\xbb")
@example("O\nO O\n\tO")
def test_any_content_gives_sentences_or_an_error_with_its_line(file, content):
    try:
        sentences = read(file, content if isinstance(content, bytes) else content.encode("utf-8"))
    except ValueError as error:
        place, _, number = str(error).partition(f"{file}:")
        assert place == ""
        assert 1 <= int(number.partition(":")[0]) <= max(1, file.read_bytes().count(b"\n") + 1)
    else:
        assert sentences
        assert all(len(s.tokens) == len(s.tags) > 0 and set(s.tags) <= set(TAGS) for s in sentences)


def tokens():
    """What a column can hold: no tab, line end or NUL, not spaces alone, no byte-order mark at the start."""
    characters = st.characters(exclude_characters="\t\n\r\x00\ufeff", exclude_categories=["Cs"])
    return st.text(characters, min_size=1, max_size=6).filter(lambda word: word.strip(" "))


@st.composite
def labelled_sentences(draw):
    words = draw(st.lists(tokens(), min_size=1, max_size=8))
    cuts = sorted(draw(st.sets(st.integers(0, len(words)), max_size=5)))
    types = draw(st.lists(st.sampled_from(("location", "person", None)), min_size=5, max_size=5))
    pairs = zip(cuts, cuts[1:], types, strict=False)  # as many as there are cuts
    entities = [Span(start, end, t) for start, end, t in pairs if t]
    return Sentence(words, iob2_tags(entities, len(words)))


@settings(deadline=None)
@given(st.lists(labelled_sentences(), min_size=1, max_size=4))
def test_written_sentences_are_read_as_they_were(file, sentences):
    assert read(file, "".join(conll_lines(*sentence) for sentence in sentences)) == sentences


@settings(deadline=None)
@given(st.lists(st.text(st.sampled_from("a \t\n\r\x00\ufeff\u3000\xa0\x85\u2028"), max_size=3), max_size=3))
def test_words_are_written_so_that_they_are_read_again_or_refused(file, words):
    if not words or any(re.search("^ *\\Z|^\ufeff|[\t\n\r\x00]", word) for word in words):
        with pytest.raises(ValueError, match=r"cannot stand in CoNLL columns|without words"):
            conll_lines(words, ["O"] * len(words))
    else:
        lines = conll_lines(words, ["O"] * len(words))
        assert read(file, lines) == [Sentence(words, ["O"] * len(words))]


def test_a_tag_of_another_domain_is_an_error(file):
    file.write_text("Thriller\tB-album\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"got 'B-album'"):
        list(read_conll(file, DOMAINS["politics"].labels))
