"""The pretend Hub, and programs that know no other; with this package and without it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import constants
from local_hub import LocalHub
from stand_in import write_stand_in

ROOT = Path(__file__).parents[2]

# Settings of the person who runs the tests, which the programs do not get.
FORGOTTEN = ("HF_", "TRANSFORMERS_", "PYTHONPATH", "no_proxy")

WITHOUT_PACKAGE = 'import sys\nsys.modules["crossner_hf"] = None\n'  # so that its import fails


@pytest.fixture(scope="session")
def hub():
    with LocalHub() as running:
        yield running


@pytest.fixture
def hub_here(hub, monkeypatch):
    """The Hub as the client in this process finds it."""
    hub.reset()
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", f"{hub.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    )
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("HF_TOKEN", hub.token)
    return hub


@pytest.fixture
def hub_python(hub, tmp_path):
    """Run a program text with arguments and further environment variables; gives the CompletedProcess."""

    def run(program: str, *args: str, **environment: str) -> subprocess.CompletedProcess:
        outside = {name: value for name, value in os.environ.items() if not name.startswith(FORGOTTEN)}
        own = {
            "HF_ENDPOINT": hub.url,
            "HF_TOKEN": hub.token,
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HOME": str(tmp_path / "hf_home"),
            "PYTHONPATH": str(ROOT),
            "NO_PROXY": "127.0.0.1",
        }
        return subprocess.run(
            [sys.executable, "-c", program, *args],
            cwd=tmp_path,
            env={**outside, **own, **environment},
            capture_output=True,
            text=True,
            timeout=300,
        )

    return run


@pytest.fixture
def bare_python(hub_python):
    """The same where this package cannot be imported."""
    return lambda program, *args, **environment: hub_python(WITHOUT_PACKAGE + program, *args, **environment)


@pytest.fixture(scope="session")
def stand_in_files(tmp_path_factory, own_cache):
    """The folder of stand-ins for the official files."""
    return write_stand_in(tmp_path_factory.mktemp("stand_in"))
