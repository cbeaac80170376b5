"""The `<domain>_dedup` variants: evaluation rows whose text the model may have seen are taken out.

CrossNER's splits share sentences (music: 6 texts of train stand in test, 17 of dev; CoNLL-2003 far more), and one
politics/train text stands in science/test, a leak for whoever trains on several domains.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from crossner_hf.data.conll import read_conll
from crossner_hf.schema import BUILT_IN, DEDUPLICATED, SPLITS, Domain


def seen_texts(domain: Domain, split: str, files_of: Callable[[Domain], dict[str, Path]]) -> set[str]:
    """The texts that may not stand in this split of a `_dedup` domain; none for the training split.

    files_of: gives the three files of a domain; all six official domains are read.
    """
    if split == "train":
        return set()
    seen: set[str] = set()
    for other in (BUILT_IN[name.removesuffix("_dedup")] for name in DEDUPLICATED):
        same = f"{other.name}_dedup" == domain.name
        for other_split in (s for s in SPLITS if s != split) if same else ("train",):
            seen.update(text(s.tokens) for s in read_conll(files_of(other)[other_split], other.label2id))
    return seen


def text(tokens: Sequence[str]) -> str:
    """The sentence's words joined by one space: what counts as the same text."""
    return " ".join(tokens)
