"""Sentences of raw text as words, each once, without those that share a stretch of words with labelled sentences."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from crossner_hf.corpora.corpus import Corpus
from crossner_hf.corpora.sentences import split_document
from crossner_hf.tagger.word_splitter import split_words

SHARED_WORDS = 8  # in a row with an evaluation sentence: then the sentence is left out


def raw_sentences(
    corpus: Corpus, most: int, evaluation: Sequence[Sequence[str]]
) -> tuple[list[list[str]], Counter[str]]:
    """Read the first `most` sentences of raw text, each once, as words; count those left out by reason.

    A sentence is left out if it has eight words in a row with one of the `evaluation` sentences. Raises ValueError if
    there is no sentence.
    """
    dropped: Counter[str] = Counter()
    held_out = shared_stretches(evaluation)
    kept: dict[str, list[str]] = {}

    def texts() -> Iterator[str]:
        for document in corpus.documents(entities=False):
            yield from split_document(document.text, dropped)

    for text in texts():
        words = [word.text for word in split_words(text)]
        if text in kept:
            dropped["repeated"] += 1
        elif not held_out.isdisjoint(shared_stretches([words])):
            dropped["shared with evaluation"] += 1
        elif words:
            kept[text] = words
        if len(kept) == most:
            break
    if not kept:
        reasons = ", ".join(f"{reason}: {number:,}" for reason, number in dropped.most_common()) or "none was found"
        raise ValueError(f"{corpus}: no sentence in this raw text ({reasons}); give running text of the domain")
    return list(kept.values()), dropped


def shared_stretches(sentences: Sequence[Sequence[str]]) -> frozenset[int]:
    """Hash every stretch of eight words of sentences, in lower case and without punctuation."""
    return frozenset(key for words in sentences for key in stretches(" ".join(words)))


def stretches(text: str) -> Iterator[int]:
    """Yield the hash of every stretch of eight words of a text."""
    words = re.findall(r"\w+", text.lower())
    for begin in range(len(words) - SHARED_WORDS + 1):
        yield hash(tuple(words[begin : begin + SHARED_WORDS]))
