"""Sentences of documents: what is cleaned, and what is dropped for which reason. The texts are written by hand."""

import re
from collections import Counter

import pytest

from crossner_hf.corpora.sentences import SentenceRules, clean_text, judge_document, split_document


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("Miles Davis (; born May 26, 1926) played.", "Miles Davis (born May 26, 1926) played."),
        ("Orhan () is a river.", "Orhan is a river."),
        ("It stands (, ), in Rome.", "It stands, in Rome."),
        ("Ed (born ) sings, and (pronounced ) acts.", "Ed sings, and acts."),
        ("A place ( or ) in Peru.", "A place in Peru."),
        ("Bo ( ; 2 May 1900 – 3 May 1980) wrote.", "Bo (2 May 1900 – 3 May 1980) wrote."),
        ("The height ( 30 m ) is known.", "The height (30 m) is known."),
        ("It is red, , and blue.", "It is red, and blue."),
        ("One<br>Two</p>Three<b>bold</b> <!-- hidden --> end", "One\nTwo\nThreebold end"),
        ("a < b and (c) stay", "a < b and (c) stay"),
        ("Cafe\u0301", "Café"),
    ],
)
def test_remains_of_templates_and_tags_are_cleaned(text, cleaned):
    assert re.sub(" +", " ", clean_text(text)) == cleaned


@pytest.mark.parametrize(
    ("sentence", "reason"),
    [
        ("Early life and career.", "heading"),
        ("Track listing", "heading"),
        ("Lima may refer to:", "heading"),
        ("They divorced.", "heading"),
        ("The piece grows to formula_12 in the end.", "lost content"),
        ('He is known for the movie "" of 1999.', "lost content"),
        ("She came from [[France|the south]] of the land.", "markup"),
        ("| 12 was the number of the team that year.", "markup"),
        ("3 4 5 12 7 8 99 31 7 of 12 45 67", "few letters"),
        ("Executive producer with her sister and their old friend Larissa Zhuk", "fragment"),
        ("He plays " + "again and " * 200 + "again.", "too long"),
    ],
)
def test_what_is_no_sentence_is_dropped_with_its_reason(sentence, reason):
    drops = Counter()
    assert split_document(f"This line stays as it is here.\n{sentence}", drops) == ["This line stays as it is here."]
    assert drops == {reason: 1}


@pytest.mark.parametrize(
    "sentence",
    [
        "He died in 1926.",
        "In 2010, 1,413 people lived there.",
        "The band moved to Berlin.",
        "It has 10,066 inhabitants (2019).",
        'She sang ""Le Gavroche" was ours" in the hall.',
        "Is this a song?",
        "The following bands are named in the book:",
        "Bolligen is a municipality in the canton of Berne",
    ],
)
def test_short_and_odd_sentences_stay(sentence):
    assert split_document(sentence, Counter()) == [sentence]


def test_a_sentence_stays_within_its_line_and_has_single_spaces():
    text = "The band\u00a0 played  on. Dr. Smith left\u200b.\nIt was 1999.\n\n \nThe end came soon."
    kept = split_document(text, Counter())
    assert kept == ["The band played on.", "Dr. Smith left.", "It was 1999.", "The end came soon."]


def test_no_sentence_is_lost_without_a_count():
    text = "History.\nThe band plays here. Ms. Lee\nShe sings well. formula_1 is it.\nAnd so on and on and on and on it"
    kept, dropped = judge_document(text)
    drops = Counter()
    assert split_document(text, drops) == kept
    assert drops == Counter(reason for _, reason in dropped)
    assert "".join(sorted("".join([*kept, *(text for text, _ in dropped)]).replace(" ", ""))) == "".join(
        sorted("".join(text.split()))
    )


def test_the_rules_can_be_changed():
    rules = SentenceRules(max_heading_words=0, min_words=1)
    assert split_document("History.", Counter(), rules) == ["History."]
