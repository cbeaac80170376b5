"""Names of one word are counted as written and in lower case."""

import numpy as np

from crossner_hf.corpora.matching import NameIndex
from crossner_hf.corpora.name_case import NameCase

NAMES = ["Help", "Queen", "Jazz", "jazz", "King Crimson", "ABBA", "Élan"]


def names_of(index, numbers):
    return {index.name(number) for number in numbers}


def test_names_that_are_mostly_in_lower_case_are_rare_as_names():
    index, _ = NameIndex.build(NAMES)
    case = NameCase.build(index)
    sentences = ["Help me; help the élan, help!", "Queen met a queen. Queen, Queen", "jazz jazz Jazz king crimson"]
    counts = case.count(sentences)
    by_name = dict(zip(map(index.name, case.numbers), counts.T.tolist(), strict=True))
    assert by_name == {"Help": [1, 2], "Queen": [3, 1], "ABBA": [0, 0], "Élan": [0, 1]}
    assert names_of(index, case.rare(counts, 0.5)) == {"Help", "Élan"}
    assert names_of(index, case.rare(counts, 0.25)) == {"Help", "Élan"}
    assert names_of(index, case.rare(counts, 0.2)) == {"Help", "Élan", "Queen"}
    assert names_of(index, case.rare(counts, 1)) == set()


def test_counts_of_parts_of_a_corpus_add_up_and_a_saved_one_gives_the_same(tmp_path):
    index, _ = NameIndex.build(NAMES)
    case = NameCase.build(index)
    sentences = [f"{first} {second.lower()}" for first in NAMES for second in NAMES]
    case.save(tmp_path)
    opened = NameCase.open(tmp_path)
    np.testing.assert_array_equal(case.count(sentences), opened.count(sentences[:7]) + opened.count(sentences[7:]))
    np.testing.assert_array_equal(case.numbers, opened.numbers)


def test_names_that_have_no_other_case_are_not_judged():
    index, _ = NameIndex.build(["jazz", "King Crimson", "名前"])
    assert NameCase.build(index) is None
