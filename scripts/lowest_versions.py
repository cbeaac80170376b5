"""Prints a constraints file with the lowest versions that pyproject.toml allows, as `make test-lowest` installs them.

`python scripts/lowest_versions.py torch==2.13.0` takes that version of torch instead.
"""

import re
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
EXTRAS = ("offline", "report", "dev")  # what the core tests need beside the dependencies


def lowest_versions(pyproject: Path = PYPROJECT, replacements: Iterable[str] = ()) -> list[str]:
    """`name==version` for each dependency with a lower bound; `replacements` are such lines that take precedence."""
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    extras = [requirement for extra in EXTRAS for requirement in project["optional-dependencies"][extra]]
    bounds = (re.fullmatch(r"([\w.-]+)>=([\w.]+)", requirement) for requirement in [*project["dependencies"], *extras])
    versions = {bound[1]: bound[2] for bound in bounds if bound}
    versions |= dict(line.split("==") for line in replacements)
    return [f"{name}=={version}" for name, version in versions.items()]


if __name__ == "__main__":
    print("\n".join(lowest_versions(replacements=sys.argv[1:])))
