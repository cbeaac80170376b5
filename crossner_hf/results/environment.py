"""Where and with what a run ran: its command without secrets, the packages' versions, the hardware, the git commit."""

import os
import platform
import re
import shlex
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from crossner_hf import __version__
from crossner_hf.results.scores import RecordPart

SECRET = re.compile(r"--\w*(token|_key|password)", re.ASCII)  # options whose values no record tells
HIDDEN = "HIDDEN"
TOKEN = re.compile(r"\bhf_\w{8,}", re.ASCII)  # of the Hub
PACKAGES = ("torch", "transformers", "datasets", "tokenizers", "accelerate", "numpy")


class Hardware(RecordPart):
    """Processor, cores that the process may use, and GPU if torch is loaded and sees one."""

    system: str = ""
    machine: str = ""
    cpu_cores: int | None = None
    cpu: str = ""
    gpu: str | None = None


def command_line() -> str:
    """The command as a shell takes it, the program by its name alone, folders of this machine and secrets left out."""
    program = Path(sys.argv[0] or "python")
    ours = program.parts[-2:] == ("crossner_hf", "__main__.py")  # python -m crossner_hf
    words = ["crossner-hf" if ours else program.name, *sys.argv[1:]]
    secret = [SECRET.fullmatch(before) for before in ("", *words[:-1])]  # --hub_token hf_… and --hub_token=hf_…
    parts = (HIDDEN if hidden else _without_folders(word) for hidden, word in zip(secret, words, strict=True))
    return shlex.join(parts)


def _without_folders(word: str) -> str:
    word = TOKEN.sub(HIDDEN, word)
    option, equals, value = word.partition("=")  # --output=/runs/a, and NAME=/texts/a of `crossner-hf overlap`
    if os.path.isabs(word):
        return Path(word).name
    if SECRET.fullmatch(option) and equals:
        return f"{option}={HIDDEN}"
    return option + equals + (Path(value).name if os.path.isabs(value) else value)


def package_versions() -> dict[str, str]:
    versions = {"python": platform.python_version(), "crossner-hf": __version__}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


def hardware() -> Hardware:
    """The hardware that this process runs on."""
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
    folder = Path(__file__).resolve().parent
    try:
        if not (folder.parent / ".git").exists():
            return None
        run = ["git", "-C", str(folder), "describe", "--always", "--abbrev=40", "--dirty=+", "--exclude=*"]
        return subprocess.run(run, capture_output=True, text=True, timeout=10, check=True).stdout.strip() or None
    except (OSError, subprocess.SubprocessError):
        return None
