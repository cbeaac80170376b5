"""The notebook, cell by cell, from the data to the pretend Hub; with a tiny encoder and a few steps."""

import json
from pathlib import Path

from huggingface_hub import HfApi

NOTEBOOK = Path(__file__).parents[2] / "docs" / "notebooks" / "music_tagger.ipynb"


def test_the_notebook_runs_from_the_data_to_a_pushed_model(
    hub_here, own_cache, tiny_model, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    changes = {
        '"minilm"': repr(tiny_model("bert")),
        "disable_tqdm=True": "disable_tqdm=True, max_steps=2",
        "USER/": "me/",
    }
    for change in changes:
        assert any(change in cell for cell in cells)
    names = {}
    for cell in cells:
        for old, new in changes.items():
            cell = cell.replace(old, new)
        exec(compile(cell, str(NOTEBOOK), "exec"), names)
    printed = capsys.readouterr().out
    assert "F1 on test: " in printed
    assert "me/music-tagger" in printed
    files = HfApi(endpoint=hub_here.url, token=hub_here.token).list_repo_files("me/music-tagger")
    assert {"model.safetensors", "README.md", "record.json"} <= {*files}


def test_the_notebook_is_kept_without_outputs():
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    assert all(cell.get("outputs", []) == [] and cell.get("execution_count") is None for cell in notebook["cells"])
