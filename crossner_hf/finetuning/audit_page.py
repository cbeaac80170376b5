"""The report of an audit, in Markdown."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from statistics import mean
from typing import Any, NamedTuple

from crossner_hf.data.duplicate_counts import duplicates_between, duplicates_within
from crossner_hf.data.label_conflicts import label_conflicts, near_repeats
from crossner_hf.data.label_doubts import KINDS, Answer, Doubt, doubts
from crossner_hf.data.mention_types import ambiguous_strings
from crossner_hf.data.sources import official_name
from crossner_hf.metric import score
from crossner_hf.results.markdown import markdown_table, plain
from crossner_hf.schema import SOURCE, SPLITS, Domain
from crossner_hf.tagger.iob2 import Span

SHORT = {"train": "train", "validation": "dev", "test": "test"}
AROUND = 3  # words of an excerpt before and after an entity


class AuditedDomain(NamedTuple):
    """A domain, its splits as columns, what systems say about each row of some of them, and who they are."""

    domain: Domain
    splits: Mapping[str, Any]
    answers: Mapping[str, Sequence[Sequence[Answer]]]
    answers_by: str

    @property
    def is_quoted(self) -> bool:
        """Whether its text may be shown: that of CoNLL-2003 is under Reuters' terms."""
        return self.domain.folder is not None or official_name(self.domain) != SOURCE.name


def audit_page(audited: Sequence[AuditedDomain], least: float, most: int) -> str:
    """Write the report: repeats of all domains, then contradictions and doubts of each."""
    parts = ["# Audit of labelled data", "Rows are numbered from 0, as `data show` prints them.", *_repeats(audited)]
    for each in audited:
        parts += [f"## {plain(each.domain.name)}", *_conflicts(each, most), *_ambiguous(each, most)]
        if each.answers:
            parts += _doubts(each, least, most)
    return "\n\n".join(parts) + "\n"


def _repeats(audited: Sequence[AuditedDomain]) -> Iterator[str]:
    rows = []
    for each in audited:
        counts = duplicates_within(each.splits)
        numbers = [*counts.shared.values(), *counts.rows.values(), counts.conflicting, near_repeats(each.splits)]
        rows.append([each.domain.name, *map(str, numbers)])
    pairs = ["train, dev", "train, test", "dev, test"]
    header = ["domain", *pairs, *(f"within {s}" for s in SHORT.values()), "labels differ", "nearly equal"]
    yield "## Repeated texts"
    yield (
        "Distinct texts that two splits share, rows beyond the first of their text in a split, repeated texts with "
        "different labels, and texts that equal another one but for case, spaces and punctuation:"
    )
    yield markdown_table(header, rows)
    if len(audited) > 1:
        between = duplicates_between({each.domain.name: each.splits for each in audited})
        yield f"Texts in more than one domain: {between.texts}."
        if between.into_evaluation:
            leaks = [[f"{a}/train", f"{b}/{SHORT[s]}", str(n)] for (a, b, s), n in between.into_evaluation.items()]
            yield markdown_table(["in", "and in", "texts"], leaks, names=2)


def _conflicts(each: AuditedDomain, most: int) -> Iterator[str]:
    conflicts = label_conflicts(each.domain, each.splits)
    if not conflicts:
        return
    yield f"**Same text, different labels**: {len(conflicts)}."
    lines = []
    for conflict in conflicts[:most] if each.is_quoted else ():
        rows = (
            f"{SHORT[place.split]} {place.row}: " + (", ".join(_entity(conflict.words, s) for s in entities) or "none")
            for place, entities in conflict.entities.items()
        )
        lines.append(f"- {plain('; '.join(rows))}")
    if lines:
        yield "\n".join(lines)


def _ambiguous(each: AuditedDomain, most: int) -> Iterator[str]:
    strings = ambiguous_strings(each.domain, each.splits)
    if not strings:
        return
    rows = []
    for string, types in strings[:most]:
        ordered = sorted(types.items(), key=lambda pair: -len(pair[1]))
        counts = ", ".join(f"{entity_type} {len(mentions)}" for entity_type, mentions in ordered)
        rarest = ordered[-1][1][0]
        rows.append([string, counts, f"{SHORT[rarest.split]} {rarest.row}"])
    total = sum(len(mentions) for _, types in strings for mentions in types.values())
    yield f"**Strings with more than one type**: {len(strings)}, in {total} mentions."
    if each.is_quoted:
        yield markdown_table(["string", "types", "the rarest, for example"], rows, names=3)


def _doubts(each: AuditedDomain, least: float, most: int) -> Iterator[str]:
    likely_errors: list[tuple[str, int, Doubt]] = []
    labelled, answered = list[list[str]](), list[Sequence[Answer]]()
    for split in (s for s in SPLITS if s in each.answers):
        for number, answers in enumerate(each.answers[split]):
            tags = [each.domain.labels[i] for i in each.splits[split]["ner_tags"][number]]
            labelled.append(tags)
            answered.append(answers)
            likely_errors += [(split, number, doubt) for doubt in doubts(tags, answers, least)]
    of_systems = zip(*answered, strict=True)
    f1 = mean(score([a.tags for a in s], labelled)["conlleval"]["overall"]["f1"] for s in of_systems)
    kinds = Counter(doubt.kind for _, _, doubt in likely_errors)
    listed = ", ".join(f"{kind} {kinds[kind]}" for kind in KINDS if kinds[kind])
    yield (
        f"**Likely errors**, by {plain(each.answers_by)} (F1 {100 * f1:.1f}); confidence {least:g} or more: "
        f"{len(likely_errors)}" + (f" ({listed})." if likely_errors else ".")
    )
    of_kinds = [[item for item in likely_errors if item[2].kind == kind] for kind in KINDS]
    shown_first = [sorted(items, key=lambda item: (-item[2].confidence, item[:2]))[:most] for items in of_kinds]
    rows = []
    for split, number, doubt in chain(*shown_first) if each.is_quoted else ():
        words = each.splits[split]["tokens"][number]
        shown = doubt.predicted or doubt.labelled
        assert shown is not None
        entities = [_entity(words, span) if span else "none" for span in (doubt.labelled, doubt.predicted)]
        place = f"{SHORT[split]} {number}"
        rows.append([place, doubt.kind, *entities, _excerpt(words, shown), f"{doubt.confidence:.2f}"])
    if rows:
        yield markdown_table(["row", "kind", "labelled", "systems", "excerpt", "confidence"], rows, names=5)


def _entity(words: Sequence[str], span: Span) -> str:
    return f"{' '.join(words[span.start : span.end])} ({span.entity_type})"


def _excerpt(words: Sequence[str], span: Span) -> str:
    start, end = max(0, span.start - AROUND), min(len(words), span.end + AROUND)
    return ("… " if start else "") + " ".join(words[start:end]) + (" …" if end < len(words) else "")
