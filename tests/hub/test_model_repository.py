"""A model's repository: loaded where this package is not, with the same output; and what cannot become one."""

import ast
import json
import os
import re
import shutil
import sys
from functools import cache
from pathlib import Path

import pytest
import torch
from card_records import tagger_record
from transformers import AutoModelForMaskedLM, AutoModelForTokenClassification, AutoTokenizer, pipeline

from crossner_hf.finetuning.arguments import FineTuningArguments
from crossner_hf.finetuning.fine_tune import fine_tune
from crossner_hf.finetuning.settings import MULTI_CELL, WORD_TAGGERS
from crossner_hf.hub.model_card import EXAMPLE
from crossner_hf.hub.model_repository import write_model_repository
from crossner_hf.hub.remote_code import TAGGERS, TASK, flat_files, remote_files
from crossner_hf.results.record_files import read_record, write_record

SMALL = "hidden_size=24,char_dim=8,char_filters=8"
TEXTS = ["The red panda moved to New York, and the owl's keeper saw Oslo.", "A lynx in Stoke-on-Trent; the fox fled."]
ALL = ("linear", "crf", *WORD_TAGGERS, MULTI_CELL, f"{MULTI_CELL}-bert")

# Run without this package: stock classes need no code; other code needs trust; then each tagger's output as JSON.
WITHOUT = """
import json, sys
import torch
from transformers import AutoModel, AutoModelForMaskedLM, AutoModelForTokenClassification, AutoTokenizer, pipeline

folders, dapt, texts = json.loads(sys.argv[1])
stock = AutoModelForTokenClassification, AutoModel, AutoModelForMaskedLM
for folder, auto in zip((folders["linear"], dapt, dapt), stock):
    model, report = auto.from_pretrained(folder, trust_remote_code=False, output_loading_info=True)
    assert not report["missing_keys"] - {"pooler.dense.weight", "pooler.dense.bias"}, report
    AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
for load in (AutoModelForTokenClassification.from_pretrained, lambda f, **k: pipeline(model=f, **k)):
    try:
        load(folders["crf"], trust_remote_code=False)
    except ValueError as error:
        assert "trust_remote_code=True" in str(error), error
    else:
        raise AssertionError("code ran that nobody trusted")
seen = {}
for name, folder in folders.items():
    tagger = pipeline(model=folder, trust_remote_code=True)
    model = AutoModelForTokenClassification.from_pretrained(folder, trust_remote_code=True)
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=True)
    with torch.no_grad():
        logits = model(**tokenizer(texts[0], return_tensors="pt")).logits
    seen[name] = {"entities": tagger(texts), "logits": logits.tolist(), "tokenizer": type(tokenizer).__name__}
print(json.dumps(seen))
"""


@pytest.fixture(scope="module")
def run(zoo, tiny_model, tiny_vectors, tmp_path_factory):
    """Gives the folder of a short run of a tagger."""

    @cache
    def run(tagger: str) -> Path:
        words, folder = tagger in (*WORD_TAGGERS, MULTI_CELL), tmp_path_factory.mktemp("runs") / tagger
        steps = {
            "max_steps": 12,
            "eval_steps": 12,
            "save_steps": 12,
            "eval_strategy": "steps",
            "save_strategy": "steps",
        }
        kind = tagger.removesuffix("-bert")
        more = {"tagger": kind, "config_overrides": SMALL if words else None, "learning_rate": 5e-3, "use_cpu": True}
        fine_tune(zoo, tiny_vectors if words else tiny_model(), FineTuningArguments(str(folder), **steps, **more))
        return folder

    return run


@pytest.fixture(scope="module")
def repository(run, tmp_path_factory):
    """Gives the folder of its repository."""
    folder = tmp_path_factory.mktemp("repositories")
    return cache(lambda tagger: write_model_repository(run(tagger), folder / tagger, repo="me/tagger"))


@pytest.mark.slow
def test_without_the_package_every_tagger_gives_the_same_and_stock_models_need_no_code(
    run, repository, bare_python, dapt_repository
):
    folders = {tagger: str(repository(tagger)) for tagger in ALL}
    assert not list(dapt_repository.glob("*.py"))
    done = bare_python(WITHOUT, json.dumps([folders, str(dapt_repository), TEXTS]), HF_HUB_OFFLINE="1")
    assert done.returncode == 0, done.stderr[-3000:]
    seen = json.loads(done.stdout.splitlines()[-1])
    for tagger in ALL:
        model = AutoModelForTokenClassification.from_pretrained(run(tagger))
        tokenizer = AutoTokenizer.from_pretrained(run(tagger))
        with torch.no_grad():
            logits = model(**tokenizer(TEXTS[0], return_tensors="pt")).logits
        entities = pipeline("crossner", model=str(run(tagger)))(TEXTS)
        assert any(entities), tagger
        expected = {"entities": entities, "logits": logits.tolist(), "tokenizer": type(tokenizer).__name__}
        assert seen[tagger] == expected


def test_the_code_of_cards_runs(repository, run_python):
    """Of a linear tagger and of one with a CRF, in one process."""
    programs = []
    for tagger in ("linear", "crf"):
        card = (repository(tagger) / "README.md").read_text(encoding="utf-8")
        blocks = re.findall(r"^```python\n(.*?)^```", card, flags=re.MULTILINE | re.DOTALL)
        assert len(blocks) == 3
        assert all('"me/tagger"' in code for code in blocks)
        programs += [code.replace('"me/tagger"', repr(str(repository(tagger)))) for code in blocks]
    assert 'aggregation_strategy="first"' in programs[2]
    assert "AutoTokenizer" in programs[-1]
    done = run_python(f"for code in {programs!r}:\n    exec(code)\n    print('----')\n")
    printed = done.stdout.split("----\n")[:-1]
    assert len(printed) == 6
    for lines, entities in (printed[0:2], printed[3:5]):  # with the package line by line, then as a list
        words = [EXAMPLE[int(start) : int(end)] for start, end in re.findall(r"^(\d+) (\d+) ", lines, re.MULTILINE)]
        assert words == [entity["word"] for entity in ast.literal_eval(entities)]
    assert any(text.strip() for text in printed)


@pytest.mark.parametrize("tagger", ALL)
def test_with_the_package_nobody_is_asked_to_trust_code(tagger, repository):
    folder = str(repository(tagger))
    model = AutoModelForTokenClassification.from_pretrained(folder)
    assert type(model).__module__.split(".")[0] == ("transformers" if tagger == "linear" else "crossner_hf")
    assert not type(AutoTokenizer.from_pretrained(folder)).__module__.startswith("transformers_modules")
    assert type(pipeline("crossner", model=folder)).__module__ == "crossner_hf.tagger.pipeline"


@pytest.fixture
def dapt_repository(tiny_model, tmp_path):
    """Of a checkpoint of pre-training, with a record of another."""
    folder = tmp_path / "dapt"
    AutoModelForMaskedLM.from_pretrained(tiny_model()).save_pretrained(folder)
    AutoTokenizer.from_pretrained(tiny_model()).save_pretrained(folder)
    results = Path(__file__).parents[2] / "model_cards" / "results"
    shutil.copy(results / "dapt-music" / "music-span.json", folder / "record.json")
    return write_model_repository(folder, tmp_path / "repository", repo="me/dapt")


def test_it_holds_model_card_and_record_and_nothing_else_of_the_run(run, repository):
    names = {path.name for path in repository("linear").iterdir()}
    assert {"model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json", "README.md"} <= names
    assert not names & {"run.json", "predictions.json", ".lock", ".eval_results"}  # the zoo is no CrossNER
    assert read_record(repository("linear") / "record.json") == read_record(run("linear") / "record.json")
    card = (repository("linear") / "README.md").read_text(encoding="utf-8")
    assert 'pipeline("crossner", model="me/tagger")' in card
    assert 'pipeline(model="me/tagger", trust_remote_code=True)' in card


def test_scores_on_crossner_are_stated_as_results(tiny_model, tmp_path):
    folder = tmp_path / "run"
    record = tagger_record("music")
    labels = ["O", *(f"{prefix}-{name}" for name in record.entity_types for prefix in "BI")]
    model = AutoModelForTokenClassification.from_pretrained(tiny_model(), num_labels=len(labels))
    model.config.id2label, model.config.label2id = dict(enumerate(labels)), {n: i for i, n in enumerate(labels)}
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(tiny_model()).save_pretrained(folder)
    write_record(folder / "record.json", record)
    out = write_model_repository(folder, tmp_path / "out", repo="me/tagger", dataset_repo="me/crossner")
    assert "id: me/crossner" in (out / ".eval_results" / "crossner.yaml").read_text()


@pytest.mark.parametrize("model_type", ["bert", *TAGGERS])
def test_travelling_code_imports_what_lies_beside_it_and_what_every_user_has(model_type):
    files = remote_files(model_type)
    for name, text in files.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom) and node.level:
                assert node.level == 1
                assert f"{node.module}.py" in files, (name, node.lineno)
            elif isinstance(node, ast.Import | ast.ImportFrom):
                modules = [node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
                known = {"torch", "transformers", "tokenizers", "numpy"}
                tops = {module.partition(".")[0] for module in modules}
                assert all(top in known or top in sys.stdlib_module_names for top in tops), (name, tops)


def test_code_that_needs_the_rest_of_the_package_is_no_travelling_code():
    with pytest.raises(ValueError, match=r"crossner_hf\.display|an absolute import of crossner_hf cannot travel"):
        flat_files(["crossner_hf.finetuning.evaluation"])


def test_the_repositorys_own_pipeline_is_its_only_one(repository):
    config = json.loads((repository("coach") / "config.json").read_text())
    assert list(config["custom_pipelines"]) == [TASK]  # so that pipeline(model=…) finds it


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: (f / "record.json").unlink(), r"has no record\.json, from which the card is made"),
        (lambda f: os.truncate(f / "model.safetensors", 5_000), r"model\.safetensors: the weights are damaged \("),
        (lambda f: (f / "model.safetensors.index.json").write_text("{}"), r"index\.json: has no weight_map"),
        (lambda f: (f / "tokenizer_config.json").write_text("[" * 9_000), r"no tokenizer can be loaded from there"),
        (lambda f: (f / "model.safetensors").rename(f / "pytorch_model.bin"), r"pytorch_model\.bin: is a pickle"),
        (lambda f: [p.unlink() for p in f.glob("*token*")], "has no tokenizer"),
        (lambda f: (f / "config.json").unlink(), r"holds no model \(no config\.json\)"),
        (lambda f: shutil.copy(f / "model.safetensors", f / "other.safetensors"), "weights of several models"),
        (
            lambda f: write_record(f / "record.json", tagger_record("music")),
            "is not of the model beside it: the record's",
        ),
        (lambda f: (f / "model.onnx").touch(), "is an export to ONNX, for which there is no card; push the run"),
        (lambda f: shutil.rmtree(f), "no such folder"),
    ],
)
def test_what_is_no_model_of_a_finished_run_is_refused(change, message, run, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(run("linear"), folder)
    change(folder)
    with pytest.raises(ValueError, match=message):
        write_model_repository(folder, tmp_path / "out", repo="me/tagger")
    assert not (tmp_path / "out").exists()


def test_a_folder_of_several_runs_says_so(run, tmp_path):
    shutil.copytree(run("linear"), tmp_path / "exp" / "one")
    with pytest.raises(ValueError, match=r"there is one in .*exp/one"):
        write_model_repository(tmp_path / "exp", tmp_path / "out", repo="me/tagger")
