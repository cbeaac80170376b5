"""Checkpoints that are damaged, pickled or odd: one sentence that names the checkpoint, and never a traceback."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from crossner_hf.finetuning.encoder_taggers import EncoderTaggers
from crossner_hf.pretraining.masked_lm import load_masked_lm
from crossner_hf.schema import get_domain
from crossner_hf.tagger.tagger import Tagger


def with_values(name: str, **values):
    def change(folder: Path) -> None:
        content = json.loads((folder / name).read_text(encoding="utf-8"))
        (folder / name).write_text(json.dumps(content | values), encoding="utf-8")

    return change


def with_text(name: str, text: str):
    return lambda folder: (folder / name).write_text(text, encoding="utf-8")


def cut(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])


class Runs:
    def __reduce__(self):
        return print, ("code of the pickle",)


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    torch.save({"weight": Runs()}, folder / "pytorch_model.bin")


DAMAGE = {
    "weights cut": cut,
    "weights empty": with_text("model.safetensors", ""),
    "config is a list": with_text("config.json", "[]"),
    "config is no object": with_text("config.json", '"bert"'),
    "config is deep": with_text("config.json", "[" * 9_000),
    "no layers": with_values("config.json", num_hidden_layers="two"),
    "no heads": with_values("config.json", num_attention_heads=0),
    "negative width": with_values("config.json", hidden_size=-1),
    "layers without end": with_values("config.json", num_hidden_layers=10**9),
    "architectures is a number": with_values("config.json", architectures=3),
    "classes are numbers": with_values("config.json", architectures=[3]),
    "unknown token is unknown": with_values("tokenizer_config.json", unk_token="[WHAT]"),
    "model_type is a number": with_values("config.json", model_type=3),
    "vocabulary too small": with_values("config.json", vocab_size=2),
    "tokenizer config is a list": with_text("tokenizer_config.json", "[]"),
    "tokenizer config is deep": with_text("tokenizer_config.json", "[" * 9_000),
    "length is text": with_values("tokenizer_config.json", model_max_length="long"),
    "class is a number": with_values("tokenizer_config.json", tokenizer_class=3),
    "tokenizer is cut": with_text("tokenizer.json", "{"),
}


@pytest.fixture
def damaged(random_tagger, tmp_path):
    """Gives a copy of a tagger that a function has changed."""

    def damaged(change) -> str:
        shutil.copytree(random_tagger("bert"), tmp_path / "copy")
        change(tmp_path / "copy")
        return str(tmp_path / "copy")

    return damaged


LOADERS = {
    "tagger": lambda path, domain: Tagger.from_pretrained(path),
    "encoder": lambda path, domain: [(t := EncoderTaggers(path)).tokenizer, t.build(domain)],
    "masked lm": lambda path, domain: load_masked_lm(path, 32),
}


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_checkpoint_is_refused_in_one_sentence(damaged, zoo, loader, damage):
    path = damaged(DAMAGE[damage])
    with pytest.raises((ValueError, OSError), match=r"^\S*copy: ") as error:
        LOADERS[loader](path, get_domain(zoo))
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 700


@pytest.mark.parametrize("loader", LOADERS)
def test_a_pickle_that_runs_code_is_refused_without_unsafe_advice(damaged, zoo, loader, capsys):
    path = damaged(pickled)
    with pytest.raises(ValueError, match=r"copy: its weights are a pickle .* save them as safetensors with") as error:
        LOADERS[loader](path, get_domain(zoo))
    assert "weights_only" not in str(error.value)
    assert "code of the pickle" not in capsys.readouterr().out


@pytest.mark.parametrize("labels", [{1: "O", 2: "B-animal"}, {}, {"0": "O", "2": "B-animal"}])
def test_labels_are_numbered_from_0(damaged, labels):
    path = damaged(with_values("config.json", id2label=labels, label2id={v: int(k) for k, v in labels.items()}))
    with pytest.raises(ValueError, match=r"copy: no tagger can be loaded from there \("):
        Tagger.from_pretrained(path)


@pytest.mark.parametrize(
    "change",
    [
        with_values("config.json", word_splitter=["crossner"]),
        with_values("config.json", word_splitter="by hand"),
        with_values("tokenizer_config.json", pad_token="[NEW]"),
        with_values("tokenizer_config.json", sep_token="[NEW]"),
    ],
)
def test_a_tagger_whose_files_do_not_fit_each_other_is_refused_when_it_is_loaded(damaged, change):
    with pytest.raises(ValueError, match=r"copy: "):
        Tagger.from_pretrained(damaged(change))


def test_a_token_without_an_embedding_is_named(random_tagger):
    tagger = Tagger.from_pretrained(random_tagger("bert"))
    tagger.tokenizer.add_tokens(["rhino"])
    assert len(list(tagger.tag_words([["fox"]]))) == 1
    with pytest.raises(ValueError, match=r"its tokenizer gives the token (\d+), its model has embeddings for \1 only"):
        list(tagger.tag_words([["rhino"]]))
