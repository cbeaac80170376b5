"""Tasks of the engine's tests, which leave notes of what they do. Run as a program, a driver that runs some.

python engine_jobs.py FOLDER
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

from crossner_hf.engine.run import run_tasks
from crossner_hf.engine.tasks import EngineTask
from crossner_hf.results.environment import command_line

ALL = ("one", "two", "three", "four")


def note(folder: Path, what: str, name: str) -> None:
    with open(folder / "log", "a", encoding="utf-8") as file:
        file.write(f"{what} {name} {os.getpid()}\n")


def noted(folder: Path, what: str) -> list[str]:
    """Names of tasks in the order of their notes."""
    lines = (folder / "log").read_text(encoding="utf-8").splitlines() if (folder / "log").exists() else []
    return [line.split()[1] for line in lines if line.split()[0] == what]


def pid_of(folder: Path, name: str) -> int:
    lines = (folder / "log").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[2]) for line in lines if line.startswith(f"begin {name} "))


def write(folder: Path, name: str) -> None:
    """Write a file of 20 steps, which a file `hold` keeps waiting in the middle."""
    note(folder, "begin", name)
    while (folder / "hold" / name).exists():
        time.sleep(0.01)
    place = {"command": command_line(), "folder": os.getcwd(), "threads": os.environ.get("OMP_NUM_THREADS")}
    (folder / f"{name}.place").write_text(json.dumps({**place, "gpu": os.environ.get("CUDA_VISIBLE_DEVICES")}))
    part = folder / f"{name}.part"
    part.write_text("".join(f"{name} {step * step}\n" for step in range(20)))
    part.rename(folder / f"{name}.txt")
    note(folder, "end", name)


def fail(folder: Path, name: str) -> None:
    raise RuntimeError("no\nroom")


def kill(folder: Path, name: str, steps: int) -> None:
    """Save a step and die, as long as there are fewer than `steps`; with -1, die without saving anything."""
    note(folder, "begin", name)
    saved = len(list(folder.glob(f"{name}.step*")))
    if saved < steps:
        (folder / f"{name}.step{saved}").touch()
    if saved < steps or steps < 0:
        os.kill(os.getpid(), signal.SIGKILL)


def saved_steps(folder: Path, name: str) -> int:
    return len(list(folder.glob(f"{name}.step*")))


def task(folder: Path, name: str, function=write, *more, key="1", **fields) -> EngineTask:
    return EngineTask(name, function, (folder, name, *more), folder / f"{name}.done", key=key, **fields)


EXPECTED = {f"{name}.txt": "".join(f"{name} {step * step}\n" for step in range(20)) for name in ALL}


def texts(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.glob("*.txt")}


def states(outcomes) -> dict[str, str]:
    return {outcome.name: outcome.state for outcome in outcomes}


def wait_for(condition, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.01)


def hold(folder: Path, *names: str) -> None:
    (folder / "hold").mkdir()
    for name in names:
        (folder / "hold" / name).touch()


def release(folder: Path) -> None:
    for path in (folder / "hold").iterdir():
        path.unlink()


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


if __name__ == "__main__":
    run_tasks([task(Path(sys.argv[1]), name) for name in ALL], workers=2)
