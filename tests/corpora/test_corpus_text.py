"""Sentences, definitions and types on real articles: Parquet files in CROSSNER_CORPUS_DIR."""

import os
import unicodedata
from collections import Counter
from pathlib import Path

import pyarrow.parquet
import pytest

from crossner_hf.corpora.definitions import definition
from crossner_hf.corpora.selection import TypeNouns
from crossner_hf.corpora.sentences import judge_document, split_document
from crossner_hf.schema import DOMAINS

FOLDER = os.environ.get("CROSSNER_CORPUS_DIR")
pytestmark = pytest.mark.skipif(not FOLDER, reason="CROSSNER_CORPUS_DIR names no folder with Parquet files of articles")


@pytest.fixture(scope="module")
def articles():
    file = pyarrow.parquet.ParquetFile(Path(FOLDER) / "simplewiki.parquet")
    return next(file.iter_batches(2_000, row_groups=[4])).to_pylist()


def test_headings_go_and_sentences_are_plain(articles):
    drops, kept = Counter(), []
    for article in articles:
        kept += split_document(article["text"], drops)
    assert 0.05 < drops["heading"] / (len(kept) + drops.total()) < 0.25
    assert drops.total() - drops["heading"] < 0.02 * len(kept)
    assert all(text == " ".join(text.split()) == unicodedata.normalize("NFC", text) for text in kept)
    assert not {"History.", "Early life.", "References."} & set(kept)


def test_no_character_but_remains_is_lost(articles):
    for article in articles[:300]:
        if not set("(<{,;") & set(article["text"]):
            kept, dropped = judge_document(article["text"])
            parts = "".join([*kept, *(text for text, _ in dropped)])
            assert sorted(parts.replace(" ", "")) == sorted(
                unicodedata.normalize("NFC", "".join(article["text"].split()))
            )


def test_nine_of_ten_articles_say_what_they_are_about(articles):
    defined = [definition(article["title"], article["text"]) for article in articles]
    assert sum(one is not None for one in defined) > 0.9 * len(articles)


@pytest.mark.parametrize(
    ("domain", "least"), [("politics", 0.87), ("science", 0.82), ("music", 0.86), ("literature", 0.71)]
)
def test_types_agree_with_those_of_typed_articles(domain, least):
    """The typed articles are noisy: where both differ, most are wrong there ("American novelist" as a book)."""
    nouns = TypeNouns(DOMAINS[domain], DOMAINS[domain].specialised_types)
    table = pyarrow.parquet.read_table(Path(FOLDER) / f"domain_{domain}.parquet", columns=["title", "type", "text"])
    rows = [row for row in table.slice(0, 2_500).to_pylist() if row["type"] in DOMAINS[domain].specialised_types]
    defined = [definition(row["title"], row["text"]) for row in rows]
    agree = sum(bool(one) and row["type"] in nouns.types_of(one) for row, one in zip(rows, defined, strict=True))
    assert agree / len(rows) > least
