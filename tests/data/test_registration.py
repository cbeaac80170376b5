"""`load_dataset("crossner", …)` in programs of their own: import orders, caches from one run to the next, workers."""

import shutil
from pathlib import Path

import pytest

import crossner_hf
from crossner_hf.schema import BUILT_IN

ROOT = Path(crossner_hf.__file__).parents[1]
OURS_FIRST = "import crossner_hf\nimport datasets\n"
THEIRS_FIRST = "import datasets\nimport crossner_hf\n"
LAZILY = "import crossner_hf\nimport datasets.load\nfrom datasets import load_dataset\nimport datasets\n"

EVERY_CALL = """
import json, os
from datasets import get_dataset_config_names, get_dataset_split_names, load_dataset, load_dataset_builder

seen = {}
rows = lambda loaded: {split: list(dataset) for split, dataset in loaded.items()}
legal = os.environ["LEGAL"]
seen["rows"] = rows(load_dataset("crossner", "legal", data_dir=legal))
seen["home"] = rows(load_dataset("crossner", "legal", data_dir="~/legal"))
seen["relative"] = rows(load_dataset("crossner", "legal", data_dir=os.path.relpath(legal)))
seen["streamed"] = rows(load_dataset("crossner", "legal", data_dir=legal, streaming=True))
seen["twin"] = rows(crossner_hf.load(legal))
seen["slice"] = load_dataset("crossner", "legal", data_dir=legal, split="test[:50%]").to_list()
builder = load_dataset_builder("crossner", "sample_music")
seen["labels"] = builder.info.features["ner_tags"].feature.names
sample = load_dataset("crossner", "sample_music")
seen["sizes"] = {split: len(dataset) for split, dataset in sample.items()}
seen["configurations"] = get_dataset_config_names("crossner")
seen["splits"] = get_dataset_split_names("crossner", "sample_music")

os.makedirs("crossner/music")
for name in ("notes.txt", "crossner/train.csv", "crossner/music/train.txt"):
    open(name, "w").write("not,ours\\n1,2\\n")
again = load_dataset("crossner", "sample_music")
seen["same_with_other_files_about"] = again.cache_files == sample.cache_files
seen["text"] = load_dataset("text", data_files="notes.txt", split="train")["text"][:]
seen["csv"] = load_dataset("crossner/", data_files="train.csv", split="train").column_names
print(json.dumps(seen))
"""


@pytest.fixture(scope="module", params=[OURS_FIRST, THEIRS_FIRST, LAZILY], ids=["ours first", "theirs first", "lazily"])
def seen(request, tmp_path_factory, python_in, write_legal):
    """What the calls give after the two imports in either order."""
    folder = tmp_path_factory.mktemp("order")
    legal = write_legal(folder / "legal")
    return python_in(folder)(request.param + EVERY_CALL, LEGAL=str(legal))


def test_every_call_works_in_either_import_order(seen):
    assert [row["tokens"] for row in seen["rows"]["test"]] == [["Old", "Bailey"], ["Hale"], ["adjourned"]]
    assert seen["home"] == seen["relative"] == seen["streamed"] == seen["twin"] == seen["rows"]
    assert seen["slice"] == seen["rows"]["test"][:2]
    assert seen["sizes"] == {"train": 60, "validation": 30, "test": 40}
    assert seen["configurations"] == list(BUILT_IN)
    assert seen["splits"] == ["train", "validation", "test"]
    assert seen["labels"] == list(BUILT_IN["music"].labels)
    assert seen["same_with_other_files_about"]
    assert (seen["text"], seen["csv"]) == (["not,ours", "1,2"], ["not", "ours"])  # other builders stay as they are


def test_importing_the_package_imports_no_large_library(run_python):
    program = """
    import json, sys
    import crossner_hf
    assert crossner_hf.get_domain("music").labels
    print(json.dumps([m for m in ("torch", "datasets", "transformers", "numpy", "pyarrow") if m in sys.modules]))
    """
    assert run_python(program) == []


def test_unknown_names_fail_as_without_the_package(run_python):
    program = """
    import json, datasets

    def failure(name):
        try:
            datasets.load_dataset(name)
        except Exception as error:
            return [type(error).__name__, str(error)]

    before = [failure("no_such_data_set"), failure("json"), failure("someone/crossner")]
    import crossner_hf
    after = [failure("no_such_data_set"), failure("json"), failure("someone/crossner")]
    print(json.dumps([before, after]))
    """
    before, after = run_python(program)
    assert None not in before
    assert after == before


@pytest.mark.parametrize(
    "hook",
    ["datasets.packaged_modules._PACKAGED_DATASETS_MODULES", "datasets.load.PackagedDatasetModuleFactory"],
    ids=["table gone", "factory gone"],
)
def test_without_the_private_hook_a_warning_names_the_public_way(run_python, legal, hook):
    module, _, name = hook.rpartition(".")
    program = f"""
    import json, logging
    import datasets, {module}
    messages = []
    logging.getLogger("crossner_hf").addHandler(logging.Handler())
    logging.getLogger("crossner_hf").handlers[0].emit = lambda record: messages.append(record.getMessage())
    del {module}.{name}
    import crossner_hf
    print(json.dumps([messages, crossner_hf.load({str(legal)!r}, split="test")["tokens"][:]]))
    """
    messages, tokens = run_python(program)
    assert len(messages) == 1
    assert "this release of datasets has no place to register a name" in messages[0]
    assert 'use crossner_hf.load("music")' in messages[0]
    assert tokens == [["Old", "Bailey"], ["Hale"], ["adjourned"]]


TIMED = """
import json, time
import crossner_hf, datasets, crossner_hf.data.builder
begun = time.perf_counter()
loaded = datasets.load_dataset("crossner", "music")
seconds = time.perf_counter() - begun
print(json.dumps([{split: dataset.to_list() for split, dataset in loaded.items()}, seconds]))
"""


def test_a_later_run_needs_no_files_and_no_network_and_loads_within_a_second(run_python, official):
    first, _ = run_python(TIMED, CROSSNER_DATA_DIR=str(official))
    again, seconds = run_python(TIMED)
    assert again == first
    assert {split: len(rows) for split, rows in again.items()} == {"train": 100, "validation": 380, "test": 465}
    assert seconds < 1


def test_a_changed_builder_does_not_use_the_cache_of_another(run_python, legal, tmp_path):
    program = f"""
    import json, crossner_hf, datasets
    made = datasets.load_dataset("crossner", "legal", data_dir={str(legal)!r}, split="test")
    print(json.dumps([made["id"][:], crossner_hf.load({str(legal)!r}, split="test")["id"][:]]))
    """
    assert run_python(program) == [["0", "1", "2"]] * 2
    shutil.copytree(
        ROOT / "crossner_hf", tmp_path / "changed" / "crossner_hf", ignore=shutil.ignore_patterns("__pycache__")
    )
    builder = tmp_path / "changed" / "crossner_hf" / "data" / "builder.py"
    source = builder.read_text(encoding="utf-8")
    builder.write_text(source.replace('"id": str(key)', '"id": f"row {key}"'), encoding="utf-8")
    assert run_python(program, package=tmp_path / "changed") == [["row 0", "row 1", "row 2"]] * 2
    assert run_python(program) == [["0", "1", "2"]] * 2


def test_spawned_workers_read_rows_and_streams(run_python, legal):
    """Workers start afresh and import nothing by themselves."""
    program = f"""
    import json, multiprocessing
    from functools import partial
    import crossner_hf, datasets

    def words(row):
        return row["tokens"]

    def all_words(dataset):
        return [words(row) for row in dataset]

    if __name__ == "__main__":
        load = partial(datasets.load_dataset, "crossner", "legal", data_dir={str(legal)!r}, split="test")
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            rows = pool.map(words, load())
            whole = pool.apply(all_words, [load()])
            stream = pool.apply(all_words, [load(streaming=True)])
        print(json.dumps([rows, whole, stream]))
    """
    assert run_python(program) == [[["Old", "Bailey"], ["Hale"], ["adjourned"]]] * 3


def test_an_exported_folder_loads_without_the_package(run_python, legal, tmp_path):
    from crossner_hf.hub.dataset_repository import write_dataset_repository

    names = write_dataset_repository(tmp_path / "exported", [legal, "sample_music"])
    assert names == ["legal", "sample_music"]
    program = f"""
    import json, sys
    import datasets

    assert not [name for name in sys.modules if name.startswith("crossner_hf.")]
    folder = {str(tmp_path / "exported")!r}
    loaded = datasets.load_dataset(folder, "legal")
    sample = datasets.load_dataset(folder, "sample_music", split="test")
    print(json.dumps([
        datasets.get_dataset_config_names(folder),
        {{split: dataset.to_list() for split, dataset in loaded.items()}},
        loaded["train"].features["ner_tags"].feature.names,
        sample.features["ner_tags"].feature.names,
        sample.to_list(),
    ]))
    """
    configurations, rows, legal_names, sample_names, sample = run_python(program, package=None)
    assert configurations == names
    assert rows == {split: dataset.to_list() for split, dataset in crossner_hf.load(legal).items()}
    assert legal_names == ["O", "B-court", "I-court", "B-judge", "I-judge"]
    assert sample_names == list(BUILT_IN["music"].labels)
    assert sample == crossner_hf.load("sample_music", split="test").to_list()
