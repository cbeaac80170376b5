"""Runs a grid in a folder that any number of processes may share: each run is done once, whoever dies on the way."""

import logging
import os
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from crossner_hf.data.download import domain_files
from crossner_hf.data.sources import sha256_of
from crossner_hf.experiments.claims import LEASE_SECONDS, Claims
from crossner_hf.experiments.grid import Grid
from crossner_hf.experiments.grid_folder import GridFolder
from crossner_hf.experiments.job import Training
from crossner_hf.experiments.worker import Job, Summary, Worker
from crossner_hf.schema import get_domain

logger = logging.getLogger(__name__)


def run_grid(
    grid: Grid,
    folder: str | Path,
    *,
    data_dir: str | Path | None = None,
    verify: bool = True,
    extend: bool = False,
    say: Callable[[str], None] = logger.info,
    costs: Mapping[str, float | None] | None = None,
    lease_seconds: float = LEASE_SECONDS,
    job: Job | None = None,
) -> Summary:
    """Do what is left to do of a grid; returns when all of it is finished or has failed, by this process or another.

    extend: let the grid add runs to those of the grid that the folder holds
    say:    gets the lines of progress
    costs:  FLOP of each run, for the time left; default: counted
    job:    does one run in its folder, whose record.json it leaves there, and stops when its event is set

    Finished runs are skipped and begun ones go on where they stood. Failed runs of earlier calls are tried again.
    Raises ValueError or OSError, before anything runs, where the folder holds another grid or a run asks for what there
    is not.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise ValueError(
            "a grid is not for torchrun: start the same command several times on one folder, and each process takes "
            "the next run; torchrun is for one run, as in: torchrun --nproc_per_node 2 -m crossner_hf train …"
        )
    if costs is None:
        from crossner_hf.experiments.flop_estimate import Counter

        costs = Counter(data_dir, verify).costs(grid)
    place = GridFolder(Path(folder), grid)
    claims = Claims(place.folder / "claims", lease_seconds)
    place.open(claims, extend=extend)
    job = job or Training(place.folder, data_dir, verify)
    return Worker(place, claims, job, costs, say, checksums(data_dir, verify)).work()


def checksums(data_dir: str | Path | None, verify: bool) -> Callable[[str], dict[str, str]]:
    """Gives the SHA-256 of each file of a domain, reading it once."""

    @cache
    def of(name: str) -> dict[str, str]:
        files = domain_files(get_domain(name), data_dir, verify=verify)
        return {split: sha256_of(path) for split, path in files.items()}

    return of


class Planned(NamedTuple):
    """A run or checkpoint of a grid, how it stands in the folder, and its FLOP: at most, and all of it."""

    name: str
    state: str
    flop: float | None


def plan(
    grid: Grid, folder: str | Path, *, data_dir: str | Path | None = None, verify: bool = True, extend: bool = False
) -> list[Planned]:
    """What `run_grid` would find and do. Writes nothing into the folder, and loads no weights."""
    from crossner_hf.experiments.flop_estimate import Counter

    costs = Counter(data_dir, verify).costs(grid)
    place, sums = GridFolder(Path(folder), grid), checksums(data_dir, verify)
    place.check(extend=extend)
    return [Planned(task.name, place.state(task, sums), costs[task.name]) for task in place.tasks()]
