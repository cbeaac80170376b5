"""The vocabulary of the models over word vectors: rows of the embedding, their first values, and the tokenizer."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from torch import Tensor

from .word_tokenizer import MAX_WORD_BYTES, WordTokenizer, lower_case
from .word_vectors import WordVectors

PAD, UNK = "[PAD]", "[UNK]"  # rows 0 and 1


class EmbeddingRows(NamedTuple):
    """What each row of the embedding stands for, with the names of `WordTaggerConfig`.

    Args:
        words: The word of each row: `[PAD]`, `[UNK]`, the training sets' words by falling count, other words with a
            vector.
        trained_words: Rows before this are trained; the others keep the vectors of the file.
        once_from: Rows from this to `trained_words` are words that occur once in the training sets.
    """

    words: list[str]
    trained_words: int
    once_from: int


def spellings(words: Iterable[str]) -> set[str]:
    """Give the words as they are and in lower case: all that may be looked up in a file of vectors."""
    distinct = set(words)
    return distinct.union(map(lower_case, distinct))


def build_tokenizer(
    counts: Mapping[str, int],
    vectors: WordVectors,
    all_vectors: bool = False,
    max_word_bytes: int = MAX_WORD_BYTES,
) -> tuple[WordTokenizer, EmbeddingRows]:
    """Build a tokenizer that knows the words of the training sets.

    A word that has no vector as it stands shares the row of its lower case, even if that has none either; and a word
    outside the vocabulary is looked up in lower case too. A word of the vector file that contains white space is never
    looked up and gets no row.

    Args:
        counts: How often each word occurs in the training sets.
        vectors: Word vectors.
        all_vectors: Add all other words that have a vector.
        max_word_bytes: Bytes after which a word is cut.
    """
    with_vector = set(vectors.words)
    splitter = pre_tokenizers.WhitespaceSplit()
    seen: Counter[str] = Counter()
    for word, count in counts.items():
        for part, _ in splitter.pre_tokenize_str(word):
            seen[part if part in with_vector else lower_case(part)] += count
    ordered = sorted(seen.keys() - {PAD, UNK}, key=lambda word: (-seen[word], word))
    words = [PAD, UNK, *ordered]
    trained = len(words)
    if all_vectors:
        others = (word for word in vectors.words if word not in seen and word not in (PAD, UNK))
        words += [word for word in others if word.split() == [word]]
    once = sum(seen[word] == 1 for word in ordered)
    backend = Tokenizer(models.WordLevel({word: row for row, word in enumerate(words)}, unk_token=UNK))
    backend.pre_tokenizer = splitter
    # split_special_tokens: a `[PAD]` in a text is a word like any other.
    options = {"max_word_bytes": max_word_bytes, "split_special_tokens": True, "lower_case_unknown": True}
    tokenizer = WordTokenizer(tokenizer_object=backend, pad_token=PAD, unk_token=UNK, **options)
    return tokenizer, EmbeddingRows(words, trained, trained - once)


def initial_rows(rows: EmbeddingRows, dim: int, vectors: WordVectors | None = None) -> Tensor:
    """Give the first values of the embedding, (words, dim).

    `[PAD]` is zeros. `[UNK]` and words without a vector are drawn from U(-sqrt(3/dim), sqrt(3/dim)) with the global
    generator.

    Args:
        rows: The rows of the embedding.
        dim: Width of a row.
        vectors: Word vectors of that width.

    Source: Lample et al. (2016), section 4.3.
    """
    bound = (3 / dim) ** 0.5
    values = torch.zeros(len(rows.words), dim)
    index = {} if vectors is None else {word: place for place, word in enumerate(vectors.words)}
    places = [-1, -1, *(index.get(word, -1) for word in rows.words[2:])]
    drawn = [row for row, place in enumerate(places) if place < 0 and row]
    values[drawn] = torch.empty(len(drawn), dim).uniform_(-bound, bound)
    copied = [row for row, place in enumerate(places) if place >= 0]
    if vectors is not None and copied:
        values[copied] = torch.from_numpy(vectors.matrix[[places[row] for row in copied]])
    return values
