"""A model's card from records alone: that of a tagger, or of a checkpoint of domain-adaptive pre-training."""

import html
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCard, ModelCardData
from huggingface_hub.utils import validate_repo_id

from crossner_hf.data.builder import CITATION
from crossner_hf.data.sources import COMMIT, REPOSITORY
from crossner_hf.hub.eval_results import CONVENTION, TASK, model_index
from crossner_hf.hub.model_card_fields import Facts, cost_facts, training_facts, training_sentences
from crossner_hf.hub.model_runs import LICENCES, ModelRuns, dapt_chain, data_name, hub_id, model_runs, percent
from crossner_hf.metric.crossner.span_f1 import DEFAULT_CONVENTIONS
from crossner_hf.pretraining.dapt_card import dapt_card, fence
from crossner_hf.results.markdown import plain
from crossner_hf.results.records import Record
from crossner_hf.results.scores import GROUPS, NO_ENTITIES, Score
from crossner_hf.results.text_records import Checkpoint, DaptRecord
from crossner_hf.schema import BUILT_IN, SOURCE

TEMPLATE = Path(__file__).with_name("templates") / "model_card.md"
EXAMPLE = "The Beatles recorded Abbey Road in London."
TAGS = ("named-entity-recognition", "domain-adaptation")
METRICS = ("precision", "recall", "f1")


def model_card(records: Iterable[Record], *, repo: str, dataset_repo: str = "USER/crossner") -> str:
    """Write the card of a model. Raises ValueError if the records are not of one model.

    Args:
        records: Those of a tagger, with one or several seeds; or first that of the pre-training whose checkpoint it is.
            Records of earlier pre-trainings may be among them; they say where the encoder is from.
        repo: Where the model lies on the Hub, for the code in the card.
        dataset_repo: Where the data lies on the Hub.
    """
    validate_repo_id(repo)
    validate_repo_id(dataset_repo)
    records = list(records)
    dapt_records = [record for record in records if isinstance(record, DaptRecord)]
    if dapt_records and dapt_records == records:
        return _dapt(dapt_records[0], dapt_records[1:], repo)
    runs = model_runs(records)
    if not runs.splits:
        raise ValueError("the record holds no scores on the test or the validation split, which a card is about")
    commands = list(dict.fromkeys(record.command for record in runs.records))
    source = runs.first.source and runs.first.source.domain
    values: dict[str, Any] = {
        "example": EXAMPLE,
        "data": data_name(runs),
        "plain_domain": runs.domain.removesuffix("_dedup"),
        "sentences": training_sentences(runs),
        "training": _plain_facts(training_facts(runs)),
        "split": runs.splits[0],
        "convention": CONVENTION,
        "score": percent([scores.overall.f1 for scores in runs.scores(runs.splits[0], CONVENTION)]),
        **_tables(runs),
        "commit": COMMIT[:7],
        "repository": REPOSITORY,
        "licence": LICENCES.get(runs.base_model or ""),
        "reuters": SOURCE.name if SOURCE.name in (source, runs.domain.removesuffix("_dedup")) else "",
        "cost": _plain_facts(cost_facts(runs.records, runs.dapt_records)),
        "commands": commands,
        "fence": fence(commands),
        "citation": CITATION if runs.is_crossner else "",
    }
    metadata = _metadata(runs, repo, dataset_repo)
    card = ModelCard.from_template(metadata, template_path=str(TEMPLATE), runs=runs, repo=repo, plain=plain, **values)
    return re.sub(r"\n{3,}", "\n\n", card.content).rstrip() + "\n"  # conditions leave several empty lines


def _metadata(runs: ModelRuns, repo: str, dataset_repo: str) -> ModelCardData:
    licence = LICENCES.get(runs.base_model or "")
    return ModelCardData(
        language="en" if runs.domain in BUILT_IN else None,
        license=licence if runs.first.source is None and licence else "other",
        library_name="transformers",
        pipeline_tag=TASK,
        base_model=runs.base_model,
        datasets=[dataset_repo] if runs.is_official else None,
        tags=[*TAGS, *(["crossner"] if runs.is_crossner else [])],
        model_name=repo.rpartition("/")[2],
        eval_results=model_index(runs, dataset_repo=dataset_repo),
    )


def _tables(runs: ModelRuns) -> dict[str, list[list[str]]]:
    """Rows by table. Types stand in the order of their label ids; a run without a type has 0 for it."""
    main = runs.scores(runs.splits[0], CONVENTION)
    groups = {name: [score for scores in main if (score := scores.group(name))] for name in GROUPS[:2]}
    types = {
        name: [scores.per_type.get(name, NO_ENTITIES) for scores in main]
        for name in runs.first.entity_types
        if any(name in scores.per_type for scores in main)
    }
    return {
        "overall": [
            [split, convention, *_cells([scores.overall for scores in runs.scores(split, convention)])]
            for split in runs.splits
            for convention in DEFAULT_CONVENTIONS
        ],
        "groups": [[name, *_cells(scores)[2:]] for name, scores in groups.items() if len(scores) == len(main)],
        "by_type": [[plain(name), *_cells(scores)] for name, scores in types.items()],
        "calibration": _calibration(runs),
    }


def _cells(scores: Sequence[Score]) -> list[str]:
    values = [percent([getattr(score, metric) for score in scores]) for metric in METRICS]
    return [*values, f"{max(score.support for score in scores):,}"]


def _calibration(runs: ModelRuns) -> list[list[str]]:
    rows = []
    for split in runs.splits:
        of_runs = [c for record in runs.records if (c := record.calibration.get(split)) and c.ece is not None]
        if len(of_runs) == len(runs.records):
            values = (percent([getattr(c, name) for c in of_runs]) for name in ("confidence", "precision", "ece"))
            rows.append([split, f"{sum(c.entities for c in of_runs) / len(of_runs):,.0f}", *values])
    return rows


def _plain_facts(facts: Facts) -> Facts:
    return [(plain(name), plain(text)) for name, text in facts]


def _dapt(record: DaptRecord, before: Sequence[DaptRecord], repo: str) -> str:
    """The README of the checkpoint's folder, with the repository's name, metadata and cost."""
    first = [record, *dapt_chain(record.encoder, before)][-1]
    base = hub_id(first.encoder.name)
    changes = {
        "checkpoint": Checkpoint(name=repo),
        "encoder": record.encoder.model_copy(update={"name": plain(record.encoder.name)}),
        "corpus_sha256": {plain(name): value for name, value in record.corpus_sha256.items()},
        "domain": record.domain and html.escape(record.domain, quote=False),
        "level": record.level and plain(record.level),
    }
    cost = "\n".join(f"| {name} | {text} |" for name, text in _plain_facts(cost_facts([record])))
    appendix = f"## Hardware, time and energy\n\n| | |\n|---|---|\n{cost}\n\n## Citation\n\n```bibtex\n{CITATION}\n```"
    card = ModelCard(dapt_card(record.model_copy(update=changes), appendix))
    language = "en" if record.domain in BUILT_IN else None
    licence = LICENCES.get(base or "", "other")
    card.data = ModelCardData(**vars(card.data) | {"language": language, "license": licence, "base_model": base})
    return card.content.rstrip() + "\n"
