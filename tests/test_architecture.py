"""The order of the package's layers, read from its imports, and what may not import torch."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = "crossner_hf"

# A module may import from its own layer and from the layers after it. `crossner_hf/__init__.py`, which only hands out
# public names, stands outside.
LAYERS = [
    ["__main__"],
    ["cli"],
    ["hub", "experiments", "view", "spacy_component"],
    ["concepts"],
    ["finetuning", "pretraining"],
    ["training"],
    ["corpora"],
    ["engine"],
    ["external"],
    ["results"],
    ["data", "masking", "models", "metric"],
    ["display"],
    ["tagger"],
    [
        "schema",
        "type_nouns",
        "dbpedia_classes",
        "concept_phrases",
        "packaged_encoder",
        "packed_weights",
        "atomic_write",
        "json_file",
    ],
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
WITHOUT_TORCH = [
    "schema",
    "display",
    "tagger.iob2",
    "tagger.word_splitter",
    "metric",
    "corpora",
    "engine",
    "external",
    "results",
    "concepts.build",
]
# data.builder imports datasets, which may import torch; these modules of data read files without it.
DATA_WITHOUT_TORCH = ["conll", "sentences", "sources", "download", "deduplicate", "registration"]


def modules():
    """Dotted name to file of every module of the package, its `__init__` left out."""
    actual = {}
    for path in sorted((ROOT / PACKAGE).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        actual[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    del actual[PACKAGE]
    return actual


def imported(module, path):
    """The dotted names that a module imports anywhere in its code, relative ones resolved."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def layer_of(name):
    """The part of the package that a dotted name belongs to; None outside it and for what `__init__` itself holds."""
    parts = name.split(".")
    return parts[1] if parts[0] == PACKAGE and len(parts) > 1 and parts[1] in LEVEL else None


def test_every_module_has_its_place_in_the_layers():
    assert {name for name in modules() if layer_of(name) is None} == set()


def test_imports_point_downward_only():
    upward = [
        f"{module} imports {name}"
        for module, path in modules().items()
        for name in imported(module, path)
        if layer_of(name) and LEVEL[layer_of(name)] < LEVEL[layer_of(module)]
    ]
    assert upward == []


def test_hub_and_experiments_stand_side_by_side():
    """Both stand on results; neither imports the other."""
    across = [
        f"{module} imports {name}"
        for module, path in modules().items()
        for name in imported(module, path)
        if {layer_of(module), layer_of(name)} == {"hub", "experiments"}
    ]
    assert across == []


def test_no_part_of_a_lower_layer_goes_through_the_public_names():
    """`from crossner_hf import load` would hide an arrow from the test above."""
    hidden = [
        f"{module} imports {name}"
        for module, path in modules().items()
        for name in imported(module, path)
        if name.startswith(f"{PACKAGE}.") and layer_of(name) is None and name != f"{PACKAGE}.__version__"
    ]
    assert hidden == []


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("import a.b, c", ["a.b", "c"]),
        ("from a import b", ["a.b"]),
        ("from . import x", ["crossner_hf.data.x"]),
        ("from .x import y", ["crossner_hf.data.x.y"]),
        ("from ..words import split", ["crossner_hf.words.split"]),
        ("def f():\n    from crossner_hf.cli import main", ["crossner_hf.cli.main"]),
    ],
)
def test_the_reader_of_imports_finds_them_all(tmp_path, code, names):
    (tmp_path / "some.py").write_text(code)
    assert list(imported("crossner_hf.data.some", tmp_path / "some.py")) == names


def test_scoring_and_reading_import_no_torch():
    wanted = [f"{PACKAGE}.{name}" for name in (*WITHOUT_TORCH, *(f"data.{name}" for name in DATA_WITHOUT_TORCH))]
    program = (
        f"import importlib, json, sys; [importlib.import_module(name) for name in {wanted}]; "
        "print(json.dumps([m for m in ('torch', 'transformers', 'datasets') if m in sys.modules]))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
