"""The Space of the metric: what `evaluate` loads from it, what its page computes, what its card says."""

import importlib.util
import re
import sys
import types
from pathlib import Path

import pytest
from huggingface_hub import RepoCard

from crossner_hf.hub.metric_space import write_metric_space
from crossner_hf.metric.crossner.span_f1 import CONVENTIONS


@pytest.fixture(scope="module")
def space(tmp_path_factory):
    return write_metric_space(tmp_path_factory.mktemp("space") / "crossner", repo="someone/crossner")


@pytest.fixture
def page(space, monkeypatch):
    """The page's module, with a stand-in for gradio, which is no part of the tests, that keeps what it is given."""

    class Error(Exception):
        pass

    gradio = types.SimpleNamespace(Error=Error)
    for name in ("Interface", "Textbox", "Dropdown", "CheckboxGroup", "Dataframe"):
        setattr(gradio, name, lambda *args, **kwargs: (args, kwargs))
    monkeypatch.setitem(sys.modules, "gradio", gradio)
    monkeypatch.syspath_prepend(str(space))
    spec = importlib.util.spec_from_file_location("metric_page", space / "app.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    for name in ("labels", "span_f1"):
        sys.modules.pop(name, None)


def test_evaluate_loads_the_folder(space):
    import evaluate

    metric = evaluate.load(str(space))
    result = metric.compute(predictions=[["B-song", "O"], ["B-band"]], references=[["B-song", "I-song"], ["B-band"]])
    assert (result["conlleval_f1"], result["strict_f1"], result["pooled_f1"]) == (0.5, 0.5, 0.5)


def test_a_repository_of_another_name_has_a_module_of_that_name(tmp_path):
    folder = write_metric_space(tmp_path / "ner_f1", repo="someone/ner_f1")
    assert (folder / "ner_f1.py").is_file()
    assert not (folder / "crossner.py").exists()
    with pytest.raises(ValueError, match="must be a Python name"):
        write_metric_space(tmp_path / "x", repo="someone/cross-ner")


def test_the_page_scores_columns(page):
    overall, by_type = page.scores(page.GOLD, page.PREDICTED, "music", ["conlleval", "token"])
    assert overall[0] == ["conlleval", "overall", 66.67, 66.67, 66.67, 3]
    assert [row[:2] for row in overall[1:3]] == [["conlleval", "specialised"], ["conlleval", "generic"]]
    assert overall[3][:3] == ["token", "overall", 50.0]
    assert ["band", 100.0, 100.0, 100.0, 1] in by_type


def test_the_page_keeps_white_space_within_words(page):
    assert page.read("New\xa0York\tB-city\r\n\u3000 O\na\u2028b O\n \nx  O", "gold")[0] == [
        ["New\xa0York", "\u3000", "a\u2028b"],
        ["x"],
    ]


@pytest.mark.parametrize(
    ("gold", "predicted", "message"),
    [
        ("Miles B-song", "Davis B-song", "different words from sentence 1 on"),
        ("Miles", "Miles O", "gold, line 1: expected a word and its tag, got 'Miles'"),
        ("", "", "at least one sentence"),
        ("a X-song", "a O", "X-song"),
        ("a O\n\nb O", "a O", "different words from sentence 2 on"),
    ],
)
def test_the_page_names_errors(page, gold, predicted, message):
    with pytest.raises(page.gr.Error, match=re.escape(message)):
        page.scores(gold, predicted, page.ANY, ["conlleval"])


def test_the_card_names_every_convention_and_is_valid(space):
    card = RepoCard.load(space / "README.md")
    assert card.data.sdk == "gradio"
    assert card.data.tags[:2] == ["evaluate", "metric"]
    assert re.findall(r"^\| `(\w+)` \| \w", card.text, flags=re.MULTILINE) == list(CONVENTIONS)
    assert 'evaluate.load("someone/crossner")' in card.text


def test_the_module_is_that_of_the_package(space):
    from crossner_hf.metric import METRIC_DIR

    for name in ("crossner.py", "labels.py", "span_f1.py"):
        assert (space / name).read_text() == Path(METRIC_DIR, name).read_text()
