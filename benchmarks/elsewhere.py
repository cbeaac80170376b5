"""Tagging music/test beside systems made elsewhere, each in a process of its own, in turns.

A library that this Python cannot import is looked for in the others that `--python` names: SpanMarker and flair need
transformers 4. Times are processor time, of which a busy machine takes nothing.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from elsewhere_side import SIDES

import crossner_hf
from crossner_hf.external.adapters import labels_for
from crossner_hf.packaged_encoder import encoder_path
from crossner_hf.schema import get_domain

SENTENCES = 100
ROUNDS = 2
LONG = 10.0  # seconds; what takes longer runs once
PROGRAM = Path(__file__).with_name("elsewhere_side.py")


class Side:
    """A system that is ready in a process, or `skipped`, the reason why no Python here has it."""

    def __init__(self, name: str, path: str, pythons: Sequence[str]):
        reasons = []
        self.runs: list[dict[str, float]] = []
        for python in pythons:
            self.process = subprocess.Popen(
                [python, "-P", str(PROGRAM), name, encoder_path("minilm"), path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env={**os.environ, "PYTHONPATH": str(PROGRAM.parents[1])},
            )
            reason = self.answer()["skipped"]
            if reason is None:
                self.skipped = None
                return
            self.close()
            reasons.append(reason)
        self.skipped = reasons[0]

    def answer(self) -> dict[str, Any]:
        line = self.process.stdout.readline()
        return json.loads(line) if line else {"skipped": "the process ended"}

    def run(self) -> None:
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        self.runs.append(self.answer())

    def close(self) -> None:
        self.process.communicate()

    @property
    def seconds(self) -> float:
        return min(run["processor"] for run in self.runs)


def bench_elsewhere(data_dir: str | None, pythons: Sequence[str] = ()) -> list[tuple[str, str, str]]:
    """Sentences in a second of processor time, and the peak memory of the whole process."""
    sentences = crossner_hf.load("music", split="test", data_dir=data_dir)["tokens"][:SENTENCES]
    given = {"texts": [" ".join(words) for words in sentences], "types": list(labels_for(get_domain("music")))}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "given.json")
        path.write_text(json.dumps(given), encoding="utf-8")
        sides = {name: Side(name, str(path), [sys.executable, *pythons]) for name in SIDES}
        ready = [side for side in sides.values() if side.skipped is None]
        for _ in range(ROUNDS):
            for side in ready:
                if not side.runs or side.seconds < LONG:
                    side.run()
        for side in ready:
            side.close()
    first = next(iter(sides.values())).seconds
    rows = []
    for name, side in sides.items():
        if side.skipped is None:
            speed = f"{SENTENCES / side.seconds:.1f} sentences a second, {max(r['peak'] for r in side.runs):.0f} MB"
            rows.append((f"{name}: {first / side.seconds:.2f} x the stock pipeline", speed, ""))
        else:
            rows.append((f"{name}: {side.skipped}", "left out", ""))
    return rows
