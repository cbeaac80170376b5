"""Sizes of the labelled data: sentences, tokens, entities by type."""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

from crossner_hf.data.builder import load
from crossner_hf.data.sources import FILE_NAMES, data_root
from crossner_hf.display import table
from crossner_hf.schema import DOMAINS, SAMPLES, SOURCE, Domain, get_domain
from crossner_hf.tagger.iob2 import spans


class SplitStatistics(NamedTuple):
    """Sizes of one split; `by_type` holds every type of the schema, also those that do not occur."""

    sentences: int
    tokens: int
    by_type: Counter[str]


def statistics(
    domain: Domain, *, data_dir: str | Path | None = None, verify: bool = True
) -> dict[str, SplitStatistics]:
    """The sizes of each split of a domain."""
    found = {}
    for split, dataset in load(domain.folder or domain.name, data_dir=data_dir, verify=verify).items():
        by_type = Counter(dict.fromkeys(domain.entity_types, 0))
        for ids in dataset["ner_tags"]:
            by_type.update(span.entity_type for span in spans([domain.labels[i] for i in ids]))
        found[split] = SplitStatistics(len(dataset), sum(map(len, dataset["tokens"])), by_type)
    return found


def statistics_table(name: str, *, data_dir: str | Path | None = None, verify: bool = True) -> str:
    """The sizes as text: a row a type, a column a split, the frequent types of the test split first."""
    domain = get_domain(name)
    found = statistics(domain, data_dir=data_dir, verify=verify)
    rows = [
        ("sentences", *(f"{s.sentences:,}" for s in found.values())),
        ("tokens", *(f"{s.tokens:,}" for s in found.values())),
        ("entities", *(f"{s.by_type.total():,}" for s in found.values())),
    ]
    for entity_type in sorted(domain.entity_types, key=lambda t: -found["test"].by_type[t]):
        rows.append((f"  {entity_type}", *(f"{s.by_type[entity_type]:,}" for s in found.values())))
    return table((domain.name, *found), rows)


def present_domains(data_dir: str | Path | None) -> list[str]:
    """The official domains whose files are there, then the samples."""
    root = data_root(data_dir)
    official = [
        name for name in (SOURCE.name, *DOMAINS) if all((root / name / file).is_file() for file in FILE_NAMES.values())
    ]
    return [*official, *SAMPLES]
