"""Quick stand-ins for the runs of a grid; run as a program, a process of its own that works on a grid with them.

python grid_jobs.py FOLDER NUMBER_OF_SEEDS SECONDS_A_RUN LEASE_SECONDS

In FOLDER.log every run leaves a line `begin NAME PID` and, with its record, `end NAME PID`. A run for which there is
FOLDER.hold/NAME waits as long as that file is there.
"""

import json
import os
import sys
import time
from pathlib import Path

from crossner_hf.experiments.grid import Grid, Run
from crossner_hf.experiments.job import Superseded
from crossner_hf.experiments.runner import checksums, run_grid
from crossner_hf.finetuning.arguments import FineTuningArguments
from crossner_hf.packaged_encoder import encoder_name
from crossner_hf.pretraining.arguments import DaptArguments
from crossner_hf.results.record_files import write_record
from crossner_hf.results.records import RunRecord
from crossner_hf.results.text_records import DaptRecord
from crossner_hf.schema import get_domain
from crossner_hf.training.run_arguments import recorded_arguments


def grid_of(seeds: int, **more) -> Grid:
    return Grid.of({"domains": ["sample_music"], "models": ["tiny"], "seeds": list(range(seeds)), **more})


def record_of(task, **more) -> RunRecord | DaptRecord:
    """A record as training would write it, as far as the runner reads it."""
    if not isinstance(task, Run):
        told = recorded_arguments(DaptArguments(output_dir="x", **task.arguments))
        about = {"checkpoint": {"name": task.name}, "encoder": {"name": encoder_name(task.model)}, "arguments": told}
        about |= {"seed": 0, "masking": "span", "corpus_sha256": {}, "corpus": {}, "losses": []}
        about |= {"epochs": 1.0, "steps": 1, "tokens_seen": 1, "wall_seconds": 0.0}
        return DaptRecord.new(**about, **more)
    args = FineTuningArguments(output_dir="x", **task.arguments)
    sums = checksums(None, True)
    source = None if task.setting == "direct" else {"domain": args.source, "data_sha256": sums(args.source)}
    about = {
        "domain": task.domain,
        "entity_types": get_domain(task.domain).entity_types,
        "setting": task.setting,
        "few_shot": task.size and {"sentences": task.size, "draw": task.arguments["few_shot_draw"]},
        "seed": task.seed,
        "encoder": {"name": encoder_name(task.model) if isinstance(task.model, str) else task.model.name},
        "data_sha256": sums(task.domain),
        "source": source,
        "arguments": recorded_arguments(args),
        "wall_seconds": 10.0,
        "scores": {},
    }
    return RunRecord.new(**{**about, **more})


class Jobs:
    """A job that notes what it does beside the grid's folder, and may be held."""

    def __init__(self, folder: Path, seconds: float = 0.0):
        self.log, self.hold = Path(f"{folder}.log"), Path(f"{folder}.hold")
        self.seconds = seconds

    def __call__(self, task, folder: Path, lost) -> None:
        self.note("begin", task)
        end = time.monotonic() + self.seconds
        while time.monotonic() < end or (self.hold / task.name).exists():
            if lost.is_set():
                self.note("superseded", task)
                raise Superseded
            time.sleep(0.01)
        write_record(folder / "record.json", record_of(task))
        self.note("end", task)

    def note(self, what: str, task) -> None:
        with open(self.log, "a", encoding="utf-8") as file:
            file.write(f"{what} {task.name} {os.getpid()}\n")

    def noted(self, what: str) -> list[str]:
        lines = self.log.read_text(encoding="utf-8").splitlines() if self.log.exists() else []
        return [line.split()[1] for line in lines if line.split()[0] == what]


def main() -> None:
    folder, seeds, seconds, lease = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])
    grid = grid_of(seeds)
    Path(f"{folder}.ready.{os.getpid()}").touch()
    while not Path(f"{folder}.go").exists():
        time.sleep(0.01)
    summary = run_grid(grid, folder, costs={}, say=print, lease_seconds=lease, job=Jobs(folder, seconds))
    print(json.dumps({"finished": summary.finished, "failed": summary.failed, "here": summary.done_here}))


if __name__ == "__main__":
    main()
