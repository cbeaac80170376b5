"""What the data tests share: a cache of their own, small data, the official files, and programs in a fresh Python."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import datasets
import pytest

ROOT = Path(__file__).parents[2]
LEGAL = {
    "train.txt": "The\tO\nHigh\tB-court\nCourt\tI-court\nsat\tO\n\nJudge\tO\nCoke\tB-judge\n\n",
    "dev.txt": "Denning\tB-judge\ndissented\tO\n\n",
    "test.txt": "Old\tB-court\nBailey\tI-court\n\nHale\tB-judge\n\nadjourned\tO",
}


@pytest.fixture(scope="package")
def prepared(tmp_path_factory):
    """Where `datasets` keeps what the tests of one run prepare."""
    return tmp_path_factory.mktemp("prepared")


@pytest.fixture(autouse=True)
def own_surroundings(prepared, monkeypatch):
    """No network, no data folder, and no cache of the user's."""
    monkeypatch.delenv("CROSSNER_DATA_DIR", raising=False)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", prepared)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)


@pytest.fixture(scope="package")
def write_legal():
    """Writes an own domain, `legal`, with 2, 1 and 3 sentences into a folder, and gives the folder."""

    def write(folder: Path) -> Path:
        folder.mkdir(parents=True)
        (folder / "domain.json").write_text(json.dumps({"entity_types": ["court", "judge"]}), encoding="utf-8")
        for name, content in LEGAL.items():
            (folder / name).write_text(content, encoding="utf-8")
        return folder

    return write


@pytest.fixture
def legal(tmp_path, write_legal):
    return write_legal(tmp_path / "legal")


@pytest.fixture(scope="package")
def python_in():
    """Gives a function that runs programs in a fresh Python; what a program prints as JSON comes back.

    `folder` keeps their caches; they start in an empty folder in it, with no network. `package` is the folder that
    `crossner_hf` is imported from, None where it must not be found.
    """
    outside = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "CROSSNER_", "PYTHONPATH"))}

    def python_in(folder: Path):
        (folder / "cwd").mkdir()
        (folder / "program").mkdir()
        path = folder / "program" / "main.py"

        def run(program: str, package: Path | None = ROOT, **environment: str):
            path.write_text(textwrap.dedent(program), encoding="utf-8")
            variables = {"HF_HOME": str(folder / "hf"), "HF_HUB_OFFLINE": "1", "HOME": str(folder), **environment}
            if package:
                variables["PYTHONPATH"] = str(package)
            command = [sys.executable, *([] if package else ["-c", BLOCKED]), str(path)]
            done = subprocess.run(
                command, cwd=folder / "cwd", env=outside | variables, capture_output=True, text=True, timeout=300
            )
            assert done.returncode == 0, done.stderr
            return json.loads(done.stdout)

        return run

    return python_in


# Where the package is installed, a program can be kept from it only by an import system that refuses it.
BLOCKED = "import sys, runpy; sys.modules['crossner_hf'] = None; runpy.run_path(sys.argv[1], run_name='__main__')"


@pytest.fixture
def run_python(tmp_path, python_in):
    return python_in(tmp_path)
