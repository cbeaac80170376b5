"""Known problems of CrossNER's files, for the data set's card: what the paper says, and what the data shows."""

from collections.abc import Mapping, Sequence
from itertools import combinations

from crossner_hf.data.duplicates import duplicates_between, duplicates_within
from crossner_hf.data.export import Configuration
from crossner_hf.data.sources import is_official, official_name
from crossner_hf.results.tables import markdown_table
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
CORRECTION = "5b393ec"
CORRECTED: Mapping[str, tuple[str, ...]] = {
    "politics": ("test",),
    "science": SPLITS,
    "music": ("validation", "test"),
    "literature": ("validation",),
    "ai": ("validation", "test"),
}


def section(written: Sequence[Configuration]) -> str:
    """The card's section, empty where there is nothing official to have problems. Numbers are counted in `written`."""
    official = {c.domain.name: c for c in written if is_official(c.domain) and c.domain.name not in DEDUPLICATED}
    paragraphs = [_counts(official), _duplicates(official, written), _labels(written)]
    if not any(paragraphs):
        return ""
    return "## Known problems\n\n" + "\n\n".join(filter(None, paragraphs)) + "\n\n"


def _counts(official: Mapping[str, Configuration]) -> str:
    """Where the numbers of the paper's table are not those of the files."""
    lines = []
    for name, printed in PRINTED_SENTENCES.items():
        if name in official:
            found = " / ".join(f"{len(official[name].splits[split]):,}" for split in printed)
            stated = " / ".join(f"{count:,}" for count in printed.values())
            why = "; it counts the -DOCSTART- lines" if name == SOURCE.name else ""
            lines.append(f"- {name} {' / '.join(printed)}: {stated} sentences printed{why}; {found} in the files.")
    for name, types in TYPES_NOT_PRINTED.items():
        if name in official:
            number = len(official[name].domain.entity_types)
            lines.append(
                f"- {name}: {number - len(types)} types printed, {number} in the files; left out: {', '.join(types)}."
            )
    if SOURCE.name in official:
        lines.append(f"- The released reader drops the last sentence of each {SOURCE.name} file; here it is kept.")
    return "**Counts.** The paper's table of statistics differs from the files:\n\n" + "\n".join(lines) if lines else ""


def _duplicates(official: Mapping[str, Configuration], written: Sequence[Configuration]) -> str:
    """Texts that stand in several splits, within a domain and across domains."""
    if not official:
        return ""
    found = {name: duplicates_within(configuration.splits) for name, configuration in official.items()}
    short = {"train": "train", "validation": "val.", "test": "test"}
    header = [
        "domain",
        *(f"{short[one]} and {short[two]}" for one, two in combinations(SPLITS, 2)),
        *(f"again within {short[split]}" for split in SPLITS),
        *("texts with copies", "with other labels"),
    ]
    rows = [
        [name, *map(str, (*d.shared.values(), *d.rows.values(), d.texts, d.conflicting))] for name, d in found.items()
    ]
    said = (
        "**Duplicates.** Texts (words joined by one space) that two splits have in common, rows that repeat a text of "
        "their own split, and how many of the texts with copies are labelled in more than one way:"
    )
    parts = [said, markdown_table(header, rows), _across(official), _taken_out(official, written)]
    return "\n\n".join(filter(None, parts))


def _across(official: Mapping[str, Configuration]) -> str:
    """Texts that several domains have in common, and those that leak from one's training into another's evaluation."""
    if len(official) < 2:
        return ""
    leaks = duplicates_between({name: configuration.splits for name, configuration in official.items()})
    pairs = (
        f" Training texts of {source} that stand in {target}/{split}: {count}."
        for (source, target, split), count in leaks.into_eval.items()
    )
    return f"Texts that stand in more than one of these domains: {leaks.texts}.{''.join(pairs)}"


def _taken_out(official: Mapping[str, Configuration], written: Sequence[Configuration]) -> str:
    """What the `_dedup` configurations lack, where their domains are here to compare with."""
    lost = []
    for domain, splits, _ in written:
        name = official_name(domain)
        if domain.name in DEDUPLICATED and name in official:
            fewer = [f"{len(official[name].splits[split]) - len(splits[split]):,}" for split in SPLITS[1:]]
            lost.append(f"{name} {' / '.join(fewer)}")
    if not lost:
        return ""
    return (
        "The `_dedup` configurations leave out the evaluation rows whose text also stands in another split of the "
        f"domain or in a training split of another domain, {SOURCE.name} included; repeats inside a split stay. Rows "
        f"left out of validation / test: {', '.join(lost)}."
    )


def _labels(written: Sequence[Configuration]) -> str:
    """The two versions of the labels."""
    if not any(is_official(c.domain) for c in written):
        return ""
    files = ", ".join(f"{name}/{split}" for name, splits in CORRECTED.items() for split in splits)
    return (
        "**Two versions of the labels.** In January 2021 the authors corrected labels in "
        f"{sum(map(len, CORRECTED.values()))} files (commit {CORRECTION}): {files}. This copy has the corrected ones. "
        "By the dates, the scores of the paper were made before that, and copies elsewhere may hold either."
    )
