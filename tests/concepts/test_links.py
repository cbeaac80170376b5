"""Links of a MediaWiki dump as mentions: ambiguous titles, other anchors, and what stays with the names."""

import shutil
from html import escape

import pytest

from crossner_hf.concepts.build import ConceptRules, Running, build_concepts
from crossner_hf.concepts.concept_data import read_rows
from crossner_hf.concepts.links import linked_phrases, place_links
from crossner_hf.concepts.mentions import SentenceRules
from crossner_hf.corpora.wikitext import plain_text

PAGES = {
    "Mercury (planet)": "'''Mercury''' is a small planet.",
    "Mercury (element)": "'''Mercury''' is a chemical element.",
    "Miles Davis": "'''Miles Davis''' was an American trumpeter.",
    "Kind of Blue": "''Kind of Blue'' is a studio album.",
    "Jazz": "'''Jazz''' is a music genre.",
    "Dog": "The '''dog''' is a mammal.",
    "Words": "It was once there, and then later it was once there, and then later.",
    "Tour": "Once the probe reached [[Mercury (planet)|Mercury]] after many years of flight.\n\n"
    "There [[Miles Davis|Davis]] played [[jazz]] with a [[dog]] and [[Mercury (element)|Mercury]] pipes.\n\n"
    'Later he recorded "[[Kind of Blue|The Blue One]]" and "Old [[Mercury (planet)|Mercury]]" in the studio.\n\n'
    "Then [[Gil Evans|Gil]] met Miles Davis again in another town.\n\n"
    "== See also ==\nThe [[Mercury (element)|probe]] is here.",
}


@pytest.fixture(scope="module")
def dump(tmp_path_factory):
    pages = "".join(
        f"<page><title>{title}</title><ns>0</ns><id>{number}</id><revision><id>1</id><timestamp>2020-01-01T00:00:00Z"
        f"</timestamp><model>wikitext</model><text>{escape(text)}</text></revision></page>"
        for number, (title, text) in enumerate(PAGES.items(), start=1)
    )
    info = '<siteinfo><namespaces><namespace key="0" case="first-letter" /></namespaces></siteinfo>'
    path = tmp_path_factory.mktemp("dump") / "wiki-articles.xml"
    path.write_text(f"<mediawiki>{info}{pages}</mediawiki>", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def rows(dump, tmp_path_factory):
    folder = tmp_path_factory.mktemp("out") / "data"
    rules = ConceptRules(sentences=SentenceRules(min_words=4, quotes_kept=0.0, single_kept=1.0))
    build_concepts([dump], folder, rules, running=Running(workers=1))
    return {
        row["tokens"][0]: (
            {" ".join(row["tokens"][m["start"] : m["end"]]): m["phrases"] for m in row["mentions"]},
            [row["tokens"][number] for number in row["unknown"]],
        )
        for row in read_rows(folder)
    }


def test_dumps_of_one_name_in_several_folders_are_all_read(dump, tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        shutil.copy(dump, tmp_path / name)
    about = build_concepts(
        [tmp_path / "a", tmp_path / "b"], tmp_path / "out", ConceptRules(), running=Running(workers=1)
    )
    assert about["pages"] == 2 * len(PAGES)


def test_a_link_says_which_of_several_titles_is_meant(rows):
    assert rows["Once"] == ({"Mercury": ["planet"]}, [])


def test_an_anchor_other_than_the_title_is_a_mention_and_lower_case_follows_the_rule_of_names(rows):
    assert rows["There"][0] == {"Davis": ["trumpeter"], "jazz": ["music genre"], "Mercury": ["chemical element"]}


def test_a_quoted_link_is_a_mention_and_a_link_inside_a_quoted_title_is_none(rows):
    mentions, unknown = rows["Later"]
    assert mentions == {"The Blue One": ["studio album"]}
    assert unknown == ["Old", "Mercury"]


def test_names_fill_what_links_do_not_say(rows):
    assert rows["Then"] == ({"Miles Davis": ["trumpeter"]}, ["Gil"])


def test_links_are_placed_by_their_place_and_not_by_the_words_of_their_anchor():
    page = plain_text(
        "Paris is old. In Paris [[Paris (mythology)|Paris]] is seen. Paris  and [[Oslo]].\n\nSee [[Oslo]]."
    )
    sentences = ["Paris is old.", "In Paris Paris is seen.", "Paris and Oslo.", "See Oslo."]
    assert place_links(page.text, page.links, sentences) == [
        {"sentence": 1, "start": 9, "end": 14, "target": "Paris (mythology)"},
        {"sentence": 3, "start": 4, "end": 8, "target": "Oslo"},
    ]


def test_what_a_link_gives():
    titles = {"Jazz": ["music genre"], "Sea lion": ["mammal"], "Dog": ["mammal"]}
    assert linked_phrases("Jazz", "Jazz", titles) == ["music genre"]
    assert linked_phrases("sea lion", "Sea lion", titles) == []
    assert linked_phrases("dog", "Dog", titles) is None
    assert linked_phrases("Gil", "Gil Evans", titles) is None
