"""The JSON record of a run: what ran, on what, with which result. Reports and cards are made from records alone."""

import json
import os
import platform
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from crossner_hf import __version__
from crossner_hf.atomic_write import write_text

SCHEMA_VERSION = 1
SECRET = re.compile(r"--\w*(token|_key|password)", re.ASCII)  # options whose values no record tells
HIDDEN = "HIDDEN"
TOKEN = re.compile(r"\bhf_\w{8,}", re.ASCII)  # of the Hub
REQUIRED = ("schema_version", "kind", "created", "command", "versions", "hardware")
PACKAGES = ("torch", "transformers", "datasets", "tokenizers", "accelerate", "numpy")


def new_record(kind: str, **content: Any) -> dict[str, Any]:
    """A record of `kind` ('fine_tuning', 'evaluation', …): where and with what it ran, then `content`."""
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": kind,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "command": command_line(),
        "git_commit": git_commit(),
        "versions": package_versions(),
        "hardware": hardware(),
        **content,
    }


def write_record(path: str | Path, record: Mapping[str, Any]) -> None:
    """Write the record as JSON, whole or not at all."""
    write_text(path, json.dumps(record, indent=1, ensure_ascii=False, sort_keys=False) + "\n")


def read_record(path: str | Path) -> dict[str, Any]:
    """Read a record back. Raises ValueError for anything that is not a record of this schema version."""
    try:
        record = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path}: cannot be read as a record: {error}") from error
    missing = [key for key in REQUIRED if not isinstance(record, dict) or key not in record]
    if missing:
        raise ValueError(f"{path}: is no record of a run; it lacks {', '.join(missing)}")
    if record["schema_version"] != SCHEMA_VERSION:
        raise ValueError(f"{path}: record of schema version {record['schema_version']}, this is {SCHEMA_VERSION}")
    return record


def command_line() -> str:
    """The command as a shell takes it, the program by its name alone, folders of this machine and secrets left out."""
    program = Path(sys.argv[0] or "python")
    ours = program.parts[-2:] == ("crossner_hf", "__main__.py")  # python -m crossner_hf
    words = ["crossner-hf" if ours else program.name, *sys.argv[1:]]
    secret = [SECRET.fullmatch(before) for before in ("", *words)]  # --hub_token hf_… and --hub_token=hf_…
    return shlex.join(HIDDEN if hidden else _without_folders(word) for hidden, word in zip(secret, words))


def _without_folders(word: str) -> str:
    word = TOKEN.sub(HIDDEN, word)
    option, equals, value = word.partition("=")  # --output=/runs/a, and NAME=/texts/a of `crossner-hf overlap`
    if os.path.isabs(word):
        return Path(word).name
    if SECRET.fullmatch(option) and equals:
        return f"{option}={HIDDEN}"
    return option + equals + (Path(value).name if os.path.isabs(value) else value)


def package_versions() -> dict[str, str]:
    found = {"python": platform.python_version(), "crossner-hf": __version__}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def hardware() -> dict[str, Any]:
    """Processor, cores that this process may use, and GPU if torch is loaded and sees one."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    found = {"system": platform.system(), "machine": platform.machine(), "cpu_cores": usable}
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        found["cpu"] = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        found["cpu"] = platform.processor()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        found["gpu"] = torch.cuda.get_device_name()
    return found


def git_commit() -> str | None:
    """The commit of the checkout this package runs from, '+' behind it with uncommitted changes; None outside one."""
    folder = Path(__file__).resolve().parent
    try:
        if not (folder.parent / ".git").exists():
            return None
        run = ["git", "-C", str(folder), "describe", "--always", "--abbrev=40", "--dirty=+", "--exclude=*"]
        return subprocess.run(run, capture_output=True, text=True, timeout=10, check=True).stdout.strip() or None
    except (OSError, subprocess.SubprocessError):
        return None
