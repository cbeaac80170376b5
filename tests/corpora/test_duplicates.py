"""Repeated sentences against a Python set; labelled sentences."""

import re

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from crossner_hf.corpora.duplicates import (
    labelled_key,
    labelled_keys,
    mark_repeats,
    sentence_keys,
    write_sorted_hashes,
)
from crossner_hf.data.sources import SAMPLE_FOLDER
from crossner_hf.schema import get_domain


def firsts_by_sets(shards, num_domains=5):
    """The masks of `mark_repeats`, by one Python set of seen keys for each domain."""
    seen = [set() for _ in range(num_domains)]
    masks = []
    for shard in shards:
        masks.append([])
        for key, domains in shard:
            bits = 0
            for number in range(num_domains):
                if domains >> number & 1 and key not in seen[number]:
                    seen[number].add(key)
                    bits |= 1 << number
            masks[-1].append(bits)
    return masks


def marked(folder, shards, range_entries):
    hash_files = [folder / f"{number}.npy" for number in range(len(shards))]
    keep_files = [folder / f"keep-{number}.npy" for number in range(len(shards))]
    for path, shard in zip(hash_files, shards, strict=True):
        keys = np.array([key for key, _ in shard], np.uint64)
        write_sorted_hashes(path, keys, np.array([domains for _, domains in shard], np.uint32))
    mark_repeats(hash_files, keep_files, range_entries)
    return [np.load(path).tolist() for path in keep_files]


keys = st.one_of(st.integers(0, 3), st.integers(2**64 - 3, 2**64 - 1), st.integers(0, 2**64 - 1))
entries = st.lists(st.tuples(keys, st.integers(0, 31)), max_size=12)


@settings(max_examples=60, deadline=None)
@given(shards=st.lists(entries, min_size=1, max_size=4), range_entries=st.integers(1, 20))
def test_the_merge_keeps_what_a_set_for_each_domain_keeps(tmp_path_factory, shards, range_entries):
    folder = tmp_path_factory.mktemp("merge")
    assert marked(folder, shards, range_entries) == firsts_by_sets(shards)


def test_without_domains_the_first_of_equal_sentences_is_kept(tmp_path):
    texts = [["One.", "Two.", "One."], ["Three.", "Two."]]
    hash_files = [tmp_path / "0.npy", tmp_path / "1.npy"]
    keep_files = [tmp_path / "k0.npy", tmp_path / "k1.npy"]
    for path, sentences in zip(hash_files, texts, strict=True):
        write_sorted_hashes(path, sentence_keys(sentences), np.ones(len(sentences), np.uint32))
    mark_repeats(hash_files, keep_files)
    assert [(np.load(path) != 0).tolist() for path in keep_files] == [[True, True, False], [True, False]]


def test_no_part_file_stays(tmp_path):
    marked(tmp_path, [[(1, 1)], []], 4)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.npy", "1.npy", "keep-0.npy", "keep-1.npy"]


def test_keys_depend_on_every_character_and_on_nothing_else():
    texts = ("A b.", "A  b.", "a b.", "A b", "", "Čeština")
    keys = sentence_keys(texts).tolist()
    assert len(set(keys)) == len(texts)
    assert keys[-1:] == sentence_keys(texts[-1:]).tolist() == [12180124347591014425]


def test_labelled_sentences_are_compared_without_white_space_punctuation_and_case():
    keys = labelled_keys([get_domain("sample_music")])
    assert len(keys) > 100
    line = (SAMPLE_FOLDER / "music" / "test.txt").read_text(encoding="utf-8").splitlines()[-1]
    words = re.sub(r"\[|\|\w+\]", "", line)
    assert labelled_key(words.upper().replace(" .", "!").replace(" ,", ",")) in keys
