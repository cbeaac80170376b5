"""Where and with what a run ran: its command without secrets, the packages' versions, the hardware, the git commit."""

import os
import platform
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from crossner_hf import __version__
from crossner_hf.results.scores import RecordPart

COMMAND = "CROSSNER_HF_COMMAND"  # holds the command that runs, for records; worker processes inherit it
SECRET = re.compile(r"(.*_)?(token|key|password|secret)", re.ASCII)  # options that no record names
HIDDEN = "HIDDEN"
TOKEN = re.compile(r"\bhf_\w{8,}", re.ASCII)  # of the Hub
IN_URL = re.compile(r"(?<=://)[^/\s]*(?=@)|(?<=\?)\S*=\S*")  # user and password, and the query
PACKAGES = ("torch", "transformers", "datasets", "tokenizers", "accelerate", "numpy", "onnxruntime")


class Hardware(RecordPart):
    """Processor, cores that the process may use, and GPU if torch is loaded and sees one."""

    system: str = ""
    machine: str = ""
    cpu_cores: int | None = None
    cpu: str = ""
    gpu: str | None = None


def command_line() -> str:
    """The command as a shell takes it; for other programs than `crossner-hf`, their name alone."""
    return os.environ.get(COMMAND) or shlex.quote(Path(sys.argv[0] or "python").name)


def remember_command(program: str, options: Iterable[tuple[str, str | None, Sequence[str]]]) -> None:
    """Keep the command that runs, such as 'crossner-hf train', for records, without local folders and secrets.

    `options` has the name of each argument that was given, its option if it has one, and its values as text.
    """
    words = program.split()
    for name, option, values in options:
        if not SECRET.fullmatch(name):
            words += [*([option] if option else []), *map(_without_folders, values)]
    os.environ[COMMAND] = shlex.join(words)


def _without_folders(value: str) -> str:
    value = IN_URL.sub(HIDDEN, TOKEN.sub(HIDDEN, value))
    name, equals, path = value.partition("=")  # NAME=/texts/a of `crossner-hf overlap`
    if os.path.isabs(value):
        return Path(value).name
    return name + equals + (Path(path).name if os.path.isabs(path) else path)


def package_versions() -> dict[str, str]:
    versions = {"python": platform.python_version(), "crossner-hf": __version__}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


def hardware() -> Hardware:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    about = {"system": platform.system(), "machine": platform.machine()}
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        about["cpu"] = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        about["cpu"] = platform.processor()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        about["gpu"] = torch.cuda.get_device_name()
    return Hardware(cpu_cores=usable, **about)


def git_commit() -> str | None:
    """The commit of the checkout this package runs from, '+' behind it with uncommitted changes; None outside one."""
    checkout = Path(__file__).resolve().parents[2]
    try:
        if not (checkout / ".git").exists():
            return None
        run = ["git", "-C", str(checkout), "describe", "--always", "--abbrev=40", "--dirty=+", "--exclude=*"]
        return subprocess.run(run, capture_output=True, text=True, timeout=10, check=True).stdout.strip() or None
    except (OSError, subprocess.SubprocessError):
        return None
