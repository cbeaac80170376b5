"""The markup of the samples: what is read and what is refused."""

import pytest

from crossner_hf.data.conll import Sentence
from crossner_hf.data.sentences import parse_markup, read_sentences
from crossner_hf.schema import get_domain

TYPES = ("musicalartist", "album", "country")


def test_entities_and_other_words_become_iob2_tags():
    sentence = parse_markup("[Miles Davis|musicalartist] 's album [Bitches Brew|album] , of 1970 .", TYPES)
    assert sentence.tokens == ["Miles", "Davis", "'s", "album", "Bitches", "Brew", ",", "of", "1970", "."]
    assert sentence.tags == ["B-musicalartist", "I-musicalartist", "O", "O", "B-album", "I-album", "O", "O", "O", "O"]


def test_neighbouring_entities_of_one_type_stay_two():
    assert parse_markup("[Mali|country] [Cape Verde|country]", TYPES).tags == ["B-country", "B-country", "I-country"]


def test_a_sentence_may_have_no_entity():
    assert parse_markup("Nothing happened .", TYPES) == Sentence(["Nothing", "happened", "."], ["O", "O", "O"])


@pytest.mark.parametrize(
    "line",
    [
        *("by [Miles Davis|musicalartist", "Miles] Davis", "[Mali|country]] .", "[Miles [Davis|musicalartist]|album]"),
        *("Miles|musicalartist plays", "in Mali | .", "[Mali|country|album]", "[Mali] .", "[Mali|] .", "[] ."),
        *("[|country] .", "[ Mali|country] .", "[Mali |country] .", "[Mali| country] .", "(in [Mali|country]) ."),
        *("[Mali|country][Mali|country]", "in  [Mali|country] .", "in [Cape  Verde|country] .", "", " in Mali ."),
        *("in Mali . ", "in\tMali .", "in Cape\xa0Verde ."),
    ],
)
def test_malformed_markup_is_refused(line):
    with pytest.raises(ValueError, match=r"expected words and \[words\|type\] with single spaces between them, got '"):
        parse_markup(line, TYPES)


def test_an_unknown_type_is_refused():
    with pytest.raises(ValueError, match="expected one of the types album, country, musicalartist, got Country, state"):
        parse_markup("[Mali|state] and [Togo|Country]", TYPES)


def test_a_file_is_read_without_its_comments_and_empty_lines(tmp_path):
    path = tmp_path / "train.txt"
    path.write_text("\ufeff# [not read\r\n\nIn [Mali|location] .\n# nor this\nSurprise # 1", encoding="utf-8")
    sentences = read_sentences(get_domain("sample_news"), path)
    assert [sentence.tokens for sentence in sentences] == [["In", "Mali", "."], ["Surprise", "#", "1"]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("# comment\nIn Mali .\n\nIn [Mali .\n", r"train\.txt:4: expected words and \[words"),
        ("In Mali .\n  \n", r"train\.txt:2: expected words and \[words"),
        ("In\rMali .\n", r"train\.txt:1: contains a carriage return"),
    ],
)
def test_an_error_names_file_and_line(tmp_path, content, message):
    path = tmp_path / "train.txt"
    path.write_bytes(content.encode())
    with pytest.raises(ValueError, match=message):
        list(read_sentences(get_domain("sample_news"), path))
