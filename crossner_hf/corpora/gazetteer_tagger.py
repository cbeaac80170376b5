"""A gazetteer as a tagger: a baseline that needs no labelled sentence and no model."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from crossner_hf.corpora.gazetteer import Gazetteer
from crossner_hf.data.deduplicate import split_sentences
from crossner_hf.data.download import domain_files
from crossner_hf.data.sources import is_official, sha256_of
from crossner_hf.metric import score
from crossner_hf.metric.crossner.span_f1 import DEFAULT_CONVENTIONS
from crossner_hf.results.records import RunRecord
from crossner_hf.schema import Domain
from crossner_hf.tagger.iob2 import Span, iob2_tags


def tag_sentences(gazetteer: Gazetteer, domain: Domain, sentences: Sequence[Sequence[str]]) -> list[list[str]]:
    """Tag the leftmost longest names that begin and end where words do and have a type in the domain, in IOB2."""
    types = gazetteer.type_ids(domain)
    matches = gazetteer.index.find_in([" ".join(words) for words in sentences], types >= 0)
    spans: list[list[Span]] = [[] for _ in sentences]
    for sentence, start, end, name in zip(*(column.tolist() for column in matches), strict=True):
        begins = np.cumsum([0, *(len(word) + 1 for word in sentences[sentence])])
        first, behind = np.searchsorted(begins, (start, end + 1)).tolist()
        if begins[first] == start and begins[behind] == end + 1:
            spans[sentence].append(Span(first, behind, domain.entity_types[types[name]]))
    return [iob2_tags(found, len(words)) for found, words in zip(spans, sentences, strict=True)]


class GazetteerRun(NamedTuple):
    """The record of a gazetteer as a tagger, and the label ids that it gave to the sentences of each split."""

    record: RunRecord
    predictions: dict[str, list[list[int]]]


def evaluate_gazetteer(
    gazetteer: Gazetteer,
    domain: Domain,
    splits: Sequence[str] = ("validation", "test"),
    *,
    data_dir: str | Path | None = None,
    verify: bool = True,
    conventions: Sequence[str] = DEFAULT_CONVENTIONS,
) -> GazetteerRun:
    """Score a gazetteer as a tagger, under the three conventions that every record has and those that are given."""
    files_of = partial(domain_files, data_dir=data_dir, verify=verify)
    scores, predictions = {}, {}
    for split in splits:
        words, gold = zip(*split_sentences(domain, split, files_of), strict=True)
        tags = tag_sentences(gazetteer, domain, words)
        names = tuple(dict.fromkeys((*conventions, *DEFAULT_CONVENTIONS)))
        scores[split] = score(tags, gold, conventions=names, generic_types=domain.generic_types, tokens=words)
        predictions[split] = [[domain.label2id[tag] for tag in sentence] for sentence in tags]
    about = gazetteer.about
    record = RunRecord.new(
        kind="gazetteer",
        setting="no_training",
        is_crossner=is_official(domain) and verify,
        seed=0,
        domain=domain.name,
        entity_types=list(domain.entity_types),
        data_sha256={split: sha256_of(path) for split, path in files_of(domain).items()},
        encoder={"name": " + ".join(about.sources), "sha256": " ".join(about.sources.values())},
        arguments={"tagger": "gazetteer", "names": len(gazetteer), "lower_case_types": about.lower_case_types},
        test="test" in splits,
        scores=scores,
    )
    return GazetteerRun(record, predictions)
