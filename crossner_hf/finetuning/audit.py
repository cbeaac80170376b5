"""Audit of labelled data: repeats, contradictions, and labels that systems contradict with confidence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crossner_hf.data.builder import load
from crossner_hf.data.label_doubts import Answer
from crossner_hf.finetuning.arguments import FineTuningArguments
from crossner_hf.finetuning.audit_page import AuditedDomain, audit_page
from crossner_hf.finetuning.cross_validation import cross_validate
from crossner_hf.finetuning.presets import preset
from crossner_hf.results.collect import collect
from crossner_hf.results.predictions import read_gold, read_predictions
from crossner_hf.results.systems import EvalSet
from crossner_hf.schema import Domain, get_domain
from crossner_hf.tagger.tagger import Tagger


@dataclass(frozen=True)
class AuditOptions:
    """What the labels are compared with, and what is shown.

    Args:
        predictions: Folders with runs; their predictions for the test split are compared.
        model: A trained tagger, for dev and test; with `folds` the encoder of the cross-validation.
        folds: Folds of a cross-validation over all splits; 0 for none.
        training: Values of `FineTuningArguments` for the trainings in folds; the others are those of a CRF with preset
            small.
        work_folder: Where the runs of the folds are kept; the same audit resumes there.
        min_confidence: Of the systems in what they contradict.
        most_shown: Cases of each kind that the page shows for a domain.
    """

    predictions: Sequence[str] = ()
    model: str | None = None
    folds: int = 0
    training: Mapping[str, Any] = field(default_factory=dict)
    work_folder: str = "runs/audit"
    min_confidence: float = 0.9
    most_shown: int = 20

    def __post_init__(self) -> None:
        if not 0.5 < self.min_confidence <= 1:
            raise ValueError(f"min_confidence must be above 0.5, up to 1, got {self.min_confidence}")
        if self.folds and self.model is None:
            raise ValueError("a cross-validation needs a model, the encoder to fine-tune")
        if self.training and not self.folds:
            raise ValueError(f"{', '.join(self.training)}: for the trainings of a cross-validation, which needs folds")
        if bool(self.predictions) + bool(self.model) > 1:
            raise ValueError("give predictions or a model, not both")


def audit(
    names: Sequence[str],
    options: AuditOptions | None = None,
    *,
    data_dir: str | Path | None = None,
    verify: bool = True,
) -> str:
    """Audit domains.

    Args:
        names: Domains, or folders of domains of your own.
        options: What the labels are compared with.
        data_dir: Folder of the official files; see `crossner_hf.load`.
        verify: Whether official files must have their published checksums.

    Returns:
        The report in Markdown.

    Raises:
        ValueError: No run has predictions for a domain.
    """
    options = options or AuditOptions()
    audited = []
    for name in names:
        domain = get_domain(name)
        splits = {s: rows.to_dict() for s, rows in load(name, data_dir=data_dir, verify=verify).items()}
        answers, by = _answers(domain, splits, options, data_dir)
        audited.append(AuditedDomain(domain, splits, answers, by))
    return audit_page(audited, options.min_confidence, options.most_shown)


def _answers(
    domain: Domain, splits: Mapping[str, Any], options: AuditOptions, data_dir: str | Path | None
) -> tuple[dict[str, list[list[Answer]]], str]:
    """What systems say about each row of some splits, and who they are, in words."""
    if options.predictions:
        return _of_runs(domain, options.predictions, data_dir)
    if options.folds and options.model:
        folder = Path(options.work_folder) / domain.name
        training = {"tagger": "crf", **preset("small"), **options.training}
        made = cross_validate(
            domain,
            splits,
            options.model,
            lambda output: FineTuningArguments(**training, output_dir=output),
            folder,
            options.folds,
        )
        by = f"cross-validation in {options.folds} folds, {training['tagger']} over {options.model}, preset small"
        changed = ", ".join(f"{name} {value}" for name, value in options.training.items() if name != "tagger")
        by += f" with {changed}" if changed else ""
        return {split: [[answer] for answer in of_rows] for split, of_rows in made.items()}, by
    if options.model:
        tagger = Tagger.from_pretrained(options.model)
        tagged = {split: tagger.tag_words(splits[split]["tokens"]) for split in ("validation", "test")}
        return {split: [[Answer(*answer)] for answer in rows] for split, rows in tagged.items()}, options.model
    return {}, ""


def _of_runs(
    domain: Domain, folders: Sequence[str], data_dir: str | Path | None
) -> tuple[dict[str, list[list[Answer]]], str]:
    runs = [run for run in collect(folders).runs if run.record.domain == domain.name and run.predictions]
    if not runs:
        raise ValueError(f"{', '.join(folders)}: no run with predictions for {domain.name}")
    record = runs[0].record
    eval_set = EvalSet(domain.name, record.data_sha256.get("test", ""), record.is_crossner, domain.name)
    places = [place for place in (domain.folder, data_dir) if place]
    gold = read_gold(eval_set, record.entity_types, places)
    answers: list[list[Answer]] = [[] for _ in gold.tokens]
    for run in runs:
        labels = [gold.domain.labels[i] for i in read_predictions(run, gold).ids]
        for number, (start, length) in enumerate(zip(gold.starts, gold.lengths, strict=True)):
            answers[number].append(Answer(labels[start : start + length], [1.0] * length))
    return {"test": answers}, f"{len(runs)} runs, of which a share agrees"
