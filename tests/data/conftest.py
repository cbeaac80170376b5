"""What the data tests share: small own domains, the official files, and Python runs of their own."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LEGAL = {
    "train.txt": "The\tO\nHigh\tB-court\nCourt\tI-court\nsat\tO\n\nJudge\tO\nCoke\tB-judge\n\n",
    "dev.txt": "Denning\tB-judge\ndissented\tO\n\n",
    "test.txt": "Old\tB-court\nBailey\tI-court\n\nHale\tB-judge\n\nadjourned\tO",
}


@pytest.fixture(scope="session")
def official():
    """The folder of the official files."""
    folder = os.environ.get("CROSSNER_DATA_DIR")
    if not folder:
        pytest.skip("CROSSNER_DATA_DIR does not name the official files")
    return Path(folder)


@pytest.fixture
def legal(tmp_path):
    """The folder of an own domain, `legal`, with 2, 1 and 3 sentences."""
    folder = tmp_path / "legal"
    folder.mkdir()
    (folder / "domain.json").write_text(json.dumps({"entity_types": ["court", "judge"]}), encoding="utf-8")
    for name, content in LEGAL.items():
        (folder / name).write_text(content, encoding="utf-8")
    return folder


@pytest.fixture
def run_python(tmp_path):
    """Run a program in a Python of its own, in an empty folder, with empty caches and no network; its output.

    The caches stay from one run of a test to the next. `package` is the folder that `crossner_hf` is imported from,
    None for a program that cannot import it.
    """
    folder = tmp_path / "cwd"
    folder.mkdir()
    outside = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "CROSSNER_", "PYTHONPATH"))}

    def run(program: str, package: Path | None = ROOT, **environment: str) -> str:
        path = folder / "program.py"
        path.write_text(textwrap.dedent(program), encoding="utf-8")
        variables = {"HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "1", **environment}
        if package:
            variables["PYTHONPATH"] = str(package)
        done = subprocess.run(
            [sys.executable, "-P", str(path)],
            cwd=folder,
            env={**outside, **variables},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
