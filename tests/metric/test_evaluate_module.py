"""The folder for `evaluate.load`, by itself: in a process of its own that cannot import the package."""

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from render_labels import LABELS_FILE, render

from crossner_hf.metric import METRIC_DIR
from crossner_hf.metric.crossner.labels import ENTITY_TYPES, GENERIC_TYPES
from crossner_hf.schema import BUILT_IN

pytest.importorskip("evaluate")

PRELUDE = """
import sys

class NoPackage:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("crossner_hf", "torch"):
            raise ImportError(f"{name} is not to be imported here")

sys.meta_path.insert(0, NoPackage())
import evaluate

def load():
    return evaluate.load("./crossner", keep_in_memory=True)

def refused(call, *messages):
    try:
        call()
    except ValueError as error:
        assert all(message in str(error) for message in messages), error
    else:
        raise AssertionError("not refused")
"""


def run_alone(folder: Path, code: str) -> None:
    """Run the code in `folder`, which holds a copy of the metric's folder and all that `evaluate` caches."""
    shutil.copytree(METRIC_DIR, folder / "crossner", ignore=shutil.ignore_patterns("__pycache__"))
    env = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "HF_"))}
    env |= {"HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "hf"), "HF_MODULES_CACHE": str(folder / "modules")}
    env |= {"USE_TORCH": "0"}
    script = PRELUDE + textwrap.dedent(code)
    done = subprocess.run([sys.executable, "-I", "-c", script], cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_examples_of_its_documentation_run_and_bad_input_is_refused(tmp_path):
    run_alone(
        tmp_path,
        """
        import doctest
        text = load().info.inputs_description
        parsed = doctest.DocTestParser().get_doctest(text, {}, "inputs_description", None, 0)
        results = doctest.DocTestRunner().run(parsed)
        assert results.attempted == 6 and not results.failed, results

        def compute(predictions, references, **kwargs):
            return load().compute(predictions=predictions, references=references, **kwargs)

        refused(lambda: compute([[3, 4]], [[3, 4]]), "label ids need compute(..., domain=...)", "sample_music")
        refused(lambda: compute([[3, 4]], [[3, 4]], domain="musik"), "unknown domain 'musik'; known are conll2003")
        refused(lambda: compute([[27]], [[1]], domain="music"), "27 is not in 0 to 26")
        refused(lambda: compute([["O"]], [[0]], domain="music"), "expected format")
        refused(lambda: compute([["O"]], [["X"]]), "references, sentence 0", "'X'")
        refused(lambda: compute([["O"]], [["O"]], conventions=["f1"]), "'f1'; known are")
        """,
    )


def test_tags_and_label_ids_in_batches_in_streams_and_combined(tmp_path):
    run_alone(
        tmp_path,
        """
        import numpy as np

        ids = {"predictions": [[3, 4, 0], [5], [0, 25]], "references": [[3, 4, 4], [5], [0, 25]]}
        labels = {0: "O", 3: "B-song", 4: "I-song", 5: "B-band", 25: "B-misc"}
        tags = {side: [[labels[i] for i in row] for row in rows] for side, rows in ids.items()}
        wanted = load().compute(**tags, domain="music")
        assert wanted["conlleval_f1"] == wanted["strict_f1"] == wanted["pooled_f1"] == 2 / 3
        assert wanted["conlleval_specialised_f1"] == 0.5 and wanted["conlleval_generic_f1"] == 1.0
        assert wanted["conlleval_support"] == 3 and set(wanted["pooled_per_type"]) == {"song", "band", "misc"}
        assert load().compute(**ids, domain="music") == load().compute(**ids, domain="music_dedup") == wanted
        plain = load().compute(**tags)
        assert plain == {k: v for k, v in wanted.items() if "specialised" not in k and "generic" not in k}
        assert not any("generic" in k for k in load().compute(predictions=[[1]], references=[[1]], domain="conll2003"))

        for data in (tags, ids):
            singly, in_batches = load(), load()
            for prediction, reference in zip(*data.values()):
                singly.add(prediction=prediction, reference=reference)
                in_batches.add_batch(predictions=[prediction], references=[reference])
            assert singly.compute(domain="music") == in_batches.compute(domain="music") == wanted
            waiting = load()
            waiting.add(prediction=[], reference=[])
            waiting.add_batch(predictions=[[], []], references=[[], []])
            waiting.add_batch(**data)
            words = [[], [], [], ["a", "b", "c"], ["d"], ["e", "f"]]
            result = waiting.compute(domain="music", conventions=["conlleval", "string_set"], tokens=words)
            assert result["conlleval_f1"] == result["string_set_f1"] == 2 / 3
            assert waiting.compute(**data, domain="music") == wanted  # and once more, from the beginning
            behind_an_empty_sentence = {side: [[], *rows] for side, rows in data.items()}
            assert load().compute(**behind_an_empty_sentence, domain="music") == wanted

        padded = np.array([[3, 4, 0, 9], [5, 9, 9, 9], [0, 25, 9, 9]])
        references = np.array([[3, 4, 4, -100], [5, -100, -100, -100], [0, 25, -100, -100]])
        assert load().compute(predictions=padded, references=references, domain="music") == wanted
        for none in ([], [[], []]):
            assert load().compute(predictions=none, references=none)["conlleval_support"] == 0

        tokens = [["a", "b", "c"], ["d"], ["e", "f"]]
        on_request = load().compute(**tags, conventions=["no_misc", "string_set"], tokens=tokens)
        assert on_request["no_misc_f1"] == 0.5  # of 'a b' song and 'd' band, 'a b c' being gold
        assert on_request["string_set_f1"] == 2 / 3  # with misc: two of three strings

        combined = evaluate.combine({"one": load(), "other": load()})
        result = combined.compute(**tags)
        assert result["one_conlleval_f1"] == result["other_conlleval_f1"] == 2 / 3
        assert evaluate.combine([load()]).compute(**tags) == plain
        """,
    )


def test_the_label_lists_are_what_the_schema_renders():
    assert LABELS_FILE.read_text(encoding="utf-8") == render(), "run python scripts/render_labels.py"
    assert {name: tuple(types) for name, types in ENTITY_TYPES.items()} == {
        name: domain.entity_types for name, domain in BUILT_IN.items() if not name.endswith("_dedup")
    }
    for name, domain in BUILT_IN.items():
        assert list(domain.entity_types) == ENTITY_TYPES[name.removesuffix("_dedup")]
        assert set(domain.generic_types) == set(GENERIC_TYPES) & set(domain.entity_types)
