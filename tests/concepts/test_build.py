"""Concept data: which titles are names, what a sentence becomes, and what is left out of it."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crossner_hf.concepts.build import ConceptRules, Running, build_concepts
from crossner_hf.concepts.concept_data import read_rows
from crossner_hf.concepts.concept_names import (
    ConceptNames,
    NameRules,
    TitlePhrases,
    build_names,
    clean_phrase,
    title_phrases,
)
from crossner_hf.concepts.mentions import MentionFinder, Page, SentenceRules
from crossner_hf.corpora.definitions import Definition
from crossner_hf.corpora.raw_sentences import shared_stretches

ALL = SentenceRules(min_words=4, quotes_kept=0.0, single_kept=1.0)


def names_of(pages, lower=(), capital=(), first=(), **rules):
    names = build_names(pages, dict(lower), dict(capital), dict(first), NameRules(**rules))
    return {names.index.name(n): (names.phrases[n], bool(names.in_running_text[n])) for n in range(len(names.phrases))}


@pytest.mark.parametrize(
    ("phrase", "clean"),
    [
        ("American jazz trumpeter", "jazz trumpeter"),
        ("genre of electronic music", "genre of electronic music"),
        ("58th quadrennial presidential election", "presidential election"),
        ("given name", None),
        ("group of islands", None),
        ("American", None),
        ("very long phrase of five words", None),
        ("branch of United States Armed Forces", None),
    ],
)
def test_phrases_lose_names_and_say_something(phrase, clean):
    assert clean_phrase(phrase) == clean


def test_a_title_gives_its_name_without_brackets():
    page = title_phrases("Asia (magazine)", Definition("popular magazine", "magazine", ("journal", "popular magazine")))
    assert page == TitlePhrases("Asia", True, ("magazine", "journal"))


def test_a_title_with_a_year_says_itself_what_it_is():
    assert title_phrases("1997 Irish general election", None).phrases == ("general election",)
    assert title_phrases("1994 FIFA World Cup", None).phrases == ()
    assert title_phrases("1994 in science", None).phrases == ()


def test_a_title_that_is_all_in_brackets_keeps_them():
    assert title_phrases("(Ch-Vox)", None).name == "(Ch-Vox)"


def test_what_three_titles_name_by_a_year_other_years_name_too(tmp_path):
    titles = [f"{year} Irish {event}" for event in ("general election", "floods") for year in (1992, 1997, 2002)]
    titles += ["1981 Irish general elections", "1987 Irish general elections", "2007 Irish general elections"]
    pages = [title_phrases(title, None) for title in [*titles[:5], *titles[6:]]]
    build_names(pages, {}, {}, {}, NameRules()).save(tmp_path)
    names = ConceptNames.open(tmp_path)
    text = "At the February 1974 United Kingdom general election results, the 2010 general elections and 2011 floods"
    assert [(text[begin:end], phrases) for begin, end, phrases in names.names_of_years(text)] == [
        ("February 1974 United Kingdom general election", ["general election"]),
        ("2010 general elections", ["general election"]),
    ]


def test_names_count_where_they_mislead_nobody():
    pages = [
        TitlePhrases("Asia", True, ("magazine",)),  # needs its brackets
        TitlePhrases("Nirvana", False, ("rock band",)),
        TitlePhrases("Nirvana", True, ("album",)),  # the page without brackets wins
        TitlePhrases("Back", False, ("novel",)),  # usually in lower case
        TitlePhrases("Jazz", False, ("music genre",)),  # also in lower case, as a genre
        TitlePhrases("Mercury", True, ("planet",)),
        TitlePhrases("Mercury", True, ("element",)),  # undecided
        TitlePhrases("October", False, ("album",)),  # a month
        TitlePhrases("Sea lion", False, ("mammal",)),  # a name to some
        TitlePhrases("Kind of Blue", False, ("studio album",)),
    ]
    lower = {"back": 900, "jazz": 50, "sea": 40, "lion": 30, "kind": 99, "of": 999, "blue": 9}
    capital = {"nirvana": 9, "back": 5, "jazz": 4, "october": 50, "blue": 20}
    assert names_of(pages, lower, capital, {"American": 12, "Famous": 30, "Olympic": 99}) == {
        "Asia": (["magazine"], False),
        "Nirvana": (["rock band"], True),
        "Back": (["novel"], False),
        "Jazz": (["music genre"], False),
        "jazz": (["music genre"], True),
        "October": (["album"], False),
        "Sea lion": (["mammal"], False),
        "sea lion": ([], True),
        "Kind of Blue": (["studio album"], True),
        "American": (["nationality"], True),
    }


def test_a_source_without_definitions_is_refused():
    with pytest.raises(ValueError, match="no page of the source says what its title is"):
        names_of([TitlePhrases("Asia", False, ())])


@pytest.fixture(scope="module")
def finder():
    pages = [
        TitlePhrases("Miles Davis", False, ("trumpeter", "composer")),
        TitlePhrases("Kind of Blue", False, ("studio album",)),
        TitlePhrases("New York City", False, ("city",)),
    ]
    names = build_names(pages, {"the": 9, "of": 9, "kind": 9}, {"blue": 3, "davis": 3}, {}, NameRules())
    evaluation = shared_stretches([["he", "also", "played", "with", "a", "band", "of", "five", "people"]])
    return MentionFinder(names, {"the", "in", "he", "later"}, evaluation, ALL)


def rows(finder, *sentences, name="Page", phrases=(), is_person=False):
    concept_rows = finder.rows([Page(name, list(phrases), is_person, list(sentences))])
    return [
        (
            " ".join(row["tokens"]),
            [(" ".join(row["tokens"][m["start"] : m["end"]]), m["phrases"]) for m in row["mentions"]],
            [row["tokens"][number] for number in row["unknown"]],
        )
        for row in concept_rows
    ]


def test_a_sentence_has_its_names_and_other_capitals_are_unknown(finder):
    assert rows(finder, "In May Miles Davis met Gil in New York City.") == [
        (
            "In May Miles Davis met Gil in New York City .",
            [("Miles Davis", ["trumpeter", "composer"]), ("New York City", ["city"])],
            ["Gil"],
        )
    ]


def test_quotation_marks_around_titles_go_and_unknown_titles_are_left_out(finder):
    assert rows(finder, 'Miles Davis made "Kind of Blue," and then "Bitches Brew".') == [
        (
            "Miles Davis made Kind of Blue , and then Bitches Brew .",
            [("Miles Davis", ["trumpeter", "composer"]), ("Kind of Blue", ["studio album"])],
            ["Bitches", "Brew"],
        )
    ]


def test_a_page_about_a_person_knows_the_last_name(finder):
    sentence = "Later Evans met Miles Davis again in another town."
    known = rows(finder, sentence, name="Bill Evans", phrases=["pianist"], is_person=True)
    assert known[0][1] == [("Evans", ["pianist"]), ("Miles Davis", ["trumpeter", "composer"])]
    assert rows(finder, sentence)[0][1] == [("Miles Davis", ["trumpeter", "composer"])]


def test_sentences_that_share_eight_words_with_evaluation_data_go(finder):
    before = finder.leaks
    assert rows(finder, "Miles Davis said he also played with a band of five, people say.") == []
    assert finder.leaks == before + 1


def test_sentences_of_mostly_unknown_names_go(finder):
    assert rows(finder, "Miles Davis met Gil and Tom and Ann there.") == []


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("source") / "pages.parquet"
    texts = {
        "Miles Davis": "Miles Davis was an American trumpeter. He made Kind of Blue in New York City in the spring.",
        "Kind of Blue (album)": "Kind of Blue is a studio album. Miles Davis recorded it with five other men.",
        "New York City": "New York City is a large city. Miles Davis lived in New York City for many years.",
        "Blue": 'Some text of "New York City" that defines nothing at all here.',
    }
    pq.write_table(pa.table({"title": list(texts), "text": list(texts.values())}), path)
    return path


def test_a_build_gives_sentences_and_counts_and_is_done_once(source, tmp_path):
    rules = ConceptRules(sentences=ALL, exclude=frozenset({"Kind of Blue (album)", "Blue (x)"}))
    outcomes = []
    (tmp_path / "out").mkdir()
    stopped = tmp_path / "out" / "concepts-00001.parquet"  # of a build of more sources
    stopped.write_bytes(b"")
    running = Running(workers=1, report=lambda outcome, _: outcomes.append(outcome.name))
    about = build_concepts([source], tmp_path / "out", rules, running=running)
    assert outcomes == ["pages-00000", "names", "sentences-00000"]
    assert not stopped.exists()
    sentences = [" ".join(row["tokens"]) for row in read_rows(tmp_path / "out")]
    assert "He made Kind of Blue in New York City in the spring ." in sentences
    assert not any("five other men" in sentence for sentence in sentences)
    assert about["sentences"] == len(sentences)
    assert (about["pages"], about["excluded"]) == (4, 1)
    assert not (tmp_path / "out" / "work").exists()
    assert build_concepts([source], tmp_path / "out", rules, running=running) == json.loads(json.dumps(about))
    assert len(outcomes) == 3
    with pytest.raises(ValueError, match="of another source or other rules"):
        build_concepts([source], tmp_path / "out", ConceptRules(), running=running)
    with pytest.raises(ValueError, match="lie in each other"):
        build_concepts([source.parent], source.parent / "out", rules)
