"""Near-duplicate documents against all pairs of exact shingle sets."""

import random

import numpy as np

from crossner_hf.corpora import near_duplicates
from crossner_hf.corpora.near_duplicates import mark_near_duplicates, signatures, write_signatures


def jaccard(one, other):
    first, second = (set(near_duplicates._shingles(text)) for text in (one, other))
    return len(first & second) / len(first | second)


def kept(folder, shards, domains=None):
    names = [[folder / f"{what}{number}.npy" for number in range(len(shards))] for what in ("bands", "rows", "keep")]
    for number, texts in enumerate(shards):
        of_shard = domains[number] if domains else [near_duplicates.ALL_DOMAINS] * len(texts)
        masks = np.array(of_shard, np.uint32)
        write_signatures(names[1][number], names[0][number], signatures(texts), masks)
    mark_near_duplicates(*names, range_entries=64)
    return [np.load(path).tolist() for path in names[2]]


def changed(words, count, rng):
    words = list(words)
    for at in rng.sample(range(len(words)), count):
        words[at] = f"w{rng.random()}"
    return " ".join(words)


def test_copies_with_few_changes_go_and_others_stay(tmp_path):
    rng = random.Random(0)
    articles = [[f"word{rng.randrange(500)}" for _ in range(200)] for _ in range(30)]
    originals = [" ".join(words) for words in articles]
    near = [changed(words, 2, rng) for words in articles]
    far = [changed(words, 40, rng) for words in articles]
    assert min(map(jaccard, originals, near)) > 0.9
    assert max(map(jaccard, originals, far)) < 0.6
    masks = kept(tmp_path, [originals, near, far])
    assert [[mask != 0 for mask in of_file] for of_file in masks] == [[True] * 30, [False] * 30, [True] * 30]


def test_a_copy_in_another_domain_stays(tmp_path):
    text = " ".join(f"word{number}" for number in range(50))
    masks = kept(tmp_path, [[text, text], [text]], [[0b01, 0b11], [0b10]])
    assert [
        [mask & belongs for mask, belongs in zip(*row, strict=True)] for row in zip(masks, [[1, 3], [2]], strict=True)
    ] == [
        [0b01, 0b10],
        [0b00],
    ]


def test_short_documents_have_signatures_too(tmp_path):
    masks = kept(tmp_path, [["One.", "One.", "Two.", ""]])
    assert [mask != 0 for mask in masks[0]] == [True, False, True, True]


def test_no_document_gives_no_signature():
    assert signatures([]).shape == (0, near_duplicates.PERMUTATIONS)
