"""What pyproject.toml, constraints.txt and the CI workflow promise."""

import re
import tomllib
from importlib.metadata import distributions
from pathlib import Path

import pytest
import yaml
from lowest_versions import lowest_versions
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_dependency_has_a_lowest_version_that_is_tested():
    lowest = dict(line.split("==") for line in lowest_versions())
    for requirement in PROJECT["dependencies"]:
        name, _, version = requirement.partition(">=")
        assert version, requirement
        assert lowest[name] == version


def test_lowest_versions_can_be_replaced(tmp_path):
    pyproject = tmp_path / "pyproject.toml"
    pyproject.write_text(
        '[project]\ndependencies = ["torch>=2.9", "numpy>=1.26", "ruff"]\n'
        "[project.optional-dependencies]\noffline = []\nreport = []\ndev = ['pytest>=8']\n"
    )
    assert lowest_versions(pyproject, ["torch==2.13.0"]) == ["torch==2.13.0", "numpy==1.26", "pytest==8"]


def test_every_requirement_is_pinned_in_the_constraints():
    pins = re.findall(r"^([\w.-]+)==", (ROOT / "constraints.txt").read_text(), flags=re.MULTILINE)
    extras = PROJECT["optional-dependencies"]
    requirements = [*PROJECT["dependencies"], *(r for name, extra in extras.items() if name != "glove" for r in extra)]
    names = {normalised(re.match(r"[\w.-]+", requirement)[0]) for requirement in requirements} - {"crossner-hf"}
    assert names - {normalised(pin) for pin in pins} == set()


def test_pins_are_versions_that_the_other_pinned_packages_take():
    """Of the packages that are installed here; optional requirements are left out."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = {normalised(name): version for name, _, version in (line.partition("==") for line in lines) if version}
    refused = [
        f"{distribution.name} {distribution.version} needs {requirement}"
        for distribution in distributions()
        if pins.get(normalised(distribution.name)) == distribution.version.partition("+")[0]
        for requirement in map(Requirement, distribution.requires or ())
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if not requirement.specifier.contains(pins.get(normalised(requirement.name), ""), prereleases=True)
        and normalised(requirement.name) in pins
    ]
    assert refused == []


def test_the_workflow_runs_the_python_versions_and_checks_that_are_promised():
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))["jobs"]
    versions = jobs["checks"]["strategy"]["matrix"]["python"]
    classifiers = re.findall(r"Python :: (3\.\d+)", " ".join(PROJECT["classifiers"]))
    assert versions == classifiers
    assert PROJECT["requires-python"] == f">={versions[0]}"
    commands = {job: {step["run"] for step in jobs[job]["steps"] if "run" in step} for job in jobs}
    local = set(re.findall(r"^make [\w-]+", (ROOT / ".ci/run").read_text(), flags=re.MULTILINE))
    assert commands["checks"] | commands["lowest"] == local


@pytest.mark.parametrize("extra", ["offline", "glove", "report", "cluster", "docs"])
def test_extras_for_users_need_no_seqeval(extra):
    assert not any("seqeval" in requirement for requirement in PROJECT["optional-dependencies"][extra])
