"""Scores of systems made elsewhere: of a file of predictions, or of anything that maps texts or words to entities."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from crossner_hf.data.sources import is_official, sha256_of
from crossner_hf.external.matching import SplitData, match
from crossner_hf.external.placing import Placed, place
from crossner_hf.external.prediction_files import Given, read_prediction_file
from crossner_hf.external.type_names import TypeMap, TypeNames
from crossner_hf.metric import score
from crossner_hf.metric.crossner.span_f1 import CONVENTIONS
from crossner_hf.results.predictions import write_predictions
from crossner_hf.results.record_files import predictions_beside, write_record
from crossner_hf.results.records import SETTINGS, RunRecord
from crossner_hf.schema import Domain, get_domain
from crossner_hf.tagger.iob2 import Span, as_iob2_labels, iob2_tags, spans, stray_inside_opens

BY_STRING = tuple(name for name in CONVENTIONS if name.startswith("string_set"))
BY_PLACE = tuple(name for name in CONVENTIONS if name not in BY_STRING)


@dataclass(frozen=True)
class ExternalSystem:
    """What a record says of a system made elsewhere, and how its predictions are read.

    Args:
        name: Its name in reports; by default that of the file or model.
        setting: How it was trained, as reports name it: `direct`, `no_training` for a zero-shot system, or `elsewhere`.
        seed: Of its training; runs that differ in their seeds alone are one system.
        type_map: Its names of types to the domain's types, or to None to leave entities out; other names are looked up
            in the schema.
        key: In JSON lines, the key of the entities.
        last_included: Whether the end of a span is its last word or character, not the one behind it.
        reads: What a function that tags gets for each sentence: its text, or its words (`texts` or `words`).
        labels: The names of types for which GLiNER is asked; by default the domain's in words, without `misc`, whose
            name does not say what belongs to it.
        threshold: The least score of GLiNER's entities.
    """

    name: str = ""
    setting: str = "elsewhere"
    seed: int = 0
    type_map: TypeMap = field(default_factory=dict)
    key: str | None = None
    last_included: bool = False
    reads: str = "texts"
    labels: tuple[str, ...] = ()
    threshold: float = 0.5

    def __post_init__(self) -> None:
        if self.reads not in ("texts", "words"):
            raise ValueError(f"reads must be texts or words, got {self.reads!r}")
        if self.setting not in SETTINGS:
            raise ValueError(f"setting must be one of {', '.join(SETTINGS)}, got {self.setting!r}")


class ExternalRun(NamedTuple):
    """The record of a system, the label ids that it gave, and the entities that no labels can hold."""

    domain: Domain
    split: str
    record: RunRecord
    predictions: list[list[int]]
    unplaced: list[tuple[int, str]]

    def write(self, path: str | Path) -> None:
        """Write the record and, of the test split, the predictions beside it, for reports and significance."""
        if self.split == "test":
            beside = predictions_beside(Path(path))
            write_predictions(beside, self.domain, {"test": self.predictions}, self.unplaced)
        write_record(path, self.record)


def evaluate_predictions(
    path: str | Path,
    domain: str | Domain,
    split: str = "test",
    *,
    system: ExternalSystem | None = None,
    data_dir: str | Path | None = None,
    verify: bool = True,
) -> ExternalRun:
    """Score a file of predictions that another system made.

    Args:
        path: CoNLL columns or JSON lines; see `read_prediction_file`.
        domain: A domain or its name.
        split: The split that was tagged.
        system: What made them, and how to read them.
        data_dir: Folder of the official files; see `crossner_hf.load`.
        verify: Whether the files must be the official ones.

    Returns:
        The record, under all conventions; `run.record.scores["test"]["conlleval"].overall.f1` is the F1.

    Raises:
        ValueError: If the file is malformed or is not about the sentences of the split.
    """
    system = system or ExternalSystem()
    data = SplitData.read(domain if isinstance(domain, Domain) else get_domain(domain), split, data_dir, verify)
    given = read_prediction_file(path, system.key, system.last_included)
    matched = match(given, data, str(path))
    about = {"file": Path(path).name, "sha256": sha256_of(Path(path))}
    return score_given(matched, data, system, str(path), {"external": about, "is_crossner": verify})


def score_given(
    given: Sequence[Given], data: SplitData, system: ExternalSystem, source: str, content: Mapping[str, Any]
) -> ExternalRun:
    """Score what a system gives for each sentence of a split.

    Args:
        given: The predictions, in the order of the split.
        data: The split.
        system: What made them.
        source: What errors call the predictions; the last part of it is the name of a system that has none.
        content: More of the record: `is_crossner`, if the files were verified, and a part of `external`.
    """
    domain = data.domain
    types = TypeNames(domain, system.type_map)
    iob2 = _iob2_reader(given, types, source)
    placed = [place(row, s.tokens, types, iob2) for row, s in zip(given, data.sentences, strict=True)]
    wrong = Counter(entity.reason for p in placed for entity in p.unplaced)
    entities = {"scored": sum(len(spans(p.tags)) for p in placed), "left out": types.left_out.total(), **wrong}
    external: dict[str, Any] = {
        "form": next((row.form for row in given if row.mentions), given[0].form),
        "entities": {what: n for what, n in entities.items() if n or what == "scored"},
    }
    external |= {"type_names": types.renamed(), "left_out_types": dict(types.left_out.most_common())}
    record = RunRecord.new(
        **{key: value for key, value in content.items() if key not in ("external", "is_crossner")},
        kind="predictions",
        setting=system.setting,
        is_crossner=is_official(domain) and bool(content.get("is_crossner")),
        seed=system.seed,
        domain=domain.name,
        entity_types=list(domain.entity_types),
        data_sha256={split: sha256_of(path) for split, path in data.files_of(domain).items()},
        encoder={"name": system.name or Path(source).stem},
        arguments={"tagger": "predictions"},
        test=data.split == "test",
        scores={data.split: _scores(placed, data)},
        external=external | dict(content.get("external", {})),
    )
    ids = [[domain.label2id[tag] for tag in p.tags] for p in placed]
    unplaced = [(number, entity.entity_type) for number, p in enumerate(placed) for entity in p.unplaced]
    return ExternalRun(domain, data.split, record, ids, unplaced)


def _iob2_reader(given: Sequence[Given], types: TypeNames, source: str) -> Callable[[Sequence[str]], list[str]]:
    """The function that reads a sentence's tags, of the scheme that all tags together have, as IOB2."""
    tags = sorted({"O", *(types.tag_of(tag) for row in given for tag in row.tags)})
    try:
        labels = as_iob2_labels(tags) if tags != ["O"] else tags
    except ValueError:
        odd = [tag for tag in tags if tag != "O" and not re.match("[BIESULMW][-_]", tag)]
        shown = ", ".join(odd[:6]) + (", …" if len(odd) > 6 else "")
        raise ValueError(
            f"{source}: no entities can be read from the tags {shown}; map each of them to a label, such as B-song or "
            "O, with a type map"
        ) from None
    iob2 = dict(zip(tags, labels, strict=True))

    def read(sentence: Sequence[str]) -> list[str]:
        mapped = [iob2[types.tag_of(tag)] for tag in sentence]
        return mapped if tags == labels else stray_inside_opens(mapped)

    return read


def _scores(placed: Sequence[Placed], data: SplitData) -> dict[str, Any]:
    """Score under all conventions; entities without a place are wrong, but for strings they count as such."""
    generic = data.domain.generic_types
    gold = [sentence.tags for sentence in data.sentences]
    unplaced = [
        iob2_tags([Span(0, length, entity.entity_type)], length)
        for p in placed
        for entity in p.unplaced
        for length in (max(1, len(entity.text.split())),)
    ]
    predicted = [*(p.tags for p in placed), *unplaced]
    scores = score(
        predicted, gold + [["O"] * len(tags) for tags in unplaced], conventions=BY_PLACE, generic_types=generic
    )
    listed = [
        _strings_of(sentence.tokens, sentence.tags, p) for sentence, p in zip(data.sentences, placed, strict=True)
    ]
    words, predicted, gold = (list(side) for side in zip(*listed, strict=True))
    return scores | score(predicted, gold, conventions=BY_STRING, generic_types=generic, tokens=words)


def _strings_of(words: Sequence[str], gold: Sequence[str], placed: Placed) -> tuple[list[str], list[str], list[str]]:
    """The entities of a sentence, predicted ones and then gold ones, as words, predicted tags and gold tags.

    Sets of strings do not depend on the places, so that entities without a place count like the others.
    """
    golden = [(words[start:end], name) for start, end, name in spans(gold)]
    predicted = [(words[start:end], name) for start, end, name in spans(placed.tags)]
    predicted += [(entity.text.split() or [""], entity.entity_type) for entity in placed.unplaced]
    listed: list[str] = []
    tags: tuple[list[str], list[str]] = ([], [])
    for side, entities in enumerate((predicted, golden)):
        for text, name in entities:
            listed += text
            tags[side].extend(iob2_tags([Span(0, len(text), name)], len(text)))
            tags[1 - side].extend(["O"] * len(text))
    return listed, *tags
