"""The Space of a trained tagger: a page that tags text with the model in the repository of the same name."""

import json
from pathlib import Path

from huggingface_hub.utils import validate_repo_id

from crossner_hf.atomic_write import write_text
from crossner_hf.hub.metric_space import GRADIO, TEMPLATES
from crossner_hf.results.record_files import RECORD_FILE, read_record
from crossner_hf.results.records import RunRecord

EXAMPLE = "Miles Davis recorded Kind of Blue for Columbia Records in New York."
CARD = """---
title: Entities of {domain}
emoji: 🏷️
colorFrom: blue
colorTo: green
sdk: gradio
sdk_version: {gradio}
app_file: app.py
pinned: false
models:
- {repo}
tags:
- named-entity-recognition
---

Tags named entities ({types}) with [{repo}](https://huggingface.co/{repo}).
"""


def write_model_space(run_folder: str | Path, folder: str | Path, *, repo: str) -> Path:
    """Write the files of a Space for a run's tagger, which must be pushed as the model `repo`.

    Raises:
        ValueError: The folder has no record of a fine-tuned tagger.
    """
    validate_repo_id(repo)
    path = Path(run_folder, RECORD_FILE)
    if not path.is_file():
        raise ValueError(f"{run_folder}: has no {RECORD_FILE}, from which the card is made; give a finished run")
    record = read_record(path, RunRecord)
    app = (TEMPLATES / "model_app.py").read_text(encoding="utf-8")
    app = app.replace('"REPO"', json.dumps(repo)).replace('"SENTENCE"', json.dumps(EXAMPLE))
    folder = Path(folder)
    write_text(folder / "app.py", app)
    write_text(folder / "requirements.txt", "torch\ntransformers\n")
    card = CARD.format(domain=record.domain, gradio=GRADIO, repo=repo, types=", ".join(record.entity_types))
    write_text(folder / "README.md", card)
    return folder
