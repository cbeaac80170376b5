"""Quick stand-ins for the runs of a grid, performed in the test's own process."""

from collections.abc import Callable
from pathlib import Path

from crossner_hf.engine import run as engine_run
from crossner_hf.engine.tasks import Outcome, perform
from crossner_hf.experiments import runner
from crossner_hf.experiments.grid import Grid, Run, SourceStage
from crossner_hf.experiments.runner import GridOptions, checksums
from crossner_hf.packaged_encoder import encoder_name
from crossner_hf.pretraining.arguments import DaptArguments
from crossner_hf.results import record_files
from crossner_hf.results.records import RunRecord
from crossner_hf.results.text_records import DaptRecord
from crossner_hf.schema import get_domain
from crossner_hf.training.run_arguments import recorded_arguments


class Killed(BaseException):
    """Stands for the death of the process."""


class InProcess:
    """An executor that performs one task at a time in this process."""

    workers = 1

    def start(self, task) -> None:
        self.task = task

    def wait(self) -> list[Outcome]:
        try:
            return [perform(self.task)]
        except Killed:
            return [Outcome(self.task.name, "died")]

    def close(self) -> None:
        pass


class Jobs:
    """Does a task of a grid by writing its record; `during` is called first."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.during: Callable = lambda task, folder: None

    def __call__(self, task, place, data_dir, verify) -> None:
        self.begun.append(task.name)
        self.during(task, place.of(task))
        if not isinstance(task, SourceStage):
            write_record(place.of(task), task)


def stand_in(monkeypatch) -> Jobs:
    """Let these jobs be the tasks of any grid, in this process."""
    jobs = Jobs()
    monkeypatch.setattr(engine_run, "open_executor", lambda *options: InProcess())
    monkeypatch.setattr(runner, "train", jobs)
    return jobs


def grid_of(seeds: int, model: str, **more) -> Grid:
    return Grid.of({"domains": ["sample_music"], "models": [model], "seeds": list(range(seeds)), **more})


def write_record(folder: Path, task, **changes) -> None:
    """Write the record of a run or checkpoint, as far as the runner reads it."""
    name = encoder_name(task.model) if isinstance(task.model, str) else task.model.name
    if isinstance(task, Run):
        args, sums = task.settings(), checksums(GridOptions())
        source = None if task.setting == "direct" else {"domain": args.source, "data_sha256": sums(args.source)}
        content = {
            "domain": task.domain,
            "entity_types": get_domain(task.domain).entity_types,
            "setting": task.setting,
            "few_shot": task.size and {"sentences": task.size, "draw": task.arguments["few_shot_draw"]},
            "seed": task.seed,
            "data_sha256": sums(task.domain),
            "source": source,
            "wall_seconds": 10.0,
            "scores": {},
        }
    else:
        args, content = DaptArguments(output_dir="x", **task.arguments), {"checkpoint": {"name": task.name}, "seed": 0}
        content |= {"masking": "span", "corpus_sha256": {}, "corpus": {}, "losses": []}
        content |= {"epochs": 1.0, "steps": 1, "tokens_seen": 1, "wall_seconds": 0.0}
    content |= {"encoder": {"name": name}, "arguments": recorded_arguments(args), **changes}
    record = (RunRecord if isinstance(task, Run) else DaptRecord).new(**content)
    record_files.write_record(folder / "record.json", record)
