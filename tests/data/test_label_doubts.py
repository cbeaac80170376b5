"""Contradictions in labels: between rows of one text, and between labels and confident systems."""

import random

import pytest

from crossner_hf.data.label_conflicts import Place, label_conflicts, near_repeats
from crossner_hf.data.label_doubts import KINDS, Answer, doubts
from crossner_hf.data.mention_types import ambiguous_strings
from crossner_hf.schema import Domain
from crossner_hf.tagger.iob2 import Span, spans

DOMAIN = Domain("own", ("x", "y"))


def columns(*sentences):
    """A split of sentences, each as words and tags."""
    pairs = [(words.split(), [DOMAIN.label2id[tag] for tag in tags.split()]) for words, tags in sentences]
    return {"tokens": [words for words, _ in pairs], "ner_tags": [ids for _, ids in pairs]}


SPLITS = {
    "train": columns(("a b c", "B-x I-x O"), ("d e", "B-y O"), ("A b, C", "O O O")),
    "validation": columns(("a b c", "B-x I-x O"), ("d e", "B-y O")),
    "test": columns(("a b c", "B-x O B-y"), ("d", "B-x")),
}


def test_rows_of_one_text_with_different_labels_are_listed_with_what_differs():
    (conflict,) = label_conflicts(DOMAIN, SPLITS)
    assert conflict.words == ["a", "b", "c"]
    assert conflict.entities == {
        Place("train", 0): [Span(0, 2, "x")],
        Place("validation", 0): [Span(0, 2, "x")],
        Place("test", 0): [Span(0, 1, "x"), Span(2, 3, "y")],
    }


def test_texts_that_differ_in_case_and_punctuation_are_counted():
    assert near_repeats(SPLITS) == 1


def test_strings_with_several_types_are_listed_with_their_places():
    assert ambiguous_strings(DOMAIN, SPLITS) == [
        ("d", {"y": [("train", 1, 0, 1), ("validation", 1, 0, 1)], "x": [("test", 1, 0, 1)]})
    ]


@pytest.mark.parametrize(
    ("labelled", "predicted", "kind"),
    [
        ("B-x I-x O O", "B-y I-y O O", "type"),
        ("B-x I-x O O", "B-x I-x I-x O", "boundary"),
        ("B-x I-x O O", "O B-y I-y O", "boundary and type"),
        ("O O O O", "O B-y I-y O", "not labelled"),
        ("O B-y I-y O", "O O O O", "no entity"),
    ],
)
def test_each_kind_of_contradiction(labelled, predicted, kind):
    (doubt,) = doubts(labelled.split(), [Answer(predicted.split(), [0.9, 0.92, 0.94, 0.96])], least=0.8)
    assert doubt.kind == kind
    assert [doubt.labelled] == (spans(labelled.split()) or [None])
    assert [doubt.predicted] == (spans(predicted.split()) or [None])


def test_of_several_labels_a_boundary_is_compared_with_that_of_its_type():
    (doubt,) = doubts(["B-y", "O", "B-x"], [Answer(["B-x", "I-x", "I-x"], [1.0] * 3)], least=0.9)
    assert (doubt.kind, doubt.labelled) == ("boundary", Span(2, 3, "x"))


def test_confidence_is_the_mean_over_words_and_systems():
    sure = Answer(["B-x", "I-x"], [1.0, 0.8])
    (doubt,) = doubts(["O", "O"], [sure, sure, sure, Answer(["B-x", "O"], [1.0, 1.0])], least=0.6)
    assert doubt.confidence == pytest.approx(0.9 * 3 / 4)
    assert doubts(["O", "O"], [sure, Answer(["O", "O"], [1.0, 1.0])], least=0.6) == []


def test_what_systems_and_labels_agree_on_is_no_doubt():
    """And with one system that is sure, the doubts are the differences, whatever the tags."""
    for seed in range(300):
        rng = random.Random(seed)
        labelled, predicted = (rng.choices(["O", "B-x", "I-x", "B-y"], k=8) for _ in range(2))
        found = doubts(labelled, [Answer(predicted, [1.0] * 8)], least=0.9)
        assert {d.predicted for d in found if d.predicted} == {*spans(predicted)} - {*spans(labelled)}
        untouched = {s for s in spans(labelled) if all(tag == "O" for tag in predicted[s.start : s.end])}
        assert {d.labelled for d in found if d.kind == "no entity"} == untouched
        assert {d.kind for d in found} <= {*KINDS}
        assert doubts(labelled, [Answer(labelled, [1.0] * 8)], least=0.9) == []
