"""Sizes of the labelled data: sentences, words, entities of each type."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import datasets

from crossner_hf.data.builder import load
from crossner_hf.data.sources import FILE_NAMES, data_root
from crossner_hf.display import table
from crossner_hf.schema import DOMAINS, SAMPLES, SOURCE, Domain, get_domain
from crossner_hf.tagger.iob2 import spans


class SplitStatistics(NamedTuple):
    """Sizes of one split; `by_type` has every type of the schema, also those that do not occur."""

    sentences: int
    words: int
    by_type: Counter[str]


def statistics(domain: Domain, splits: Mapping[str, datasets.Dataset]) -> dict[str, SplitStatistics]:
    """Count the sizes of each split of a domain, loaded by `load`."""
    sizes = {}
    for split, dataset in splits.items():
        by_type = Counter(dict.fromkeys(domain.entity_types, 0))
        for ids in dataset["ner_tags"]:
            by_type.update(span.entity_type for span in spans([domain.labels[i] for i in ids]))
        sizes[split] = SplitStatistics(len(dataset), sum(map(len, dataset["tokens"])), by_type)
    return sizes


def statistics_table(name: str | Path, *, data_dir: str | Path | None = None, verify: bool = True) -> str:
    """The sizes as text: one row for each type, one column for each split, types that are frequent in test first."""
    domain = get_domain(name)
    sizes = statistics(domain, load(name, data_dir=data_dir, verify=verify))
    rows = [
        ("sentences", *(f"{size.sentences:,}" for size in sizes.values())),
        ("words", *(f"{size.words:,}" for size in sizes.values())),
        ("entities", *(f"{size.by_type.total():,}" for size in sizes.values())),
    ]
    for entity_type in sorted(domain.entity_types, key=lambda t: -sizes["test"].by_type[t]):
        rows.append((f"  {entity_type}", *(f"{size.by_type[entity_type]:,}" for size in sizes.values())))
    return table((domain.name, *sizes), rows)


def present_domains(data_dir: str | Path | None) -> list[str]:
    """The official domains whose files are there, then the samples."""
    root = data_root(data_dir)
    names = (SOURCE.name, *DOMAINS)
    return [*(name for name in names if all((root / name / file).is_file() for file in FILE_NAMES.values())), *SAMPLES]
