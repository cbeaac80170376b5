"""For tests of cards: records of runs that never ran (gold with seeded mistakes, scored as ever), and a reader."""

import random
import re
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCard
from report_runs import gold_of, make_record, mistaken

from crossner_hf.hub.model_card import model_card
from crossner_hf.metric import score
from crossner_hf.results.record_files import AnyRecord, read_record
from crossner_hf.results.records import Record, RunRecord
from crossner_hf.schema import Domain, get_domain

REPO = "someone/tagger"
ODD = 'a: "b" <script>'  # breaks YAML where it is not quoted, and HTML where it is not escaped
RESULTS = Path(__file__).parents[2] / "model_cards" / "results"

ARGUMENTS = {
    "learning_rate": 2e-4,
    "lr_scheduler_type": "linear",
    "per_device_train_batch_size": 8,
    "num_train_epochs": 25,
    "early_stopping_patience": 8,
}


def tagger_record(domain: str | Domain = "sample_music", seed: int = 555, **more: Any) -> RunRecord:
    """The record of a finished run on a sample, or on sentences of one entity a type of another domain."""
    domain = domain if isinstance(domain, Domain) else get_domain(domain)
    sample = domain.name == "sample_music"
    gold = gold_of(domain) if sample else [[f"B-{name}", "O"] for name in domain.entity_types for _ in range(7)]
    rng = random.Random(seed)
    scores = {}
    for split in ("validation", "test"):
        predicted = [mistaken(tags, domain, 0.4, rng) for tags in gold]
        scores[split] = score(predicted, gold, generic_types=domain.generic_types)
    about = {
        "seed": seed,
        "arguments": ARGUMENTS,
        "scores": scores,
        "wall_seconds": 3600.0,
        "epochs": 25.0,
        "best_epoch": 19.0,
        "processes": 1,
        "hardware": {"system": "Linux", "machine": "x86_64", "cpu_cores": 2, "cpu": "Some processor"},
        "command": f"crossner-hf train --domain {domain.name} --seed {seed}",
        "created": "2026-01-02T03:04:05+00:00",
    }
    return make_record(domain, predicted, gold, **{**about, **more})


def changed(record: Record, changes: dict[str, Any]) -> Any:
    """The record with other values: {"scores.test.conlleval.overall.f1": 0.5}."""
    content = record.model_dump(exclude_unset=True)
    for path, value in changes.items():
        *parents, field = path.split(".")
        part = content
        for name in parents:
            part = part[name]
        part[field] = value
    return type(record).model_validate(content)


def of_results(name: str) -> AnyRecord:
    """A record of model_cards/results: 'dapt-music/music-span'."""
    return read_record(RESULTS / f"{name}.json")


def card_of(*records, **more) -> ModelCard:
    return ModelCard(model_card(records, repo=REPO, **more))


def row(card: ModelCard, name: str) -> str:
    """The text of a row of two columns."""
    (text,) = re.findall(rf"^\| {re.escape(name)} \| (.*) \|$", card.text, flags=re.MULTILINE)
    return text
