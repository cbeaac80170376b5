"""Tags and spans: from one to the other and back, against seqeval and against the definition written out."""

from itertools import chain, combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities

from crossner_hf.schema import DOMAINS
from crossner_hf.tagger.iob2 import (
    Span,
    allowed_transitions,
    as_iob2_labels,
    iob2_tags,
    may_follow,
    spans,
    split_tag,
    stray_inside_opens,
)

TYPES = ("person", "band", "co-operative")  # a type may hold a hyphen
LABELS = ("O", *(f"{prefix}-{t}" for t in TYPES for prefix in "BI"))


@st.composite
def sentences_with_spans(draw):
    """Spans that do not overlap, in order, and the length of their sentence."""
    placed, position = [], 0
    for gap, length, entity_type in draw(
        st.lists(st.tuples(st.integers(0, 3), st.integers(1, 4), st.sampled_from(TYPES)), max_size=6)
    ):
        start = position + gap
        position = start + length
        placed.append(Span(start, position, entity_type))
    return placed, position + draw(st.integers(0, 3))


@given(sentences_with_spans())
def test_spans_written_as_tags_are_read_as_the_same_spans(case):
    placed, length = case
    tags = iob2_tags(placed, length)
    assert len(tags) == length
    assert spans(tags) == placed


@given(sentences_with_spans(), st.randoms())
def test_the_order_in_which_spans_are_given_does_not_matter(case, random):
    placed, length = case
    shuffled = random.sample(placed, len(placed))
    assert iob2_tags(shuffled, length) == iob2_tags(placed, length)


@given(st.lists(st.sampled_from(LABELS)))
def test_any_tags_hold_the_entities_that_seqeval_finds(tags):
    expected = [Span(start, end + 1, entity_type) for entity_type, start, end in get_entities(tags)]
    assert spans(tags) == expected


@given(st.lists(st.sampled_from(LABELS)))
def test_valid_tags_come_back_from_their_spans_and_others_become_valid(tags):
    again = iob2_tags(spans(tags), len(tags))
    valid = all(may_follow(previous, tag) for previous, tag in pairwise([None, *tags]))
    assert (again == tags) == valid
    assert all(may_follow(previous, tag) for previous, tag in pairwise([None, *again]))


def test_neighbours_of_one_type_are_two_entities():
    assert spans(["B-band", "B-band", "I-band"]) == [Span(0, 1, "band"), Span(1, 3, "band")]


def test_a_stray_inside_tag_opens_an_entity():
    assert spans(["I-band", "O", "B-person", "I-band", "I-band"]) == [
        *(Span(0, 1, "band"), Span(2, 3, "person"), Span(3, 5, "band"))
    ]


def test_a_sentence_without_words_has_no_entities():
    assert spans([]) == []
    assert iob2_tags([], 0) == []


@pytest.mark.parametrize(
    ("placed", "message"),
    [
        ([Span(0, 2, "band"), Span(1, 3, "person")], "span 1:3 person overlaps another"),
        ([Span(0, 2, "band"), Span(0, 2, "band")], "span 0:2 band overlaps another"),
        ([Span(1, 1, "band")], "span 1:1 band does not lie in a sentence of 3 words"),
        ([Span(2, 4, "band")], "span 2:4 band does not lie"),
        ([Span(-1, 1, "band")], "span -1:1 band does not lie"),
        ([Span(2, 1, "band")], "span 2:1 band does not lie"),
    ],
)
def test_spans_that_no_tags_can_hold_are_refused(placed, message):
    with pytest.raises(ValueError, match=message):
        iob2_tags(placed, 3)


def test_transitions_are_those_that_occur_in_some_valid_sentence():
    """Valid sentences of up to three words, made from all sets of spans without ever asking about transitions."""
    types = TYPES[:2]
    labels = LABELS[: 1 + 2 * len(types)]
    pieces = [Span(start, end, t) for start in range(3) for end in range(start + 1, 4) for t in types]
    seen = set()
    for chosen in chain.from_iterable(combinations(pieces, n) for n in range(4)):
        if all(a.end <= b.start or b.end <= a.start for a, b in combinations(chosen, 2)):
            tags = iob2_tags(chosen, 3)
            seen |= set(pairwise([None, *tags]))
    assert allowed_transitions(labels) == [
        [(previous, label) in seen for label in labels] for previous in (*labels, None)
    ]


def test_a_domain_of_n_types_has_its_number_of_allowed_transitions():
    """Anything may go to O and to each B-; to I- only its own B- and I-."""
    for domain in DOMAINS.values():
        n, m = len(domain.entity_types), len(domain.labels)
        table = allowed_transitions(domain.labels)
        assert [len(row) for row in table] == [m] * (m + 1)
        assert sum(map(sum, table)) == (m + 1) * (n + 1) + 2 * n
        assert sum(table[-1]) == n + 1


@pytest.mark.parametrize(
    ("tag", "parts"), [("O", ("O", "")), ("B-album", ("B", "album")), ("I-co-operative", ("I", "co-operative"))]
)
def test_a_tag_splits_at_its_first_hyphen(tag, parts):
    assert split_tag(tag) == parts


TAGS = {  # the same sentence in every scheme: of one word, of three, of two right after another of its type
    "iob2": "O B-PER O B-LOC I-LOC I-LOC O B-PER I-PER B-PER",
    "bioes": "O S-PER O B-LOC I-LOC E-LOC O B-PER E-PER S-PER",
    "bilou": "O U-PER O B-LOC I-LOC L-LOC O B-PER L-PER U-PER",
    "bmew": "O W-PER O B-LOC M-LOC E-LOC O B-PER E-PER W-PER",
    "underscore": "O B_PER O B_LOC I_LOC I_LOC O B_PER I_PER B_PER",
    "lower case": "o b-PER o b-LOC i-LOC i-LOC o b-PER i-PER b-PER",
}


@pytest.mark.parametrize("scheme", TAGS)
def test_labels_of_every_scheme_give_the_same_entities(scheme):
    tags = TAGS[scheme].split()
    labels = sorted(set(tags))
    mapped = dict(zip(labels, as_iob2_labels(labels), strict=True))
    assert stray_inside_opens([mapped[tag] for tag in tags]) == TAGS["iob2"].split()


def test_types_alone_make_one_entity_of_neighbours_and_labels_of_special_tokens_are_outside():
    labels = ["[PAD]", "O", "person", "work-of-art", "e-mail", "[CLS]"]
    mapped = dict(zip(labels, as_iob2_labels(labels), strict=True))
    tags = stray_inside_opens([mapped[t] for t in ("person", "person", "O", "e-mail", "work-of-art", "work-of-art")])
    assert tags == ["B-person", "I-person", "O", "B-e-mail", "B-work-of-art", "I-work-of-art"]
    assert {mapped[label] for label in ("[PAD]", "[CLS]")} == {"O"}


@pytest.mark.parametrize(
    "labels", ["LABEL_0 LABEL_1", "O B-PER I-PER LOC", "O PER-B PER-I", "NOUN VERB", "O LABEL_1 LABEL_2", "O B I", "O"]
)
def test_labels_from_which_no_entities_can_be_read_are_shown(labels):
    with pytest.raises(ValueError, match=f"no entities can be read from the labels {', '.join(labels.split())}; id2"):
        as_iob2_labels(labels.split())


@given(st.lists(st.sampled_from(LABELS)))
def test_stray_inside_tags_become_the_openings_as_which_they_are_read(tags):
    assert stray_inside_opens(tags) == iob2_tags(spans(tags), len(tags))


def test_iob2_labels_stay_as_they_are():
    for domain in DOMAINS.values():
        assert as_iob2_labels(domain.labels) == list(domain.labels)
