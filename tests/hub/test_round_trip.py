"""The example of docs/hub.md: pushed with the package, loaded where the package is not."""

import json
import os
import re
import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHORTER = ("--num-train-epochs 6", "--num-train-epochs 3 --no-test")  # what a test cannot wait for
SENTENCE = "Miles Davis recorded Kind of Blue for Columbia Records."

RUN_COMMANDS = """
import json, sys
from crossner_hf.cli import main

for argv in json.loads(sys.argv[1]):
    assert main(argv) == 0, argv
"""
WITH_PACKAGE = """
import crossner_hf, evaluate
from transformers import pipeline

tagger = pipeline("crossner", model="runs/tagger")
metric = evaluate.load(crossner_hf.METRIC_DIR)
music = crossner_hf.load("music", verify=not json.loads(sys.argv[2]))
"""
# The page's block has made music, metric and tagger by then; WITH_PACKAGE has made them of what was pushed.
SHOW = """
rows = {split: found.to_list() for split, found in music.items()}
names = music["test"].features["ner_tags"].feature.names
tags = [[names[i] for i in row["ner_tags"]] for row in rows["test"]]
guesses = [["O", *row[1:]] for row in tags]
scores = metric.compute(predictions=guesses, references=tags)
entities = [{**found, "score": float(found["score"])} for found in tagger(SENTENCE)]
print(json.dumps({"rows": rows, "names": names, "scores": scores, "entities": entities}, default=float))
"""


def block(language: str) -> str:
    """The page's first block in a language."""
    text = (ROOT / "docs" / "hub.md").read_text(encoding="utf-8")
    return re.search(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)[1].replace("USER/", "me/")


@pytest.fixture
def files(stand_in_files):
    """The official files, or stand-ins in their form; and whether it is these."""
    official = os.environ.get("CROSSNER_DATA_DIR")
    return official or str(stand_in_files), not official


@pytest.mark.slow
def test_what_the_page_pushes_works_without_the_package(hub, hub_python, bare_python, files, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data_dir, stand_in = files
    show = f"SENTENCE = {SENTENCE!r}\n{SHOW}"
    commands = []
    for line in block("sh").replace(*SHORTER).replace("\\\n", " ").splitlines():
        program, *argv = shlex.split(line, comments=True)
        assert program == "crossner-hf"
        commands.append(argv + ["--no_verify"] * (stand_in and argv[:2] == ["push", "dataset"]))
    assert [argv[:2] for argv in commands if argv[0] == "push"] == [["push", w] for w in ("dataset", "model", "metric")]
    asked = (json.dumps(commands), json.dumps(stand_in))
    here = hub_python(RUN_COMMANDS + WITH_PACKAGE + show, *asked, CROSSNER_DATA_DIR=data_dir)
    assert here.returncode == 0, here.stderr[-3000:]
    for kind, repo in (("dataset", "me/crossner"), ("model", "me/music-tagger"), ("space", "me/crossner")):
        assert "README.md" in hub.files(kind, repo)
    there = bare_python("import json\n" + block("python") + show)
    assert there.returncode == 0, there.stderr[-3000:]
    expected, found = (json.loads(done.stdout.splitlines()[-1]) for done in (here, there))
    assert found == expected
    assert found["entities"]
    assert 0 < found["scores"]["conlleval_f1"] < 1
