"""The loading script and the Parquet repository under a release of `datasets` that still runs scripts.

`make test-legacy` runs this in an environment that has `datasets` 3.6 and not this package, on what prepare.py wrote.
"""

import functools
import hashlib
import http.server
import json
import os
import re
import shutil
import threading
from importlib.util import find_spec
from pathlib import Path

import pytest

PREPARED = os.environ.get("CROSSNER_LEGACY")
if not PREPARED:
    pytest.skip("run by `make test-legacy`, with an older datasets", allow_module_level=True)

datasets = pytest.importorskip("datasets")

SCRIPT = Path(__file__).parents[2] / "dataset_scripts" / "crossner"
EXPECTED = json.loads(Path(PREPARED, "expected.json").read_text(encoding="utf-8"))
SOURCE = {"data_dir": EXPECTED["data_dir"], "verify": EXPECTED["verify"]}
load_by_script = functools.partial(datasets.load_dataset, trust_remote_code=True)


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path_factory.getbasetemp() / "prepared")
    monkeypatch.setattr(datasets.config, "DOWNLOADED_DATASETS_PATH", tmp_path_factory.getbasetemp() / "downloads")
    monkeypatch.delenv("CROSSNER_DATA_DIR", raising=False)


def rows_of(loaded):
    return {split: list(rows) for split, rows in loaded.items()}


def assert_as_expected(loaded, config):
    expected = EXPECTED["configs"][config]
    assert rows_of(loaded) == expected["rows"]
    for rows in loaded.values():
        assert rows.features["ner_tags"].feature.names == expected["labels"]


def test_this_datasets_runs_scripts_and_the_package_is_missing():
    assert int(datasets.__version__.split(".")[0]) < 4
    assert find_spec("crossner_hf") is None


@pytest.mark.parametrize("config", EXPECTED["configs"])
def test_the_script_gives_the_rows_and_labels_of_the_package(config):
    assert_as_expected(load_by_script(str(SCRIPT), config, **SOURCE), config)


def test_the_script_loads_by_its_file():
    assert_as_expected(load_by_script(str(SCRIPT / "crossner.py"), "music", **SOURCE), "music")


def test_the_script_streams():
    assert (
        rows_of(load_by_script(str(SCRIPT), "music", streaming=True, **SOURCE)) == EXPECTED["configs"]["music"]["rows"]
    )


def test_the_script_reads_the_folder_that_the_environment_names(monkeypatch):
    monkeypatch.setenv("CROSSNER_DATA_DIR", SOURCE["data_dir"])
    assert_as_expected(load_by_script(str(SCRIPT), "science", verify=SOURCE["verify"]), "science")


def test_the_script_lists_its_configurations():
    names = datasets.get_dataset_config_names(str(SCRIPT), trust_remote_code=True)
    domains = ["conll2003", "politics", "science", "music", "literature", "ai"]
    assert names == [*domains, *(f"{name}_dedup" for name in domains)]


def test_changed_and_missing_files_are_refused(tmp_path):
    shutil.copytree(Path(SOURCE["data_dir"]) / "music", tmp_path / "music")
    for name in ("train.txt", "dev.txt", "test.txt"):
        (tmp_path / "music" / name).write_text("Paris\tB-location\n\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"train\.txt: is not the official music/train\.txt .*; use verify=False"):
        load_by_script(str(SCRIPT), "music", data_dir=str(tmp_path))
    (tmp_path / "music" / "dev.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"dev\.txt: is missing; copy it from https://github"):
        load_by_script(str(SCRIPT), "music", data_dir=str(tmp_path), verify=False)


class SilentHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A copy of the script whose official files are those of the tests, published on loopback."""
    for offline in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"):  # the name before and since datasets 2.21
        monkeypatch.setattr(datasets.config, offline, False, raising=False)
    served = shutil.copytree(SOURCE["data_dir"], tmp_path / "served")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(SilentHandler, directory=str(served)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sums = {
        path.relative_to(served).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in served.rglob("*.txt")
    }
    script = (SCRIPT / "crossner.py").read_text(encoding="utf-8")
    (tmp_path / "crossner").mkdir()
    (tmp_path / "crossner" / "crossner.py").write_text(
        re.sub("(?<=_BASE_URL = ).*", f'"http://127.0.0.1:{server.server_address[1]}"', script)
        + f"\n_SHA256.update({sums!r})\n",
        encoding="utf-8",
    )
    yield str(tmp_path / "crossner"), served
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("streaming", [False, True])
def test_without_a_folder_the_files_are_downloaded(published, streaming):
    loaded = load_by_script(published[0], "music", streaming=streaming)
    assert rows_of(loaded) == EXPECTED["configs"]["music"]["rows"]


def test_a_download_that_is_not_the_official_file_is_refused(published):
    script, served = published
    (served / "music" / "dev.txt").write_text("Paris\tB-location\n\n", encoding="utf-8")
    with pytest.raises(
        ValueError, match=r"is not the official music/dev\.txt .*; use download_mode='force_redownload'"
    ):
        load_by_script(script, "music")


@pytest.mark.parametrize("config", EXPECTED["in_repository"])
def test_the_parquet_repository_gives_the_rows_and_labels_of_the_package(config):
    assert_as_expected(datasets.load_dataset(str(Path(PREPARED, "repository")), config), config)


def test_the_parquet_repository_lists_its_configurations():
    names = datasets.get_dataset_config_names(str(Path(PREPARED, "repository")))
    assert sorted(names) == sorted(EXPECTED["in_repository"])
