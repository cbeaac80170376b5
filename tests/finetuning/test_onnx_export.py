"""Taggers exported to ONNX: the same entities, by the same commands."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForTokenClassification, pipeline

from crossner_hf.cli import main
from crossner_hf.finetuning.encoder_taggers import EncoderTaggers
from crossner_hf.finetuning.onnx_export import compare_export, export_onnx
from crossner_hf.finetuning.settings import TaggerChoice
from crossner_hf.finetuning.task import Task
from crossner_hf.models.onnx_tagger import ONNX_FILE, OnnxTaggerForTokenClassification
from crossner_hf.results.record_files import read_record
from crossner_hf.schema import get_domain
from crossner_hf.tagger.tagger import Tagger

pytest.importorskip("onnx", reason="onnx is not installed (extra: onnx)")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed (extra: onnx)")

TEXTS = ["The red panda saw New York.", "A fox from Ulm", "Oslo, Paris and the sea lion moved at night"]


@pytest.fixture(scope="module")
def crf_tagger(tiny_model, zoo):
    """A tiny CRF tagger that tags at random, yet with much between its labels; its first two tokens begin no word."""
    torch.manual_seed(2)
    taggers = EncoderTaggers(tiny_model("bert", initializer_range=0.3), TaggerChoice("crf"))
    model = taggers.build(get_domain(zoo)).eval()
    with torch.no_grad():
        for parameter in (model.emitter.classifier.weight, *model.head.parameters()):
            parameter.copy_(2 * torch.randn_like(parameter))
    model.begins_word[:2] = False
    return Tagger(model, taggers.tokenizer)


@pytest.fixture(scope="module")
def exported(crf_tagger, tmp_path_factory):
    return export_onnx(crf_tagger, tmp_path_factory.mktemp("exported") / "crf")


@pytest.mark.parametrize("kind", ["bert", "roberta", "deberta-v2"])
def test_a_linear_tagger_tags_the_same_after_the_export(kind, random_tagger, zoo_sentences, tmp_path):
    sentences = [words for words, _ in zoo_sentences(20, seed=3, most=40)]
    export_onnx(random_tagger(kind), tmp_path / "onnx")
    before, after = (Tagger.from_pretrained(str(path)) for path in (random_tagger(kind), tmp_path / "onnx"))
    assert isinstance(after.model, OnnxTaggerForTokenClassification)
    assert after.max_length == before.max_length
    for one, other in zip(before.tag_words(sentences), after.tag_words(sentences), strict=True):
        assert one.labels == other.labels
        assert one.scores == pytest.approx(other.scores, abs=1e-4)


def test_a_crf_decodes_the_same_with_the_same_confidence(crf_tagger, exported, zoo_sentences):
    sentences = [words for words, _ in zoo_sentences(30, seed=4, most=40)]
    after = Tagger.from_pretrained(str(exported))
    assert len({label for tagged in crf_tagger.tag_words(sentences) for label in tagged.labels}) > 3
    for one, other in zip(crf_tagger.tag_words(sentences), after.tag_words(sentences), strict=True):
        assert one.labels == other.labels
        assert one.scores == pytest.approx(other.scores, abs=1e-4)


def test_callers_without_words_get_the_same_logits(crf_tagger, exported):
    model = AutoModelForTokenClassification.from_pretrained(exported)
    batch = crf_tagger.tokenizer(TEXTS, padding=True, return_tensors="pt")
    with torch.no_grad():
        assert torch.allclose(model(**batch).logits, crf_tagger.model(**batch).logits, atol=1e-3)


def test_the_pipeline_and_predict_take_the_folder(crf_tagger, exported, tmp_path, capsys):
    expected = list(crf_tagger.tag_texts(TEXTS))
    spans = [[(e["start"], e["end"], e["entity_group"]) for e in entities] for entities in expected]
    assert any(spans)
    piped = pipeline("crossner", model=str(exported))(TEXTS)
    assert [[(e["start"], e["end"], e["entity_group"]) for e in entities] for entities in piped] == spans
    (tmp_path / "texts.txt").write_text("\n".join(TEXTS) + "\n")
    assert main(["predict", "--model", str(exported), str(tmp_path / "texts.txt"), "--to", "jsonl"]) == 0
    rows = [json.loads(line)["entities"] for line in capsys.readouterr().out.splitlines()]
    assert [[(e["start"], e["end"], e["entity_group"]) for e in entities] for entities in rows] == spans


def test_an_export_is_saved_again_with_its_graph(exported, tmp_path):
    AutoModelForTokenClassification.from_pretrained(exported).save_pretrained(tmp_path)
    for name in (ONNX_FILE, "model.safetensors"):
        assert (tmp_path / name).read_bytes() == (exported / name).read_bytes()


def test_an_export_may_be_saved_where_it_lies(exported, tmp_path):
    folder = shutil.copytree(exported, tmp_path / "copy")
    Tagger.from_pretrained(str(folder)).model.save_pretrained(folder)
    assert (folder / ONNX_FILE).read_bytes() == (exported / ONNX_FILE).read_bytes()


def test_a_model_that_torch_cannot_export_is_refused_in_one_sentence(crf_tagger, tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("no operator 'aten::x'\nmore")

    monkeypatch.setattr(torch.onnx, "export", fail)
    with pytest.raises(ValueError, match=r"torch cannot write its encoder as an ONNX graph: no operator 'aten::x'$"):
        export_onnx(crf_tagger, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_export_names_no_folder_of_this_machine(random_tagger, tmp_path):
    export_onnx(random_tagger(), tmp_path / "onnx")
    assert str(Path(random_tagger()).parent) not in (tmp_path / "onnx" / "config.json").read_text()


def test_eight_bits_are_smaller_and_the_record_says_what_they_cost(crf_tagger, exported, zoo, tmp_path):
    folder = export_onnx(crf_tagger, tmp_path / "int8", int8=True)
    record = compare_export(crf_tagger, folder, get_domain(zoo))
    assert record.int8
    assert record.graph_bytes < (exported / ONNX_FILE).stat().st_size
    assert 0 <= record.differing_sentences <= record.sentences == 11
    same = compare_export(crf_tagger, exported, get_domain(zoo))
    assert same.differing_sentences == 0
    assert same.f1()[0] == same.f1()[1] == record.f1()[0]
    assert not same.int8


def test_the_command_exports_and_writes_the_record(random_tagger, zoo, tmp_path, capsys):
    folder = tmp_path / "onnx"
    assert main(["export", random_tagger(), "--onnx", "--output", str(folder), "--domain", str(zoo)]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith(f"{folder}: model.onnx has 0.")
    assert printed[1].endswith("0 of 11 sentences have other labels")
    record = read_record(folder / "export.json")
    assert (record.kind, record.domain, record.model) == ("onnx_export", "zoo", Path(random_tagger()).name)


def test_what_cannot_be_exported_is_refused(tiny_vectors, zoo, exported, tmp_path, user_error):
    task = Task({"target": get_domain(zoo)}, tiny_vectors, choice=TaggerChoice("bilstm-crf"))
    tagger = Tagger(task.new_tagger("target"), task.tokenizer)
    with pytest.raises(ValueError, match="of the kind bilstm-crf cannot be exported; linear taggers and CRFs"):
        export_onnx(tagger, tmp_path / "onnx")
    command = ["export", str(exported), "--onnx", "--output", str(tmp_path / "again")]
    assert "of the kind onnx-tagger cannot be exported" in user_error(*command)
    assert not list(tmp_path.iterdir())


def test_a_graph_with_other_scores_is_not_written(crf_tagger, tmp_path, monkeypatch):
    wrong = torch.ones(())
    emissions = OnnxTaggerForTokenClassification.emissions
    monkeypatch.setattr(
        OnnxTaggerForTokenClassification, "emissions", lambda self, *a, **k: emissions(self, *a, **k) + wrong
    )
    with pytest.raises(ValueError, match="its graph gives other scores, by up to 1, so it is not written"):
        export_onnx(crf_tagger, tmp_path / "onnx")
    assert not list(tmp_path.iterdir())


def test_a_folder_without_its_graph_is_refused_in_one_sentence(exported, tmp_path, user_error):
    folder = tmp_path / "incomplete"
    shutil.copytree(exported, folder)
    (folder / ONNX_FILE).unlink()
    assert "model.onnx" in user_error("predict", "--model", str(folder), "--to", "jsonl")


def test_a_damaged_graph_is_refused_in_one_sentence(exported, tmp_path, user_error):
    folder = tmp_path / "damaged"
    shutil.copytree(exported, folder)
    (folder / ONNX_FILE).write_bytes((exported / ONNX_FILE).read_bytes()[:500])
    assert str(folder) in user_error("predict", "--model", str(folder), "--to", "jsonl")


def test_without_onnx_the_error_names_the_extra(random_tagger, tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"onnx is not installed, .* pip install 'crossner-hf\[onnx\]'"):
        export_onnx(random_tagger(), tmp_path / "onnx")
