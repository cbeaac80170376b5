"""A first look at labelled data: what most often goes wrong in annotations of one's own."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from crossner_hf.data.builder import load
from crossner_hf.data.duplicate_counts import duplicates_within
from crossner_hf.data.mention_types import ambiguous_strings
from crossner_hf.data.statistics import statistics
from crossner_hf.schema import Domain, canonical, get_domain

FEW_MENTIONS = 10  # with fewer a type is seldom learnt
SHOWN = 5


def what_looks_wrong(domain: Domain, splits: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each kind of problem: types with few mentions or like names, strings with two types, repeats."""
    yield from _problems_of_types(domain, splits)
    ambiguous = ambiguous_strings(domain, splits)
    if ambiguous:
        shown = "; ".join(
            f"{string!r} {_listed({t: len(mentions) for t, mentions in types.items()})}"
            for string, types in ambiguous[:SHOWN]
        )
        yield f"strings with more than one type: {len(ambiguous):,} ({shown})"
    duplicates = duplicates_within(splits)
    for (one, two), count in duplicates.shared.items():
        if count:
            yield f"texts in {one} and in {two}: {count:,}"
    repeated = sum(duplicates.rows.values())
    if repeated:
        yield f"sentences repeated within a split: {repeated:,}"
    if duplicates.conflicting:
        yield f"repeated texts with different labels: {duplicates.conflicting:,}"


def first_report(folder: str | Path) -> str:
    """Describe what looks wrong in the folder of a domain."""
    lines = list(what_looks_wrong(get_domain(folder), load(folder)))
    return "\n".join(["what looks wrong:", *(f"  {line}" for line in lines)] if lines else ["nothing looks wrong"])


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in Counter(counts).most_common())


def _problems_of_types(domain: Domain, splits: Mapping[str, Any]) -> Iterator[str]:
    sizes = statistics(domain, splits)
    few = {t: n for t, n in sizes["train"].by_type.items() if n < FEW_MENTIONS}
    if few:
        yield f"types with fewer than {FEW_MENTIONS} mentions in train: {_listed(few)}"
    for split in ("validation", "test"):
        missing = [t for t in domain.entity_types if not sizes[split].by_type[t]]
        if missing:
            yield f"types without a mention in {split}: {', '.join(missing)}"
    alike: dict[str, list[str]] = defaultdict(list)
    for entity_type in domain.entity_types:
        alike[canonical(entity_type)].append(entity_type)
    for names in alike.values():
        if len(names) > 1:
            yield f"types that may be one: {', '.join(names)}"
