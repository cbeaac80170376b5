"""A small corpus to build, and tasks that kill their process. Run as a program, a driver that builds it.

python build_jobs.py FOLDER [EXECUTOR]: reads FOLDER/source, writes FOLDER/output.
"""

import json
import os
import random
import signal
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

from crossner_hf.corpora.build import build_corpus
from crossner_hf.corpora.build_job import BuildSettings
from crossner_hf.corpora.build_plan import BuildInput, BuildPlan, plan_build
from crossner_hf.corpora.selection import DomainSelector
from crossner_hf.engine.tasks import EngineTask
from crossner_hf.results.record_files import RECORD_FILE
from crossner_hf.schema import Domain

ZOO = Domain("zoo", ("species", "keeper", "location", "person"), generic_types=("location", "person"))
NAMES = {"Red Panda": "species", "Sea Lion": "species", "Anna Berg": "keeper", "Oslo": "location", "Ulm": "location"}
SHARDS, DOCUMENTS = 4, 12
VERBS = ("fed", "saw", "moved", "washed", "drew")


def write_source(folder: Path, shards: int = SHARDS, documents: int = DOCUMENTS) -> None:
    """Write files of JSON lines, one for each shard, and a gazetteer; some sentences occur in several files."""
    rng = random.Random(3)
    (folder / "source").mkdir(parents=True)
    names = "".join(f"{name}\t{entity_type}\tzoo\n" for name, entity_type in NAMES.items())
    (folder / "names.tsv").write_text(names, encoding="utf-8")
    common = [sentence(rng) for _ in range(10)]
    for shard in range(shards):
        rows = []
        for number in range(documents):
            sentences = [rng.choice(common) if rng.random() < 0.3 else sentence(rng) for _ in range(6)]
            text = f"Heading of it\n{' '.join(sentences[:3])}\n{' '.join(sentences[3:])}"
            rows.append(json.dumps({"id": f"{shard}-{number}", "title": f"Day {shard}-{number}", "text": text}))
        (folder / "source" / f"{shard}.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")


def sentence(rng: random.Random) -> str:
    words = [rng.choice((*NAMES, "a visitor", "the fox")) for _ in range(rng.randint(2, 4))]
    return f"On day {rng.randint(1, 10**6)} they {rng.choice(VERBS)} {' and '.join(words)} before the night came."


def plan(folder: Path, settings: BuildSettings | None = None, **selection) -> BuildPlan:
    """A plan over the whole source, or over what `selection` selects."""
    selector = DomainSelector(ZOO, **(selection or {"whole_source": True}))
    source = BuildInput((str(folder / "source"),), (str(folder / "names.tsv"),))
    return plan_build(source, folder / "output", [selector], settings or BuildSettings(keep_labelled=True))


def tasks_of(folder: Path) -> list[EngineTask]:
    """The tasks of the plan."""
    undisturbed = plan(folder)
    return undisturbed.tasks(*undisturbed.job())


@dataclass(frozen=True)
class DisturbedPlan(BuildPlan):
    """A plan whose tasks go through `disturbed`."""

    def tasks(self, job, shards):
        return [
            replace(task, function=disturbed, arguments=(task.name, self.output.parent, task.function, task.arguments))
            for task in super().tasks(job, shards)
        ]


def disturb(undisturbed: BuildPlan) -> DisturbedPlan:
    return DisturbedPlan(**{name: getattr(undisturbed, name) for name in undisturbed.__dataclass_fields__})


def disturbed(name, folder, function, arguments):
    """Perform a task; wait while a file of its name is in `hold`; die before its done file if one is in `deadly`."""
    note(folder, name)
    deadly, hold = (folder / part / name.replace("/", "_") for part in ("deadly", "hold"))
    while hold.exists():
        time.sleep(0.01)
    if deadly.exists():
        if deadly.read_text() == "once":
            deadly.unlink()
        function(*arguments)  # its files are there, and its done file is not
        os.kill(os.getpid(), signal.SIGKILL)
    function(*arguments)


def note(folder: Path, name: str) -> None:
    with open(folder / "log", "a", encoding="utf-8") as file:
        file.write(f"{os.getpid()}\t{name}\n")


def noted(folder: Path) -> list[tuple[int, str]]:
    """Process and name of each attempt so far."""
    lines = (folder / "log").read_text(encoding="utf-8").splitlines() if (folder / "log").exists() else []
    return [(int(pid), name) for pid, name in (line.split("\t") for line in lines)]


def mark(folder: Path, part: str, name: str, text: str = "") -> Path:
    path = folder / part / name.replace("/", "_")
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def contents(folder: Path) -> dict[str, bytes]:
    """The bytes of all files of a corpus; of the manifest, without what differs between two runs."""
    files = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    held = {name: path.read_bytes() for name, path in files.items()}
    record = json.loads(held[RECORD_FILE])
    for name in ("created", "command", "wall_seconds"):
        del record[name]
    return {**held, RECORD_FILE: json.dumps(record).encode()}


if __name__ == "__main__":
    build_corpus(disturb(plan(Path(sys.argv[1]))), executor=sys.argv[2] if sys.argv[2:] else "local", workers=2)
