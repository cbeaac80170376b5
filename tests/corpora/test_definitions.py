"""Definitions in first sentences, written by hand."""

import pytest

from crossner_hf.corpora.definitions import definition, singular


@pytest.mark.parametrize(
    ("text", "phrase", "head"),
    [
        ("Ann Lee (born 1970) is an American singer-songwriter.", "American singer-songwriter", "singer-songwriter"),
        ("Ann Lee (born (as Ann Ray) 1970) was a Danish poet of the 1990s.", "Danish poet", "poet"),
        ("Ann Lee is a 2012 Finnish drama movie directed by Bo Lee.", "Finnish drama movie", "movie"),
        ("Ann Lee is a former Swiss tennis player who won twice.", "Swiss tennis player", "player"),
        (
            "Ann Lee is an American movie, television and stage actress.",
            "American movie, television and stage actress",
            "actress",
        ),
        ("Lee is an English rock and roll band formed in Leeds.", "English rock and roll band", "band"),
        ("Lee is a type of dance from Peru.", "dance", "dance"),
        ("Lee is a genre of electronic music that began in Bonn.", "genre of electronic music", "genre"),
        ("Lee is one of the largest cities in Peru.", "city", "city"),
        ("Lees are small birds that live in Peru.", "small bird", "bird"),
        ("The Lee, also known as the Ree, is a river in Peru.", "river", "river"),
        ("Lee, which is the name of a god, was a planet near the sun.", "planet", "planet"),
        ("Lee was King of Norway from 1200 to 1210.", "King", "king"),
        ("Lee is best known as the drummer of Ree.", "drummer", "drummer"),
        ("Lees are the young twigs of a plant.", "young twig", "twig"),
        ("Lee is the name given to early cities in Peru.", "early city", "city"),
        ("Lee is the fourteenth episode of the series.", "episode", "episode"),
        ("Lee is a short crime drama shot by Bo Ray.", "short crime drama", "drama"),
        ("Lee is Clay Aiken's first Christmas album.", "Christmas album", "album"),
        ("Lt. Gen. Bo Lee was a Danish officer.", "Danish officer", "officer"),
        ("is a Japanese term.", "Japanese term", "term"),
        ("Lee is a political party active in Peru.", "political party", "party"),
        ("Lee is a song. It is an old record.", "song", "song"),
        ("Lee is a critically acclaimed novel.", "critically acclaimed novel", "novel"),
        (
            "Lee is a general-purpose, high-level programming language.",
            "general-purpose, high-level programming language",
            "language",
        ),
    ],
)
def test_the_noun_phrase_of_the_first_sentence(text, phrase, head):
    defined = definition("Lee", text)
    assert (defined.phrase, defined.head) == (phrase, head)


def test_phrases_side_by_side():
    text = "Ann Lee (1900–1980) was a Welsh pianist, jazz composer, and an author of many books."
    assert definition("Ann Lee", text) == ("Welsh pianist", "pianist", ("jazz composer", "author"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Lee may refer to:",
        "Lee was born in Rome.",
        "There is a house near the Lee.",
        "On Monday the Lee fell. Rome is a city.",
        "History.\nRome is a city.",
        "Lees are no longer alive.",
    ],
)
def test_other_openings_define_nothing(text):
    assert definition("Lee", text) is None


def test_a_later_sentence_about_the_title_is_read():
    text = "On 1 May 1900 the war ended in Peru. The Lee rebellion was a revolt against it."
    assert definition("Lee rebellion", text).phrase == "revolt"


def test_an_event_that_was_held_is_what_its_title_says():
    text = "The French general election of 2005 was held on 1 May."
    assert definition("2005 French general election", text).phrase == "general election"
    assert definition("French general elections, 2005", text).head == "election"
    assert definition("2021 Chesham and Amersham by-election", "A poll was held in May.").head == "by-election"
    assert definition("Rome", "Rome was held by Goths.") is None


@pytest.mark.parametrize(
    ("plurals", "ones"),
    [
        ("cities churches boxes women songs classes roses", "city church box woman song class rose"),
        ("series species bus class", "series species bus class"),
    ],
)
def test_singular(plurals, ones):
    assert [singular(plural) for plural in plurals.split()] == ones.split()
