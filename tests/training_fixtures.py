"""What tests of fine-tuning and of DAPT share: a stop at a checkpoint, and one gradient of several layouts."""

import importlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import TrainerCallback


class StopAtCheckpoint(TrainerCallback):
    """Ctrl-C as soon as a checkpoint at or past a point of the run is written."""

    def __init__(self, epoch: float):
        self.epoch = epoch

    def on_save(self, args, state, control, **kwargs):
        if state.epoch >= self.epoch:
            raise KeyboardInterrupt


@pytest.fixture(scope="session")
def stop_at() -> type[StopAtCheckpoint]:
    return StopAtCheckpoint


@pytest.fixture(scope="session")
def lay_out(child_environment) -> Callable[..., dict]:
    """Runs a script in one process, with accumulation, and in two processes; gives what they saw.

    Its arguments are the script, the script's first arguments, the folder of its runs, and for each of the three
    layouts the sequences a process takes at once and the micro-batches that it accumulates.
    """

    def lay_out(script: str, arguments: list[str], folder: Path, **layouts: tuple[int, int]) -> dict:
        path = Path(script)
        with pytest.MonkeyPatch.context() as patch:
            patch.syspath_prepend(path.parent)
            main = importlib.import_module(path.stem).main
        for name in ("whole", "accumulated"):
            main(*arguments, str(folder / name), *map(str, layouts[name]))
        torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", str(path)]
        done = subprocess.run(
            [*torchrun, *arguments, str(folder / "two"), *map(str, layouts["two"])],
            env=child_environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return {found.stem: json.loads(found.read_text()) for found in folder.glob("*.json")}

    return lay_out


@pytest.fixture(scope="session")
def assert_one_gradient() -> Callable[[Path, dict], None]:
    """Checks what a script of `lay_out` saw in one process, with accumulation, and in two processes."""

    def check(folder: Path, saw: dict) -> None:
        worlds = {"whole.0": 1, "accumulated.0": 1, "two.0": 2, "two.1": 2}
        assert {name: run["world_size"] for name, run in saw.items()} == worlds
        whole = load_file(folder / "whole.0.safetensors")
        assert max(gradient.abs().max() for gradient in whole.values()) > 0.01
        for name in ("accumulated.0", "two.0", "two.1"):
            other = load_file(folder / f"{name}.safetensors")
            for parameter, gradient in whole.items():
                assert torch.allclose(other[parameter], gradient, rtol=0, atol=1e-5), (name, parameter)

    return check
