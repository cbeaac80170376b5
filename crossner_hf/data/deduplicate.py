"""The `<domain>_dedup` variants: evaluation rows whose text may have been seen in training are left out.

CrossNER's splits share sentences (music: 6 texts of train are also in test, 17 of dev are; CoNLL-2003 has far more),
and one text of politics/train is also in science/test, a leak for training on several domains.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from crossner_hf.data.conll import Sentence, read_conll
from crossner_hf.data.sentences import read_sentences
from crossner_hf.schema import BUILT_IN, DEDUPLICATED, SPLITS, Domain


def seen_texts(domain: Domain, split: str, files_of: Callable[[Domain], dict[str, Path]]) -> set[str]:
    """Collect the texts that a split of a `_dedup` domain must not contain; none for the training split.

    `files_of` gives the three files of a domain; those of all six official domains are read.
    """
    if split == "train":
        return set()
    seen: set[str] = set()
    for other in (BUILT_IN[name.removesuffix("_dedup")] for name in DEDUPLICATED):
        is_same = f"{other.name}_dedup" == domain.name
        for other_split in (s for s in SPLITS if s != split) if is_same else ("train",):
            seen.update(sentence_text(s.tokens) for s in read_conll(files_of(other)[other_split], other.label2id))
    return seen


def split_sentences(domain: Domain, split: str, files_of: Callable[[Domain], dict[str, Path]]) -> list[Sentence]:
    """Read the sentences of a split, without those that a `_dedup` domain leaves out; see `seen_texts`."""
    seen = seen_texts(domain, split, files_of) if domain.name in DEDUPLICATED else set()
    sentences = read_sentences(domain, files_of(domain)[split])
    return [sentence for sentence in sentences if sentence_text(sentence.tokens) not in seen]


def sentence_text(tokens: Sequence[str]) -> str:
    """The sentence's words joined by one space: what counts as the same text."""
    return " ".join(tokens)
