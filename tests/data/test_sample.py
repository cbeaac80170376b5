"""The hand-written sample: sizes, types, and what makes it fit to train and score on."""

import re
from collections import Counter
from functools import cache
from itertools import combinations

import pytest

from crossner_hf.data.sentences import read_sentences
from crossner_hf.data.sources import SAMPLE_FOLDER as FOLDER
from crossner_hf.schema import SAMPLES
from crossner_hf.tagger.iob2 import spans
from crossner_hf.tagger.word_splitter import split_words

SIZES = {"music": {"train": 60, "dev": 30, "test": 40}, "news": {"train": 150, "dev": 40, "test": 40}}
ENTITIES_PER_SENTENCE = {"music": (4, 7), "news": (1, 3)}
MIN_MENTIONS = {"train": 4, "dev": 1, "test": 2}  # of every type
EVERY_SPLIT = [(domain, split) for domain, sizes in SIZES.items() for split in sizes]


@cache
def read(domain, split):
    return list(read_sentences(SAMPLES[f"sample_{domain}"], FOLDER / domain / f"{split}.txt"))


def mentions(domain, split):
    """Words and type of every entity of a split."""
    return [
        (" ".join(sentence.tokens[start:end]), entity_type)
        for sentence in read(domain, split)
        for start, end, entity_type in spans(sentence.tags)
    ]


@pytest.mark.parametrize(("domain", "split"), EVERY_SPLIT)
def test_a_split_has_its_size(domain, split):
    assert len(read(domain, split)) == SIZES[domain][split]


@pytest.mark.parametrize(("domain", "split"), EVERY_SPLIT)
def test_a_file_begins_with_a_comment_on_its_split_and_size(domain, split):
    first = (FOLDER / domain / f"{split}.txt").read_text(encoding="utf-8").splitlines()[0]
    name = {"train": "training", "dev": "development", "test": "test"}[split]
    assert first.startswith("# ")
    assert f"{SIZES[domain][split]} {name} sentences" in first


@pytest.mark.parametrize(("domain", "split"), EVERY_SPLIT)
def test_the_mean_number_of_entities_per_sentence_is_that_of_the_domain(domain, split):
    low, high = ENTITIES_PER_SENTENCE[domain]
    assert low <= len(mentions(domain, split)) / len(read(domain, split)) <= high


@pytest.mark.parametrize("split", SIZES["music"])
def test_music_sentences_are_as_long_as_sentences_of_an_encyclopedia(split):
    lengths = [len(sentence.tokens) for sentence in read("music", split)]
    assert min(lengths) >= 15
    assert max(lengths) <= 60
    assert 22 <= sum(lengths) / len(lengths) <= 42  # CrossNER's music files have 40


@pytest.mark.parametrize(("domain", "split"), EVERY_SPLIT)
def test_every_type_occurs_often_enough(domain, split):
    counts = Counter(entity_type for _, entity_type in mentions(domain, split))
    rare = {t: counts[t] for t in SAMPLES[f"sample_{domain}"].entity_types if counts[t] < MIN_MENTIONS[split]}
    assert not rare


@pytest.mark.parametrize("domain", SIZES)
def test_no_sentence_occurs_twice_in_a_domain(domain):
    every = [" ".join(s.tokens).lower() for split in SIZES[domain] for s in read(domain, split)]
    assert [sentence for sentence, count in Counter(every).items() if count > 1] == []


@pytest.mark.parametrize("domain", SIZES)
def test_no_two_sentences_share_most_of_their_words(domain):
    bags = [frozenset(t.lower() for t in s.tokens) for split in SIZES[domain] for s in read(domain, split)]
    alike = [(a & b) for a, b in combinations(bags, 2) if len(a & b) / len(a | b) > 0.5]
    assert alike == []


def test_few_mentions_of_music_test_are_known_from_train():
    known = {words for words, _ in mentions("music", "train")}
    test = mentions("music", "test")
    share = sum(words in known for words, _ in test) / len(test)
    assert 0.08 <= share <= 0.25  # 0.14 to 0.23 in CrossNER's domains


@pytest.mark.parametrize("domain", SIZES)
def test_the_same_words_always_have_the_same_type(domain):
    types: dict[str, set[str]] = {}
    for split in SIZES[domain]:
        for words, entity_type in mentions(domain, split):
            types.setdefault(words, set()).add(entity_type)
    assert {words: kinds for words, kinds in types.items() if len(kinds) > 1} == {}


@pytest.mark.parametrize("domain", SIZES)
def test_words_marked_in_one_sentence_are_marked_in_all(domain):
    """A genre, award or country that is an entity in one place must not be plain text elsewhere."""
    known = {words for split in SIZES[domain] for words, _ in mentions(domain, split)}
    missed = []
    for split in SIZES[domain]:
        for tokens, tags in read(domain, split):
            plain = "".join(f" {token} " if tag == "O" else " \n " for token, tag in zip(tokens, tags, strict=True))
            missed += [(words, " ".join(tokens)) for words in known if f" {words.replace(' ', '  ')} " in plain]
    assert missed == []


@pytest.mark.parametrize(("domain", "split"), EVERY_SPLIT)
def test_words_are_split_as_crossner_splits_them(domain, split):
    """Commas and the like stand alone, save in numbers; an apostrophe opens a word; brackets and quotes stand alone."""
    number = re.compile(r"\d[\d,.:-]*\d")
    for tokens, _ in read(domain, split):
        for token in tokens:
            attached = len(token) > 1 and not number.fullmatch(token) and re.search(r"[,;:()\"?!&/]|.'", token)
            assert not attached, f"{token!r} in {' '.join(tokens)!r}"


def raw_documents():
    """The documents of music/raw.txt; no abbreviation in it ends in a period, so every `. ` ends a sentence."""
    text = (FOLDER / "music" / "raw.txt").read_text(encoding="utf-8")
    return [re.split(r"(?<=[.!?])\s", document) for document in text.rstrip("\n").split("\n\n")]


def test_raw_text_has_its_size():
    documents = raw_documents()
    assert len(documents) >= 20
    assert 145 <= sum(map(len, documents)) <= 160


def test_raw_text_has_no_markup_and_whole_sentences():
    text = (FOLDER / "music" / "raw.txt").read_text(encoding="utf-8")
    assert not re.search(r"[][|#]| [,.;:]|  |\n{3}", text)
    assert text.endswith(".\n")
    for sentence in (s for document in raw_documents() for s in document):
        assert re.fullmatch(r"\w.{25,}[^.]\.", sentence), sentence


def test_no_labelled_sentence_is_like_one_of_the_raw_text():
    raw = [[word.text.lower() for word in split_words(s)] for document in raw_documents() for s in document]
    labelled = [[t.lower() for t in s.tokens] for split in SIZES["music"] for s in read("music", split)]
    bags = [(frozenset(a), frozenset(b)) for a in raw for b in labelled]
    assert [sorted(a & b) for a, b in bags if len(a & b) / len(a | b) > 0.5] == []
