"""The inline markup of the sample: what it reads, what it refuses, and that writing and reading are inverse."""

import pytest
from crossner_hf.data.markup import parse_markup, read_markup, to_markup
from hypothesis import given
from hypothesis import strategies as st

from crossner_hf.data.conll import Sentence
from crossner_hf.tagger.iob2 import Span, iob2_tags

TYPES = ("musicalartist", "album", "country")


def words():
    return st.text(st.characters(exclude_characters="[]|", exclude_categories=["Z", "C"]), min_size=1, max_size=5)


@st.composite
def sentences(draw):
    chunks = draw(st.lists(st.tuples(st.sampled_from((None, *TYPES)), st.lists(words(), min_size=1)), min_size=1))
    tokens, entities = [], []
    for entity_type, chunk in chunks:
        if entity_type:
            entities.append(Span(len(tokens), len(tokens) + len(chunk), entity_type))
        tokens += chunk
    return Sentence(tokens, iob2_tags(entities, len(tokens)))


@given(sentences().filter(lambda s: not (s.tokens[0].startswith("#") and s.tags[0] == "O")))
def test_a_written_sentence_is_read_as_it_was(sentence):
    assert parse_markup(to_markup(sentence), TYPES) == sentence


def test_entities_and_other_words_become_iob2_tags():
    sentence = parse_markup("[Miles Davis|musicalartist] 's album [Bitches Brew|album] , of 1970 .", TYPES)
    assert sentence.tokens == ["Miles", "Davis", "'s", "album", "Bitches", "Brew", ",", "of", "1970", "."]
    assert sentence.tags == ["B-musicalartist", "I-musicalartist", "O", "O", "B-album", "I-album", "O", "O", "O", "O"]


def test_neighbouring_entities_of_one_type_stay_two():
    assert parse_markup("[Mali|country] [Cape Verde|country]", TYPES).tags == ["B-country", "B-country", "I-country"]


def test_a_sentence_may_hold_no_entity():
    assert parse_markup("Nothing happened .", TYPES) == Sentence(["Nothing", "happened", "."], ["O", "O", "O"])


def test_a_sentence_is_written_with_its_entities_in_brackets():
    sentence = Sentence(["In", "Cape", "Verde", "."], ["O", "B-country", "I-country", "O"])
    assert to_markup(sentence) == "In [Cape Verde|country] ."


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("by [Miles Davis|musicalartist", r"expected a '\]' after '\[', got '\[Miles Davis\|musicalartist'"),
        ("[Miles Davis", r"expected a '\]' after '\['"),
        ("Miles] Davis", r"expected a '\[' before '\]', got 'Miles\]'"),
        ("[Mali|country]] .", r"expected a '\[' before '\]'"),
        ("[Miles [Davis|musicalartist]|album]", r"expected no '\[' within an entity, got '\[Miles \['"),
        ("Miles|musicalartist plays", r"expected '\|' only within \[words\|type\], got 'Miles\|musicalartist'"),
        ("in Mali | .", r"expected '\|' only within"),
        ("[Mali|country|album]", r"expected one '\|' within an entity, got '\[Mali\|country\|album\]'"),
        ("[Mali] .", r"expected a type, as in \[words\|type\], got '\[Mali\]'"),
        ("[Mali|] .", "expected a type"),
        ("[Mali|state] .", r"expected one of the types album, country, musicalartist, got 'state' in"),
        ("[Mali|Country] .", "got 'Country' in"),
        ("[Mali| country] .", "got ' country' in"),
        ("[] .", "expected a type"),
        ("[|country] .", r"expected words without space around them in an entity, got '\[\|country\]'"),
        ("[ Mali|country] .", "expected words without space around them"),
        ("[Mali |country] .", "expected words without space around them"),
        ("(in [Mali|country]) .", r"expected a space between an entity and its neighbours, got '\[Mali\|country\]\)'"),
        ("in-[Mali|country] .", r"expected a space between .*, got 'in-\[Mali\|country\]'"),
        ("[Mali|country][Mali|country]", "expected a space between an entity and its neighbours"),
        ("in  [Mali|country] .", "expected one space between words, got two after 'in'"),
        ("in [Cape  Verde|country] .", r"expected one space between words, got two after 'in \[Cape'"),
        ("", "expected a sentence without space before or after it, got ''"),
        (" in Mali .", "expected a sentence without space before or after it"),
        ("in Mali . ", "expected a sentence without space before or after it"),
        ("in\tMali .", r"expected no white space but single spaces, got '\\t'"),
        ("in Cape\xa0Verde .", r"expected no white space but single spaces, got '\\xa0'"),
    ],
)
def test_malformed_markup_is_refused_with_what_was_wanted_and_what_came(line, message):
    with pytest.raises(ValueError, match=message):
        parse_markup(line, TYPES)


def test_a_file_is_read_without_its_comments_and_empty_lines(tmp_path):
    path = tmp_path / "train.txt"
    path.write_text("# [not read\n\nIn [Mali|country] .\n# nor this\nSurprise # 1", encoding="utf-8")
    assert [s.tokens for s in read_markup(path, TYPES)] == [["In", "Mali", "."], ["Surprise", "#", "1"]]


def test_an_error_names_file_and_line_as_they_are_with_comments_counted(tmp_path):
    path = tmp_path / "train.txt"
    path.write_text("# comment\nIn Mali .\n\nIn [Mali .\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"train\.txt:4: expected a '\]'"):
        list(read_markup(path, TYPES))


def test_a_line_of_blanks_is_an_error_and_no_empty_line(tmp_path):
    path = tmp_path / "train.txt"
    path.write_text("In Mali .\n  \n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"train\.txt:2: expected a sentence without space"):
        list(read_markup(path, TYPES))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"In Mali .\r\n", r":1: Windows line end"),
        (b"\xef\xbb\xbfIn Mali .\n", r":1: starts with a byte-order mark"),
        (b"# one\nCesaria \xc9vora\n", r":2: not UTF-8"),
        (b"# only a comment\n", r":1: holds no sentence"),
        (b"", r":1: holds no sentence"),
    ],
)
def test_a_file_that_is_no_markup_is_refused(tmp_path, content, message):
    path = tmp_path / "train.txt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        list(read_markup(path, TYPES))


@pytest.mark.parametrize("word", ["[", "a]", "a|b", "", "Cape Verde", "a\xa0b"])
def test_a_word_that_markup_cannot_hold_is_not_written(word):
    with pytest.raises(ValueError, match=r"expected words without '\[', '\]', '\|' and white space"):
        to_markup(Sentence(["In", word], ["O", "O"]))


@pytest.mark.parametrize("tokens", [[], ["#1", "hit"]])
def test_a_sentence_that_would_be_read_as_nothing_is_not_written(tokens):
    with pytest.raises(ValueError, match="expected a sentence that is not empty and does not start with '#'"):
        to_markup(Sentence(tokens, ["O"] * len(tokens)))
