"""The way to the Hub and back of docs/hub.md: pushed with the package, loaded where the package is missing."""

import inspect
import json
import re
import shlex
import shutil
from pathlib import Path

import pytest
from card_records import tagger_record
from transformers import pipeline

import crossner_hf
from crossner_hf.cli import main
from crossner_hf.finetuning.onnx_export import export_onnx
from crossner_hf.hub.push import Target, push_folder
from crossner_hf.results.record_files import write_record
from crossner_hf.schema import get_domain
from crossner_hf.tagger.tagger import Tagger

PAGE = Path(__file__).parents[2] / "docs" / "hub.md"
LIGHT_IMPORT = """
import sys
sys.modules["transformers"] = None  # for which evaluate would import much that its metrics do not need
import evaluate
del sys.modules["transformers"]
"""


def blocks(language: str) -> list[str]:
    text = PAGE.read_text(encoding="utf-8").replace("USER/", "me/")
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def outputs(music, metric, tagger) -> dict:
    names = music["test"].features["ner_tags"].feature.names
    tags = [[names[i] for i in row["ner_tags"]] for row in music["test"]]
    return {
        "rows": {split: dataset.to_list() for split, dataset in music.items()},
        "names": names,
        "scores": metric.compute(predictions=[["O", *sentence[1:]] for sentence in tags], references=tags),
        "entities": [{**e, "score": float(e["score"])} for e in tagger("The red panda saw New York.")],
    }


def test_what_is_pushed_is_the_same_without_the_package(
    hub_here, bare_python, random_tagger, zoo, stand_in_files, tmp_path, monkeypatch
):
    import evaluate

    monkeypatch.chdir(tmp_path)
    dataset, train, model, metric = (shlex.split(line)[1:] for line in blocks("sh")[0].splitlines())
    assert [argv[:2] for argv in (dataset, model, metric)] == [["push", w] for w in ("dataset", "model", "metric")]
    run = train[train.index("--output") + 1]  # in place of a training
    shutil.copytree(random_tagger(), run)
    write_record(Path(run, "record.json"), tagger_record(get_domain(zoo)))
    for argv in ([*dataset, "--data-dir", str(stand_in_files), "--no-verify"], model, metric):
        assert main(argv) == 0
    expected = outputs(
        crossner_hf.load("music", data_dir=stand_in_files, verify=False),
        evaluate.load(crossner_hf.METRIC_DIR),
        pipeline("crossner", model=run),
    )
    done = bare_python(
        f"{LIGHT_IMPORT}{blocks('python')[0]}\n{inspect.getsource(outputs)}\n"
        "import json\nprint(json.dumps(outputs(music, metric, tagger), default=float))"
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout.splitlines()[-1]) == json.loads(json.dumps(expected, default=float))
    assert expected["entities"]
    assert 0 < expected["scores"]["conlleval_f1"] < 1


def test_an_uploaded_export_tags_as_the_folder(hub_here, random_tagger, tmp_path):
    pytest.importorskip("onnx", reason="onnx is not installed (extra: onnx)")
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed (extra: onnx)")
    folder = export_onnx(random_tagger(), tmp_path / "int8", int8=True)
    push_folder(folder, Target("me/music-int8", "model"), "an export")
    texts = ["The red panda saw New York.", "Oslo"]
    local, remote = (Tagger.from_pretrained(name) for name in (str(folder), "me/music-int8"))
    assert list(remote.tag_texts(texts)) == list(local.tag_texts(texts))
