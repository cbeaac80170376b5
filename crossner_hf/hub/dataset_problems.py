"""Known problems of CrossNER's files, for the card of a data set: what the paper says and what the data shows."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from crossner_hf.data.duplicate_counts import duplicates_between, duplicates_within
from crossner_hf.data.sources import is_official, official_name
from crossner_hf.hub.dataset_files import Configuration
from crossner_hf.schema import DEDUPLICATED, SOURCE, SPLITS

# Of the paper's table of statistics: sentences where the files have other numbers, and the types that it leaves out.
PRINTED_SENTENCES: Mapping[str, Mapping[str, int]] = {
    "music": {"test": 456},
    SOURCE.name: {"train": 14_987, "validation": 3_466, "test": 3_684},
}
TYPES_NOT_PRINTED: Mapping[str, tuple[str, ...]] = {
    "literature": ("literarygenre",),
    "ai": ("programlang", "conference"),
}
# The files in which commit 5b393ec of zliucr/CrossNER changed labels.
CORRECTED: Mapping[str, tuple[str, ...]] = {
    "politics": ("test",),
    "science": SPLITS,
    "music": ("validation", "test"),
    "literature": ("validation",),
    "ai": ("validation", "test"),
}


def known_problems(configurations: Sequence[Configuration]) -> dict[str, Any]:
    """What the card's template says of problems, counted in the data; without official data there are none."""
    official = {c.domain.name: c for c in configurations if is_official(c.domain) and c.domain.name not in DEDUPLICATED}
    splits = {name: configuration.splits for name, configuration in official.items()}
    duplicates = {name: duplicates_within(rows) for name, rows in splits.items()}
    return {
        "count_differences": list(_count_differences(official)),
        "duplicates": [
            [name, *map(str, (*counts.shared.values(), *counts.rows.values(), counts.texts, counts.conflicting))]
            for name, counts in duplicates.items()
        ],
        "leaks": duplicates_between(splits) if len(splits) > 1 else None,
        "left_out": list(_left_out(official, configurations)),
        "corrected": [f"{name}/{split}" for name, splits in CORRECTED.items() for split in splits],
    }


def _count_differences(official: Mapping[str, Configuration]) -> Iterable[str]:
    """Where the numbers of the paper's table are not those of the files."""
    for name, printed in PRINTED_SENTENCES.items():
        if name in official:
            in_files = " / ".join(f"{len(official[name].splits[split]):,}" for split in printed)
            stated = " / ".join(f"{count:,}" for count in printed.values())
            reason = "; it counts the -DOCSTART- lines" if name == SOURCE.name else ""
            yield f"{name} {' / '.join(printed)}: {stated} sentences printed{reason}; {in_files} in the files."
    for name, types in TYPES_NOT_PRINTED.items():
        if name in official:
            number = len(official[name].domain.entity_types)
            missing = ", ".join(types)
            yield f"{name}: {number - len(types)} types printed, {number} in the files; left out: {missing}."
    if SOURCE.name in official:
        yield f"The released reader drops the last sentence of each {SOURCE.name} file; here it is kept."


def _left_out(official: Mapping[str, Configuration], configurations: Sequence[Configuration]) -> Iterable[str]:
    """Rows that the `_dedup` configurations lack, where their domains are here to compare with."""
    for configuration in configurations:
        name = official_name(configuration.domain)
        if configuration.domain.name in DEDUPLICATED and name in official:
            counts = (len(official[name].splits[s]) - len(configuration.splits[s]) for s in SPLITS[1:])
            yield f"{name} {' / '.join(f'{count:,}' for count in counts)}"
