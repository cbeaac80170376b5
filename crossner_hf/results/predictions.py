"""The labels that a run's model gave to a split, kept beside its record so that runs compare sentence by sentence."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from crossner_hf.atomic_write import write_text
from crossner_hf.schema import Domain

PREDICTIONS_FILE = "predictions.json"
SCHEMA_VERSION = 1


def write_predictions(path: Path, domain: Domain, splits: Mapping[str, Sequence[Sequence[int]]]) -> None:
    """Write label ids of sentences, by split; a sentence a line."""
    head = {"schema_version": SCHEMA_VERSION, "domain": domain.name, "entity_types": list(domain.entity_types)}
    parts = [json.dumps(head, ensure_ascii=False)[1:-1]]
    for split, sentences in splits.items():
        rows = ",\n".join(json.dumps(list(ids), separators=(",", ":")) for ids in sentences)
        parts.append(f"{json.dumps(split)}: [\n{rows}\n]")
    write_text(path, "{" + ",\n".join(parts) + "}\n")
