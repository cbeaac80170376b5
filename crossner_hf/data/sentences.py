"""The sentences of a domain's file, whatever its form."""

from collections.abc import Iterator
from pathlib import Path

from crossner_hf.data import conll, markup
from crossner_hf.schema import SAMPLES, Domain


def read_sentences(domain: Domain, path: str | Path) -> Iterator[conll.Sentence]:
    """The sentences of a domain's file: inline markup for the samples, CoNLL columns for all others."""
    if domain.name in SAMPLES:
        return markup.read_markup(Path(path), frozenset(domain.entity_types))
    return conll.read_conll(path, domain.label2id)
