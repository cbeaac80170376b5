"""Corpora from MediaWiki dumps: documents by category, what is left out in the manifest, and damaged dumps."""

import bz2
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from build_jobs import ZOO

from crossner_hf.corpora.build import build_corpus
from crossner_hf.corpora.build_job import BuildSettings
from crossner_hf.corpora.build_plan import BuildInput, plan_build
from crossner_hf.corpora.selection import DomainSelector

DUMP = Path(__file__).with_name("wiki.xml")


def build(folder, depth, **selection):
    (folder / "names.tsv").write_text("Sonny Rollins\tkeeper\tzoo\n", encoding="utf-8")
    source = BuildInput((str(folder / "dumps"),), (str(folder / "names.tsv"),), category_depth=depth)
    settings = BuildSettings(keep_labelled=True)
    plan = plan_build(source, folder / "output", [DomainSelector(ZOO, **selection)], settings)
    return build_corpus(plan, workers=1)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "dumps").mkdir()
    (tmp_path / "dumps" / "wiki-articles1.xml-p1p20.bz2").write_bytes(bz2.compress(DUMP.read_bytes()))
    return tmp_path


def test_a_dump_becomes_a_corpus_of_the_pages_below_a_category(folder):
    record = build(folder, 2, categories=frozenset({"Music"}))
    assert record.domains["zoo"].selected == {"category": 1}
    expected = {"page: redirect": 1, "page: other namespace": 1, "page: no wikitext": 1, "unclosed markup": 3}
    assert expected.items() <= record.source_dropped.items()
    (level,) = (folder / "output" / "zoo" / "domain").iterdir()
    rows = {row["text"]: row for row in pq.read_table(level).to_pylist()}
    assert {row["title"] for row in rows.values()} == {"Thelonious Monk"}
    assert rows["He made it with Sonny Rollins."]["entities"] == [{"start": 16, "end": 29, "type": "keeper"}]


def test_a_page_deeper_than_asked_is_not_selected(folder):
    with pytest.raises(ValueError, match="zoo is empty: none of 2 documents was selected"):
        build(folder, 1, categories=frozenset({"Music"}))


def test_a_damaged_dump_stops_the_build_and_a_whole_one_lets_it_go_on(folder):
    (path,) = (folder / "dumps").iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[:-40])
    with pytest.raises(ValueError, match=r"xml-p1p20.bz2: cannot be unpacked by bzip2"):
        build(folder, 2, by_type=False, whole_source=True)
    path.write_bytes(whole)
    assert build(folder, 2, by_type=False, whole_source=True).documents == 2
