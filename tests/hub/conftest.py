"""A Hub on loopback, and Pythons of their own that know no other; with this package and without it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from local_hub import LocalHub

ROOT = Path(__file__).parents[2]

# Whoever runs the tests may be logged in, offline or keep caches elsewhere; a Python of its own knows nothing of it.
FORGOTTEN = ("HF_", "TRANSFORMERS_", "PYTHONPATH", "no_proxy")

# What makes `import crossner_hf` fail wherever it is installed.
BLOCKED = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "crossner_hf":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocked())
"""
ASSERT_BLOCKED = """
try:
    import crossner_hf
except ModuleNotFoundError as error:
    assert error.name == "crossner_hf", error
else:
    raise AssertionError("crossner_hf can be imported here")
"""


@pytest.fixture(scope="session")
def hub():
    with LocalHub() as running:
        yield running


@pytest.fixture
def hub_python(hub, tmp_path):
    """Run a program text with arguments and further environment variables; gives the CompletedProcess."""

    def run(program: str, *args: str, path: str | Path = ROOT, **environment: str) -> subprocess.CompletedProcess:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(FORGOTTEN)}
        own = {
            "HF_ENDPOINT": hub.url,
            "HF_TOKEN": hub.token,
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HOME": str(tmp_path / "hf_home"),
            "PYTHONPATH": str(path),
            "NO_PROXY": "127.0.0.1",
        }
        return subprocess.run(
            [sys.executable, "-c", program, *args],
            cwd=tmp_path,
            env={**kept, **own, **environment},
            capture_output=True,
            text=True,
            timeout=300,
        )

    return run


@pytest.fixture
def bare_python(hub_python, tmp_path_factory):
    """The same where this package is not."""
    folder = tmp_path_factory.mktemp("bare")
    (folder / "sitecustomize.py").write_text(BLOCKED)

    def run(program: str, *args: str, **environment: str) -> subprocess.CompletedProcess:
        home = str(folder / "hf_home")
        return hub_python(ASSERT_BLOCKED + program, *args, path=folder, **{"HF_HOME": home, **environment})

    return run
