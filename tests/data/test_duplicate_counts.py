"""Repeated texts, counted on data small enough to count by eye."""

import pytest

from crossner_hf.data.builder import load
from crossner_hf.data.duplicate_counts import duplicates_between, duplicates_within


def splits(train=(), validation=(), test=()):
    """Columns of three splits, from texts with their labels."""
    return {
        name: {"tokens": [words.split() for words, _ in rows], "ner_tags": [tags for _, tags in rows]}
        for name, rows in (("train", train), ("validation", validation), ("test", test))
    }


def test_texts_of_several_splits_and_repeated_rows_are_counted():
    counts = duplicates_within(
        splits(
            train=[("a b", [0, 0]), ("a b", [0, 0]), ("c", [1])],
            validation=[("a b", [0, 0]), ("d", [0])],
            test=[("c", [0]), ("c", [1]), ("c", [1]), ("e", [0]), ("ab", [0])],
        )
    )
    assert counts.shared == {("train", "validation"): 1, ("train", "test"): 1, ("validation", "test"): 0}
    assert counts.rows == {"train": 1, "validation": 0, "test": 2}
    assert (counts.texts, counts.conflicting) == (2, 1)


def test_texts_of_several_domains_are_counted_once_and_leaks_by_pair():
    one = splits(train=[("a", [0]), ("b", [0])], validation=[("c", [0])], test=[("a", [0])])
    two = splits(train=[("c", [0])], validation=[("a", [0]), ("a", [0]), ("b", [0])], test=[("e", [0])])
    counts = duplicates_between({"one": one, "two": two})
    assert counts.texts == 3
    assert counts.into_evaluation == {("one", "two", "validation"): 2, ("two", "one", "validation"): 1}


@pytest.mark.parametrize(
    ("name", "shared", "rows", "texts", "conflicting"),
    [
        ("music", [1, 6, 17], [1, 5, 8], 38, 27),
        ("ai", [0, 0, 3], [0, 0, 1], 3, 2),
        ("literature", [0, 0, 0], [0, 0, 0], 0, 0),
    ],
)
def test_the_official_files_have_the_known_duplicates(official, name, shared, rows, texts, conflicting):
    counts = duplicates_within(load(name, data_dir=official))
    assert [list(counts.shared.values()), list(counts.rows.values())] == [shared, rows]
    assert (counts.texts, counts.conflicting) == (texts, conflicting)
