"""Names found in text: compared with a simple matcher that tries every stretch of words."""

import multiprocessing
import os
import re
import unicodedata
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossner_hf.corpora import hashed_words, matching
from crossner_hf.corpora.hashed_words import HashedWords
from crossner_hf.corpora.matching import NameIndex
from crossner_hf.data.sentences import read_sentences
from crossner_hf.schema import DOMAINS
from crossner_hf.tagger.iob2 import spans

# Letters of one to four bytes, a combining mark, digits, punctuation, and white space of several kinds.
PIECES = [*"aabbAé\u0301ł名\U0001d4d01.'-", *"      ", "  ", "\t", "\u00a0", "\n "]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=60).map("".join)
NAMES = st.lists(st.lists(st.sampled_from(PIECES), max_size=6).map("".join), min_size=1, max_size=40)


def normal(text):
    return " ".join(text.split())


def distinct(names):
    return sorted({normal(name) for name in names} - {""}) or ["a"]


def words_of(text):
    """Begin and end of each word, one character after the other."""
    kinds = [
        "w" if c.isalnum() or unicodedata.category(c)[0] == "M" else "s" if c.isspace() else i
        for i, c in enumerate(text)
    ]
    at = 0
    for kind, group in groupby(kinds):
        begin, at = at, at + len(list(group))
        if kind != "s":
            yield begin, at


def brute_force(text, names, most_words=None):
    """Begin, end and name of the leftmost longest names."""
    names, bounds, matches, free = frozenset(names), list(words_of(text)), [], 0
    for number, (begin, _) in enumerate(bounds):
        if begin < free:
            continue
        for _, end in reversed(bounds[number:][:most_words]):
            if normal(text[begin:end]) in names:
                matches.append((begin, end, normal(text[begin:end])))
                free = end
                break
    return matches


def matches_of(index, text, allowed=None):
    return [(int(s), int(e), index.name(n)) for s, e, n in zip(*index.find(text, allowed), strict=True)]


def in_sentences(index, sentences, allowed=None):
    found = [[] for _ in sentences]
    for number, start, end, name in zip(*index.find_in(sentences, allowed), strict=True):
        found[number].append((int(start), int(end), index.name(name)))
    return found


@settings(deadline=None)
@given(NAMES, TEXTS)
def test_matches_are_those_of_a_brute_force_matcher(names, text):
    names = distinct(names)
    index, order = NameIndex.build(names)
    assert [index.name(i) for i in range(len(index))] == [names[i] for i in order]
    assert matches_of(index, text) == brute_force(text, names)


@settings(deadline=None)
@given(NAMES, TEXTS, st.integers(0, 2**30))
def test_names_that_are_not_allowed_hide_no_other_name(names, text, choice):
    index, _ = NameIndex.build(distinct(names))
    allowed = np.array([choice >> i & 1 for i in range(len(index))], np.uint8)
    kept = {index.name(i) for i in np.flatnonzero(allowed)}
    assert matches_of(index, text, allowed) == brute_force(text, kept)


@settings(deadline=None)
@given(NAMES, st.lists(TEXTS, max_size=8))
def test_sentences_searched_together_give_the_matches_of_each(names, sentences):
    index, _ = NameIndex.build(distinct(names))
    assert in_sentences(index, sentences) == [matches_of(index, text) for text in sentences]


@settings(deadline=None)
@given(NAMES, TEXTS, st.lists(TEXTS, max_size=8))
def test_matches_do_not_depend_on_where_batches_end(names, text, sentences):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matching, "BATCH_CHARACTERS", 7)
        patch.setattr(hashed_words, "KEPT_POWERS", 9)
        hashed_words._some_powers.cache_clear()
        index, _ = NameIndex.build(distinct(names))
        assert matches_of(index, text) == brute_force(text, distinct(names))
        assert in_sentences(index, sentences) == [brute_force(sentence, distinct(names)) for sentence in sentences]
    hashed_words._some_powers.cache_clear()


@settings(deadline=None)
@given(NAMES, TEXTS)
def test_equal_hashes_give_no_wrong_match(names, text):
    """All but three bits of the hashes are cleared, so that most of them are equal to that of another stretch."""
    whole = HashedWords.hashes
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HashedWords, "hashes", lambda *args: whole(*args) & np.uint64(7 << 61))
        index, order = NameIndex.build(distinct(names))
        assert matches_of(index, text) == brute_force(text, [distinct(names)[i] for i in order])


def test_matches_in_a_thousand_official_sentences_are_those_of_a_brute_force_matcher(official):
    """The names are the entities of all domains, and the beginnings of those of several words."""
    sentences, names = [], set()
    for domain in DOMAINS.values():
        for split in ("train", "dev"):
            for words, tags in read_sentences(domain, official / domain.name / f"{split}.txt"):
                sentences.append(" ".join(words))
                names |= {" ".join(words[start:end]) for start, end, _ in spans(tags)}
    names |= {name.rpartition(" ")[0] for name in names} - {""}
    index, _ = NameIndex.build(sorted(names))
    chosen = sentences[:: len(sentences) // 1000][:1000]
    most_words = 2 * max(len(name.split()) for name in names)
    assert most_words >= max(len(list(words_of(name))) for name in sorted(names, key=len)[-100:])
    expected = [brute_force(sentence, frozenset(names), most_words) for sentence in chosen]
    assert in_sentences(index, chosen) == expected
    assert sum(map(len, expected)) > 3_000


def test_a_shorter_and_a_later_name_are_tried():
    index, _ = NameIndex.build(["King", "King Louis", "King Louis X", "Louis XI of France"])
    assert matches_of(index, "Kings: King Louis XI of France") == [(7, 17, "King Louis")]
    assert matches_of(index, "KingLouis, King  Louis\nX") == [(11, 24, "King Louis X")]
    allowed = np.array([index.name(i) != "King Louis" for i in range(len(index))])
    assert matches_of(index, "King Louis XI of France", allowed) == [(0, 4, "King"), (5, 23, "Louis XI of France")]


def test_a_name_does_not_reach_into_the_next_sentence():
    index, _ = NameIndex.build(["New York", "New"])
    assert in_sentences(index, ["New", "York", "", "New York"]) == [[(0, 3, "New")], [], [], [(0, 8, "New York")]]


def test_a_text_longer_than_a_batch_is_searched_whole():
    filler = "word " * 60_000
    index, _ = NameIndex.build(["New York", "word New"])
    assert matches_of(index, f"{filler}New York")[-1] == (299_995, 300_003, "word New")
    assert matches_of(index, f"{filler}in New York")[-1] == (300_003, 300_011, "New York")


def test_no_text_and_no_names():
    index, _ = NameIndex.build(["New York"])
    assert matches_of(index, "") == [] == in_sentences(index, [])
    with pytest.raises(ValueError, match="no name"):
        NameIndex.build([])


@pytest.mark.parametrize("name", ["", " ", "A  B", " A", "A ", "A\tB", "A\x00B", "\x00", "A\nB", "A\u00a0B"])
def test_names_that_could_never_be_found_are_refused(name):
    for names in ([name], ["New York", name, "York"]):
        with pytest.raises(ValueError, match="single spaces"):
            NameIndex.build(names)


def shared_bytes(folder):
    """Matches in a process of its own, and whether the index is a mapped file there."""
    index = NameIndex.open(folder)
    mapped = re.findall(r"/\S*\.npy$", Path("/proc/self/maps").read_text(), re.MULTILINE)
    return matches_of(index, "in New York"), sorted(set(mapped))


@pytest.mark.skipif(not os.path.exists("/proc/self/maps"), reason="needs /proc")
def test_processes_share_a_saved_index(tmp_path):
    NameIndex.build(["New York", "York"])[0].save(tmp_path)
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        outcomes = pool.map(shared_bytes, [tmp_path, tmp_path], chunksize=1)
    for matches, mapped in outcomes:
        assert matches == [(3, 11, "New York")]
        assert mapped == sorted(map(str, tmp_path.glob("*.npy")))
