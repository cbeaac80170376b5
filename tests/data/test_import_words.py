"""Texts with spans become words with tags; tags of any scheme become IOB2; documents go to splits."""

import itertools
import random

import pytest

from crossner_hf.data.conll import Sentence
from crossner_hf.data.importing.documents import CharacterSpan, ImportOptions, Notes, TaggedDocument, TextDocument
from crossner_hf.data.importing.split_documents import stratified_split
from crossner_hf.data.importing.tag_schemes import as_iob2, scheme_of
from crossner_hf.data.importing.words_of_spans import tagged_sentences
from crossner_hf.tagger.iob2 import iob2_tags, spans

TEXT = "The Oscar-nominated Miles  Davis Quintet toured."


def tag(text, *entities, **options):
    """Tagged sentences of a text as `words` and `tags`, and the notes."""
    notes = Notes()
    document = TextDocument("here", None, text, [CharacterSpan(*entity) for entity in entities])
    sentences = tagged_sentences(document, ImportOptions(**options), notes)
    return [(" ".join(s.tokens), " ".join(s.tags)) for s in sentences], list(notes.lines())


def test_a_span_that_cuts_a_word_is_extended_or_dropped_and_shown():
    ((words, tags),), notes = tag(TEXT, (4, 9, "award"))
    assert words == "The Oscar-nominated Miles Davis Quintet toured ."
    assert tags == "O B-award O O O O O"
    assert notes == ["spans that cut a word, extended to it: 1 (here: 'Oscar' of 'Oscar-nominated')"]
    ((_, tags),), notes = tag(TEXT, (4, 9, "award"), cut_words="drop")
    assert tags == "O O O O O O O"
    assert notes == ["spans that cut a word, left out: 1 (here: 'Oscar' of 'Oscar-nominated')"]


def test_white_space_at_the_edges_of_a_span_is_no_part_of_it():
    ((_, tags),), notes = tag(TEXT, (19, 33, "person"))
    assert (tags, notes) == ("O O B-person I-person O O O", [])


def test_of_overlapping_spans_the_longest_counts():
    ((_, tags),), notes = tag(TEXT, (20, 32, "person"), (20, 40, "band"), (27, 40, "album"))
    assert tags == "O O B-band I-band I-band O O"
    assert notes == [
        "overlapping spans left out for a longer or earlier one: 2 "
        "(here: 'Miles  Davis' (person) for 'Miles  Davis Quintet' (band); "
        "here: 'Davis Quintet' (album) for 'Miles  Davis Quintet' (band))"
    ]


def test_of_equal_spans_the_first_in_the_source_counts_and_repeats_are_no_conflict():
    ((_, tags),), notes = tag(TEXT, (20, 32, "person"), (20, 32, "artist"), (20, 32, "person"))
    assert tags == "O O B-person I-person O O O"
    assert [note.partition(" (")[0] for note in notes] == [
        "overlapping spans left out for a longer or earlier one: 1",
        "spans given twice, kept once: 1",
    ]


def test_kept_spans_never_overlap_and_no_kept_span_could_be_longer():
    """Against the definition: every span that is left out overlaps a kept one that is at least as long."""
    words = ["a", "b", "c", "d", "e", "f", "g", "h"]
    for seed in range(200):
        rng = random.Random(seed)
        pairs = [sorted(rng.sample(range(9), 2)) for _ in range(5)]
        entities = [(2 * start, 2 * end - 1, "ab"[seed % 2]) for start, end in pairs]
        ((_, tags),), _ = tag(" ".join(words), *entities)
        kept = spans(tags.split())
        assert iob2_tags(kept, 8) == tags.split()
        for start, end in pairs:
            assert any(start < k.end and k.start < end and k.end - k.start >= end - start for k in kept)


@pytest.mark.parametrize("span", [(0, 99, "x"), (-1, 3, "x"), (5, 5, "x"), (9, 4, "x")])
def test_a_span_outside_its_text_is_an_error_with_the_place(span):
    with pytest.raises(ValueError, match=r"^here: the span .* does not lie in its text of 48 characters"):
        tag(TEXT, span)


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("He left. She stayed.", ["He left .", "She stayed ."]),
        ("Dr. No met J. Bond in the U.S. Senate. Why?", ["Dr. No met J. Bond in the U.S. Senate .", "Why ?"]),
        ('"Stop!" he said. "Go." Then 3 left.', ['" Stop ! " he said .', '" Go . "', "Then 3 left ."]),
        ("A title\nA text of 3.5 words", ["A title", "A text of 3.5 words"]),
        ("\n \n", []),
    ],
)
def test_texts_are_split_at_line_ends_and_sentence_ends(text, sentences):
    assert [words for words, _ in tag(text)[0]] == sentences


def test_no_sentence_ends_within_an_entity():
    sentences, _ = tag("We saw Mother! Again and\nagain. Yes.", (7, 20, "film"))
    assert sentences == [
        ("We saw Mother ! Again and", "O O B-film I-film I-film O"),
        ("again .", "O O"),
        ("Yes .", "O O"),
    ]


def test_a_whole_text_can_be_one_sentence():
    assert len(tag("One. Two.\nThree.", sentences="whole")[0]) == 1


SCHEMES = {
    "IOB2": lambda first, last, neighbour: "B" if first else "I",
    "IOB1": lambda first, last, neighbour: "B" if first and neighbour else "I",
    "BIOES": lambda first, last, neighbour: {(1, 1): "S", (1, 0): "B", (0, 1): "E", (0, 0): "I"}[first, last],
    "BILOU": lambda first, last, neighbour: {(1, 1): "U", (1, 0): "B", (0, 1): "L", (0, 0): "I"}[first, last],
    "BMES": lambda first, last, neighbour: {(1, 1): "S", (1, 0): "B", (0, 1): "E", (0, 0): "M"}[first, last],
    "BMEW": lambda first, last, neighbour: {(1, 1): "W", (1, 0): "B", (0, 1): "E", (0, 0): "M"}[first, last],
}


@pytest.mark.parametrize("name", SCHEMES)
def test_all_tag_sequences_of_a_scheme_are_read_back(name):
    """Every way to fill five words with entities of two types."""
    documents, expected = [], []
    for tags in itertools.product(("O", "B-x", "I-x", "B-y", "I-y"), repeat=5):
        entities = spans(tags)
        if iob2_tags(entities, 5) != list(tags):
            continue
        coded = ["O"] * 5
        for start, end, kind in entities:
            neighbour = any(other.end == start and other.entity_type == kind for other in entities)
            for i in range(start, end):
                coded[i] = f"{SCHEMES[name](i == start, i == end - 1, neighbour)}-{kind}"
        documents.append(TaggedDocument("here", None, [Sentence(list("abcde"), coded)]))
        expected.append(list(tags))
    scheme, notes = scheme_of(documents), Notes()
    assert scheme.name == name
    assert [as_iob2(document, scheme, notes)[0].tags for document in documents] == expected
    assert not notes.counts


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        (
            "S-x O U-x",
            r"tags of no one scheme \(BIOES, .*\): 'S-x' \(here\) and 'U-x' \(here\); import the files apart",
        ),
        ("B-x O person", "here: expected a tag with a prefix, as the others .*, got 'person'"),
    ],
)
def test_tags_of_several_schemes_are_refused(tags, message):
    with pytest.raises(ValueError, match=message):
        scheme_of([TaggedDocument("here", None, [Sentence(list("abc"), tags.split())])])


@pytest.mark.parametrize(
    ("tags", "iob2"),
    [
        ("B I O B", "B-entity I-entity O B-entity"),
        ("B:x I:x O B/y", "B-x I-x O B-y"),
        ("B M E S", "B-entity I-entity I-entity B-entity"),
    ],
)
def test_tags_without_types_and_other_separators_have_prefixes(tags, iob2):
    document = TaggedDocument("here", None, [Sentence(list("abcd"), tags.split())])
    assert " ".join(as_iob2(document, scheme_of([document]), Notes())[0].tags) == iob2


def test_a_mixture_of_iob1_and_iob2_is_said():
    documents = [TaggedDocument("here", None, [Sentence(list("abcd"), ["I-x", "O", "B-x", "I-x"])])]
    assert scheme_of(documents).name == "IOB1 and IOB2 mixed: 1 entities begin with I-, 1 with B-"


def documents_of(seed):
    """Documents of one to four sentences, with types of which one is rare."""
    rng = random.Random(seed)
    return [
        [
            Sentence(["w"], [rng.choices(["O", "B-a", "B-b", "B-c"], [5, 3, 2, 0.2])[0]])
            for _ in range(rng.randint(1, 4))
        ]
        for _ in range(60)
    ]


@pytest.mark.parametrize("seed", range(20))
def test_a_split_has_every_type_in_train_and_its_shares(seed):
    documents = documents_of(seed)
    shares = {"train": 0.8, "validation": 0.1, "test": 0.1}
    chosen = stratified_split(documents, shares, seed)
    assert chosen == stratified_split(documents, shares, seed)
    kinds = [{s.entity_type for sentence in document for s in spans(sentence.tags)} for document in documents]
    of_train = [kinds[i] for i, split in enumerate(chosen) if split == "train"]
    assert set().union(*of_train) == set().union(*kinds)
    total = sum(map(len, documents))
    for split, share in shares.items():
        size = sum(len(document) for document, s in zip(documents, chosen, strict=True) if s == split)
        assert abs(size / total - share) < 0.06


def test_another_seed_gives_another_split():
    shares = {"train": 0.8, "validation": 0.1, "test": 0.1}
    assert stratified_split(documents_of(0), shares, 0) != stratified_split(documents_of(0), shares, 1)


def test_a_type_of_one_document_stands_in_train():
    documents = [[Sentence(["w"], ["B-rare"])], *([Sentence(["w"], ["B-common"])] for _ in range(9))]
    for seed in range(10):
        assert stratified_split(documents, {"train": 0.5, "test": 0.5}, seed)[0] == "train"
