"""Wikitext to plain text, dumps to pages and category edges, and the graph of categories."""

import bz2
import gzip
import json
import random
import re
import sys
import time
import tracemalloc
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from crossner_hf.corpora.categories import CategoryGraph
from crossner_hf.corpora.documents import plan_shards
from crossner_hf.corpora.dumps import COUNTS_FILE, EDGES_FILE, find_dumps, unpack_dump
from crossner_hf.corpora.wikitext import plain_text

DUMP = Path(__file__).with_name("wiki.xml")  # a German wiki, written by hand

MONK = """\
Thelonious Monk (; October 10, 1917\N{NO-BREAK SPACE}– 1982) was an American jazz pianists' idol. He wrote \
'Round Midnight and Crépuscule with Nellie.
He stayed 5 km away, in the five-spot club. See  too. H2O & more; Kategorie:Jazz and above and .
He made it with Sonny Rollins.
An indented sentence.
[[no link]] {{no template}} stands here.
His legacy lives on."""


def pages(folder):
    return [document for shard in plan_shards([folder]) for document in shard.documents()]


def test_the_text_of_a_page_has_no_templates_tables_images_references_headings_or_reference_sections(tmp_path):
    unpack_dump(DUMP, tmp_path / "wiki")
    monk, unclosed = pages(tmp_path / "wiki")
    assert (monk.id, monk.title) == ("11", "Thelonious Monk")
    assert monk.text == MONK
    assert monk.categories == ("Jazz pianists", "American composers")
    assert [link[:2] for link in monk.links[:4]] == [
        ("United States", "American"),
        ("Jazz", "jazz"),
        ("Pianist", "pianists"),
        ("Round Midnight (song)", "'Round Midnight"),
    ]
    assert "Link in a note" not in [link.target for link in monk.links]
    assert unclosed.text == "A page with It goes on with a link and text."


def test_what_is_left_out_is_counted(tmp_path):
    counts = {"pages": 8, "articles": 2, "categories": 3, "redirect": 1, "other namespace": 1, "no wikitext": 1}
    assert unpack_dump(DUMP, tmp_path / "wiki") == counts
    assert json.loads((tmp_path / "wiki" / COUNTS_FILE).read_text()) == counts
    drops = Counter()
    for shard in plan_shards([tmp_path / "wiki"]):
        assert shard.has_categories
        list(shard.documents(drops))
    assert drops == {"list item": 2, "section": 2, "unclosed markup": 3}


@pytest.mark.parametrize(
    ("wikitext", "text"),
    [
        ("a {{x|{{y}}|[[b]]}} c", "a  c"),
        ("{{a|{{b}} c", ""),
        ("one }} two ]] three", "one  two  three"),
        ("<ref>{{cite</ref>one {{x}} two", "one  two"),
        ("one<ref>two", "onetwo"),
        ("{{x|<ref>}}</ref>}}one", "one"),
        ("{|\n| {{x\n|}\none", "one"),
        ("|}} one\ntwo", "two"),
        ("[[File:a.jpg|thumb|[[b]] and\n[[c|d]]]]one", "one"),
        ("a {{!}} b {{'}} c {{snd}} d {{lang|fr|e}} {{nowrap|[[f|g]] h}} {{abbr|i|j}}", "a | b ' c  –  d e g h i"),
        ("''a'' '''b''' '''''c''''' l''d''", "a b c ld"),
        ("a<br/>b<sup>2</sup> <!-- c -->d", "a b2 d"),
        ("a &nbsp;&amp;&#91;&#x5D; &unknown; &#xD800;b", "a \xa0&[] &unknown; b"),
        ("__NOTOC__a", "a"),
        ("* one\n** two.\n; three\n: (four!)", "two.\n(four!)"),
        ("== a ==\nb\n=== References ===\nc\n== d ==\ne", "b\ne"),
        ("<math>\\frac{{1}}{2}</math> is a half", "is a half"),
        ("[http://a.org b] [http://c.org] http://d.org", "b"),
        ("[[a&amp;b&nbsp;c]] [[%C3%A9 100%|d]] [[%C3%A9]]", "a&b\xa0c d é"),
        ("[[a|]] [[#b|c]] [[:Category:D|d]] [[fr:E]]", "a c d"),
        ("one\ntwo\n\nthree\n* four.\nfive\n== a ==\nsix", "one two\nthree\nfour.\nfive\nsix"),
        ("", ""),
    ],
)
def test_small_pieces_of_markup(wikitext, text):
    assert plain_text(wikitext).text.strip() == text.strip()


@pytest.mark.parametrize(
    "unit", ["{{", "[[", "{{a|[[b|", "<ref>", "<div>", "[http://a ", "{|\n", "'''a", "<!--", "<nowiki>"]
)
def test_a_page_of_unclosed_markup_takes_time_in_proportion_to_its_length(unit):
    begun = time.process_time()
    plain_text("A sentence. " + unit * (200_000 // len(unit)))
    assert time.process_time() - begun < 5


def test_any_mixture_of_markup_gives_clean_paragraphs():
    rng = random.Random(0)
    pieces = re.findall(
        r"\S+", "{{ }} [[ ]] {| |} | == ''' '' <ref> </ref> <math> : ] &amp; <!-- --> {{{ }}} # é [[Category:"
    )
    pieces += ["\n", "\n\n", "* ", "[http://a.b ", "A sentence. "]
    for _ in range(500):
        text, categories, links = plain_text("".join(rng.choices(pieces, k=rng.randint(1, 60))))
        assert all(line.strip() for line in text.split("\n")) or not text
        assert "{{" not in text
        assert all(categories)
        assert all(link.target for link in links)
        assert all(text.startswith(link.anchor, link.start) for link in links if link.start is not None)


def test_links_know_their_place_in_the_text():
    page = plain_text(
        " * an [[item]]\n* An [[item]] ''of [[Oslo|the city ]]'' of [[car]]s.\n\n"
        "''One'' [[ a b| band]] and\n[[Oslo]].\n== See also ==\n* [[Bergen]] too."
    )
    assert page.text == "An item of the city  of cars.\nOne  band and Oslo."
    starts = [(link.anchor, link.start) for link in page.links]
    assert starts == [
        ("item", None),
        ("item", page.text.index("item")),
        ("the city", page.text.index("the")),
        ("cars", page.text.index("cars")),
        ("band", page.text.index("band")),
        ("Oslo", page.text.index("Oslo")),
        ("Bergen", None),
    ]


def test_the_target_of_a_link_is_a_title():
    links = plain_text("[[S%C3%A3o_Paulo]] [[at&amp;t#A|b]] [[ miles  Davis]] [[:Category:A|b]] [[#a|b]]").links
    assert [link.target for link in links] == ["São Paulo", "At&t", "Miles Davis", "Category:A"]


def test_a_line_that_is_too_long_to_parse_keeps_its_text():
    drops = Counter()
    text, _, links = plain_text("''The'' [[a b|band]] played in [[Oslo]]. " * 1000, drops=drops)
    assert text == ("The band played in Oslo. " * 1000).strip()
    assert (drops, links) == ({"line without parsing": 1}, ())


@pytest.mark.parametrize(("suffix", "pack"), [(".bz2", bz2.compress), (".gz", gzip.compress)])
def test_packed_dumps_give_the_same_pages_and_a_second_run_replaces_the_first(tmp_path, suffix, pack):
    plain = DUMP.read_bytes()
    packed = tmp_path / f"wiki.xml{suffix}"
    packed.write_bytes(pack(plain[:5000]) + pack(plain[5000:]))  # as multistream dumps: several streams
    for path in (DUMP, packed, packed):
        unpack_dump(path, tmp_path / "wiki")
        assert pages(tmp_path / "wiki")[0].text == MONK
    assert sorted(path.name for path in tmp_path.iterdir()) == ["wiki", packed.name]


BROKEN = {
    "cut bz2": ("a.xml.bz2", bz2.compress(DUMP.read_bytes())[:-30], r"a.xml.bz2: cannot be unpacked by bzip2: .*end"),
    "no bz2": ("a.xml.bz2", b"plain text", r"a.xml.bz2: cannot be unpacked by bzip2: Invalid data"),
    "cut gz": ("a.xml.gz", gzip.compress(DUMP.read_bytes())[:-30], r"a.xml.gz: cannot be unpacked by gzip"),
    "cut XML": (
        "a.xml",
        DUMP.read_bytes()[:-300],
        r"a.xml: no XML of a MediaWiki dump after page 'Deleted': unclosed token: line 1",
    ),
    "broken XML": (
        "a.xml",
        DUMP.read_bytes().replace(b"</ns>\n    <id>14", b"</id>\n    <id>14"),
        r"a.xml: no XML of a MediaWiki dump after page 'Diskussion:Thelonious Monk': mismatched tag: line \d+",
    ),
    "Latin-1": (
        "a.xml",
        DUMP.read_text(encoding="utf-8").encode("latin1", "ignore"),
        r"a.xml: no XML of a MediaWiki dump after its begin: not well-formed",
    ),
    "empty": ("a.xml", b"", r"a.xml: no XML of a MediaWiki dump after its begin: no element found"),
    "other XML": ("a.xml", b"<html></html>", r"a.xml: .* expected the element <mediawiki> of a dump, got <html>"),
    "no number": ("a.xml", DUMP.read_bytes().replace(b"<ns>14", b"<ns>x"), r"after page 'Diskussion.*invalid literal"),
    "other tag": (
        "a.xml",
        DUMP.read_bytes().replace(b"<ns>14</ns>", b"<x/>"),
        r"Unexpected tag found .*'x'; get it ag",
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_damaged_dump_is_refused_with_the_page_before_and_leaves_nothing(tmp_path, kind):
    name, content, message = BROKEN[kind]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        unpack_dump(tmp_path / name, tmp_path / "wiki")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def write_dump(path, texts):
    head, _, rest = DUMP.read_text(encoding="utf-8").partition("  <page>")
    page = f"  <page>{rest.partition('</page>')[0]}</page>"
    with open(path, "w", encoding="utf-8") as file:
        file.write(head)
        for text in texts:
            file.write(page.replace("An older revision.", "").partition('<text xml:space="preserve"></text>')[0])
            file.write(f"<text>{text}</text></revision></page>\n")
        file.write("</mediawiki>")
    return path


def test_an_article_of_ten_megabytes_is_read(tmp_path):
    text = "The lynx saw a red panda. " * 400 + "\n"
    path = write_dump(tmp_path / "a.xml", ["short.", text * 1000 + "It was in [[Oslo]].", "last."])
    unpack_dump(path, tmp_path / "wiki")
    documents = pages(tmp_path / "wiki")
    assert [len(document.text) for document in documents] == [6, 400 * 26 * 1000 + len("It was in Oslo."), 5]
    assert [link[:2] for link in documents[1].links] == [("Oslo", "Oslo")]


def test_memory_does_not_grow_with_the_dump(tmp_path, monkeypatch):
    monkeypatch.setattr("crossner_hf.corpora.dumps.ROW_GROUP_CHARACTERS", 50_000)
    peaks = []
    for count in (1, 100, 1_000):  # the first one imports what is needed
        path = write_dump(tmp_path / "a.xml", ("A sentence. " * 100 for _ in range(count)))
        tracemalloc.start()
        unpack_dump(path, tmp_path / "wiki")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < 1.1 * peaks[1]


@pytest.mark.parametrize("module", ["mwxml", "mwparserfromhell"])
def test_without_the_extra_the_error_names_it(tmp_path, monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=r"pip install 'crossner-hf\[corpora\]'"):
        unpack_dump(DUMP, tmp_path / "wiki")


def test_dumps_are_found_by_name_also_in_folders(tmp_path):
    for name in ("a.xml", "b.txt", "x-articles1.xml-p1p41242.bz2", "x.xml.txt"):
        (tmp_path / name).write_text("x")
    dumps, others = find_dumps([tmp_path, tmp_path / "a.xml", tmp_path / "b.txt", "user/data"])
    assert [dump.name for dump in dumps] == ["a.xml", "x-articles1.xml-p1p41242.bz2", "a.xml"]
    assert others == [str(tmp_path), str(tmp_path / "b.txt"), "user/data"]
    with pytest.raises(ValueError, match=r"a.xml: is a MediaWiki dump; unpack it first"):
        plan_shards([tmp_path / "a.xml"])


def graph(edges):
    names = sorted({name for edge in edges for name in edge})
    children, parents = (np.array([names.index(edge[side]) for edge in edges], int) for side in (0, 1))
    return CategoryGraph(names, children, parents)


def reachable(edges, roots, depth):
    """Steps along edges, one by one."""
    reached = set(roots)
    for _ in range(depth):
        reached |= {child for child, parent in edges if parent in reached}
    return reached


@pytest.mark.parametrize("seed", range(5))
def test_members_of_a_graph_with_cycles_are_those_that_single_steps_reach(seed):
    rng = np.random.default_rng(seed)
    edges = [(f"C{child}", f"C{parent}") for child, parent in rng.integers(0, 30, (40, 2))] + [("C1", "C1")]
    for depth in (0, 1, 2, 3, 50):
        roots = [edges[0][1], "C1"]
        assert graph(edges).members(roots, depth) == reachable(edges, roots, depth)


def test_category_edges_come_from_category_pages_of_all_parts_of_a_dump(tmp_path):
    unpack_dump(DUMP, tmp_path / "first")
    unpack_dump(DUMP, tmp_path / "second")
    categories = CategoryGraph.from_files([tmp_path / part / EDGES_FILE for part in ("first", "second")])
    assert categories.members(["pianists"], 9) == {"Pianists", "Jazz pianists", "Music", "Jazz"}
    assert categories.members(["music"], 1) == {"Music", "Jazz"}
    with pytest.raises(ValueError, match="no category 'Muzic'; similar ones are Music"):
        categories.members(["Muzic"], 1)
    with pytest.raises(ValueError, match="depth must be at least 0"):
        categories.members(["Music"], -1)
