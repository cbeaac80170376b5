"""The loading script and the Parquet repository under a release of `datasets` that still runs scripts.

`make test-legacy` runs this in an environment that has `datasets` 3.6 and not this package, on what prepare.py wrote.
"""

import functools
import hashlib
import http.server
import json
import os
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


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path_factory.getbasetemp() / "prepared")
    monkeypatch.setattr(datasets.config, "DOWNLOADED_DATASETS_PATH", tmp_path_factory.getbasetemp() / "downloads")
    monkeypatch.delenv("CROSSNER_DATA_DIR", raising=False)


@pytest.fixture(params=["as a folder", "as a file"])
def script(request):
    return str(SCRIPT if request.param == "as a folder" else SCRIPT / "crossner.py")


def assert_as_expected(loaded, config):
    expected = EXPECTED["configs"][config]
    assert {split: rows.to_list() for split, rows in loaded.items()} == expected["rows"]
    for rows in loaded.values():
        assert rows.features["ner_tags"].feature.names == expected["labels"]


def test_this_datasets_runs_scripts_and_the_package_is_not_there():
    assert int(datasets.__version__.split(".")[0]) < 4
    assert find_spec("crossner_hf") is None


@pytest.mark.parametrize("config", EXPECTED["configs"])
def test_the_script_gives_the_packages_rows_and_labels(config):
    assert_as_expected(datasets.load_dataset(str(SCRIPT), config, trust_remote_code=True, **SOURCE), config)


def test_the_script_loads_by_its_folder_and_by_its_file(script):
    assert_as_expected(datasets.load_dataset(script, "music", trust_remote_code=True, **SOURCE), "music")


def test_the_script_streams():
    streams = datasets.load_dataset(str(SCRIPT), "music", streaming=True, trust_remote_code=True, **SOURCE)
    assert {split: list(rows) for split, rows in streams.items()} == EXPECTED["configs"]["music"]["rows"]


def test_the_script_reads_the_folder_that_the_environment_names(monkeypatch):
    monkeypatch.setenv("CROSSNER_DATA_DIR", SOURCE["data_dir"])
    loaded = datasets.load_dataset(str(SCRIPT), "science", trust_remote_code=True, verify=SOURCE["verify"])
    assert_as_expected(loaded, "science")


def test_the_script_names_its_configurations():
    names = datasets.get_dataset_config_names(str(SCRIPT), trust_remote_code=True)
    domains = ["conll2003", "politics", "science", "music", "literature", "ai"]
    assert names == [*domains, *(f"{name}_dedup" for name in domains)]


def test_a_changed_file_is_refused(tmp_path):
    shutil.copytree(Path(SOURCE["data_dir"]) / "music", tmp_path / "music")
    with open(tmp_path / "music" / "test.txt", "a", encoding="utf-8") as file:
        file.write("Paris\tB-location\n\n")
    with pytest.raises(
        ValueError, match=r"(train|test)\.txt: has [\d,]+ bytes, the official file [\d,]+; take it from"
    ):
        datasets.load_dataset(str(SCRIPT), "music", data_dir=str(tmp_path), trust_remote_code=True)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A copy of the script whose official files are those of the tests, published on loopback."""
    for offline in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"):  # the name before and since datasets 2.21
        monkeypatch.setattr(datasets.config, offline, False, raising=False)
    served = shutil.copytree(SOURCE["data_dir"], tmp_path / "served")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(served)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    files = {path.relative_to(served).as_posix(): path.read_bytes() for path in served.rglob("*.txt")}
    sums = {name: (len(content), hashlib.sha256(content).hexdigest()) for name, content in files.items()}
    (tmp_path / "crossner").mkdir()
    (tmp_path / "crossner" / "crossner.py").write_text(
        (SCRIPT / "crossner.py").read_text(encoding="utf-8")
        + f"\n\nBASE_URL = 'http://127.0.0.1:{server.server_address[1]}'\n"
        + f"FILES.update({{name: SourceFile(*sums) for name, sums in {sums!r}.items()}})\n",
        encoding="utf-8",
    )
    yield str(tmp_path / "crossner"), served
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("streaming", [False, True])
def test_with_no_folder_the_files_are_downloaded(published, streaming):
    script, _ = published
    loaded = datasets.load_dataset(script, "music", streaming=streaming, trust_remote_code=True)
    rows = {split: list(found) for split, found in loaded.items()}
    assert rows == EXPECTED["configs"]["music"]["rows"]


def test_a_download_that_is_not_the_official_file_is_refused(published):
    script, served = published
    (served / "music" / "dev.txt").write_text("Paris\tB-location\n\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"/music/dev\.txt: has 18 bytes, the official file [\d,]+; try again with"):
        datasets.load_dataset(script, "music", trust_remote_code=True)


@pytest.mark.parametrize("config", EXPECTED["in_repository"])
def test_the_parquet_repository_gives_the_packages_rows_and_labels(config):
    assert_as_expected(datasets.load_dataset(str(Path(PREPARED, "repository")), config), config)


def test_the_parquet_repository_names_its_configurations():
    found = datasets.get_dataset_config_names(str(Path(PREPARED, "repository")))
    assert sorted(found) == sorted(EXPECTED["in_repository"])
