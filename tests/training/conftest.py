"""What tests of fine-tuning and of DAPT share: a stop at a checkpoint, and one gradient of several layouts."""

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
def assert_one_gradient() -> Callable[[Path, dict], None]:
    """Checks what `layouts.py` or `dapt_layouts.py` saw in one process, with accumulation, and in two processes."""

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
