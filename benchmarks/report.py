"""`crossner-hf experiment report` over 1,000 records with their predictions: the whole command, imports included."""

import importlib.util
import itertools
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from crossner_hf.results.record_files import read_record, write_record
from crossner_hf.results.records import FewShotSample, RunRecord
from crossner_hf.schema import DOMAINS

_spec = importlib.util.spec_from_file_location(
    "report_runs", Path(__file__).parents[1] / "tests" / "experiments" / "report_runs.py"
)
report_runs = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(report_runs)

RECORDS = 1_000
SIZES = (None, 10, 25, 40, 55, 70, 85)
SEEDS = tuple(range(10))


def write_runs(folder: Path, data_dir: str | None) -> None:
    """200 runs a domain: three settings at each size, ten seeds each; of a domain, ten predictions go round."""
    make = report_runs.RunMaker(folder / "made", data_dir)
    for domain in DOMAINS:
        made = [make(domain, rate=0.3 + 0.02 * i, seed=i) for i in range(10)]
        systems = itertools.product(report_runs.SETTINGS, SIZES, SEEDS)
        for number, (setting, size, seed) in enumerate(itertools.islice(systems, RECORDS // len(DOMAINS))):
            path = made[number % len(made)]
            changes = {"setting": setting, "few_shot": size and FewShotSample(sentences=size), "seed": seed}
            record = read_record(path, RunRecord).model_copy(update=changes)
            run = folder / "runs" / f"{domain}-{number:03d}"
            write_record(run / "record.json", record)
            shutil.copy(path.with_name("predictions.json"), run)
    shutil.rmtree(make.folder)


def bench_report(data_dir: str | None = None) -> list[tuple[str, str, str]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_runs(folder, data_dir)
        command = [
            sys.executable,
            "-m",
            "crossner_hf",
            "experiment",
            "report",
            str(folder),
            "--output",
            str(folder / "out"),
        ]
        command += ["--data_dir", data_dir] if data_dir else []
        times = []
        for _ in range(3):
            begun = time.perf_counter()
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            times.append(time.perf_counter() - begun)
        if not done.stdout.startswith(f"{RECORDS:,} runs".replace(",", "")) or "left out" in done.stdout:
            raise AssertionError(done.stdout)
    return [
        (f"report over {RECORDS:,} records with predictions, 10,000 resamples", f"{min(times):.1f} s", "within 4 s")
    ]
