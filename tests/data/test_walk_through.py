"""The walk-through of docs/annotations.md: from an export of Label Studio to entities in raw text."""

import json
import re
import shlex
from pathlib import Path

import pytest

from crossner_hf.cli import main
from crossner_hf.data.builder import load
from crossner_hf.schema import SAMPLES
from crossner_hf.tagger.iob2 import spans

PAGE = Path(__file__).parents[2] / "docs" / "annotations.md"
SHORTER = {"train": ["--max-steps", "3"], "experiment": ["--no-plots", "--resamples", "20"]}


def label_studio_tasks():
    """The packaged sample as tasks of Label Studio."""
    labels = SAMPLES["sample_music"].labels
    for split in ("train", "test"):
        for row in load("sample_music", split=split):
            starts = [len(" ".join([*row["tokens"][:i], ""])) for i in range(len(row["tokens"]))]
            regions = []
            for start, end, kind in spans([labels[i] for i in row["ner_tags"]]):
                offsets = {"start": starts[start], "end": starts[end - 1] + len(row["tokens"][end - 1])}
                regions.append({"type": "labels", "value": {**offsets, "labels": [kind]}})
            yield {"data": {"text": " ".join(row["tokens"])}, "annotations": [{"result": regions}]}


@pytest.mark.slow
def test_the_commands_of_the_page_lead_from_an_export_to_entities(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("project-1.json").write_text(json.dumps(list(label_studio_tasks())))
    Path("judgments.txt").write_text("Miles Davis recorded Kind of Blue in New York.\n\nNobody sang.\n")
    block = re.search(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[1]
    commands = [shlex.split(line)[1:] for line in block.splitlines()]
    assert len(commands) < 10
    printed = {}
    for command in commands:
        assert main([*command, *SHORTER.get(command[0], [])]) == 0, command
        printed[command[0]] = capsys.readouterr().out
    assert "Label Studio JSON, spans of characters\n100 documents, 100 sentences" in printed["data"]
    assert "all (conlleval)" in printed["evaluate"]
    assert any(Path("report").glob("*.html"))
    assert [json.loads(line)["text"] for line in printed["predict"].splitlines()] == Path(
        "judgments.txt"
    ).read_text().splitlines()
