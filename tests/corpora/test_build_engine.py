"""A build whose processes are killed gives the bytes of an undisturbed one; a shard that cannot be read is named."""

import subprocess
import sys

import build_jobs
import pytest
from build_jobs import SHARDS, contents, disturb, mark, noted, plan, tasks_of, write_source
from engine_jobs import is_alive, wait_for
from filelock import FileLock

from crossner_hf.corpora.build import build_corpus
from crossner_hf.corpora.build_job import work_folder


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """The files of an undisturbed build in one process."""
    folder = tmp_path_factory.mktemp("undisturbed")
    write_source(folder)
    build_corpus(plan(folder), workers=1)
    return contents(folder / "output")


@pytest.fixture
def folder(tmp_path):
    write_source(tmp_path)
    return tmp_path


def test_two_workers_give_the_bytes_of_one(folder, expected):
    build_corpus(plan(folder), workers=2)
    assert contents(folder / "output") == expected


def test_a_worker_that_is_killed_changes_no_byte(folder, expected):
    deadly = [task.name for task in tasks_of(folder) if task.name.startswith(("read source/1", "levels zoo source/2"))]
    for name in deadly:
        mark(folder, "deadly", name, "once")
    build_corpus(disturb(plan(folder)), workers=2)
    assert contents(folder / "output") == expected
    attempts = [name for _, name in noted(folder)]
    assert {name: attempts.count(name) for name in deadly} == dict.fromkeys(deadly, 2)


def test_after_a_kill_of_the_driver_the_same_call_goes_on(folder, expected, child_environment):
    held = [task.name for task in tasks_of(folder) if task.name.startswith(("read source/2", "read source/3"))]
    files = [mark(folder, "hold", name) for name in held]
    with subprocess.Popen([sys.executable, build_jobs.__file__, str(folder)], env=child_environment) as driver:
        wait_for(lambda: set(held) <= {name for _, name in noted(folder)})
        driver.kill()
    workers = [pid for pid, name in noted(folder) if name in held]
    wait_for(lambda: not any(map(is_alive, workers)))
    for file in files:
        file.unlink()
    before = {name for _, name in noted(folder)} - set(held)
    build_corpus(disturb(plan(folder)), workers=2)
    assert contents(folder / "output") == expected
    attempts = [name for _, name in noted(folder)]
    assert {attempts.count(name) for name in before} == {1}
    assert {attempts.count(name) for name in held} == {2}


def test_a_shard_that_kills_its_process_every_time_is_named_and_the_others_are_read(folder):
    (deadly,) = (task.name for task in tasks_of(folder) if task.name.startswith("read source/1"))
    mark(folder, "deadly", deadly, "always")
    message = rf"^{deadly}: its process died 3 times .*; {SHARDS} of {2 * SHARDS + 2} tasks are done"
    with pytest.raises(ValueError, match=message):
        build_corpus(disturb(plan(folder)), workers=2)
    assert not (folder / "output" / "record.json").exists()
    attempts = [name for _, name in noted(folder)]
    assert attempts.count(deadly) == 3
    assert len({name for name in attempts if name.startswith("read ")}) == SHARDS


def test_a_build_that_is_refused_leaves_the_work_of_the_one_that_runs(folder):
    work = work_folder(folder / "output")
    work.mkdir(parents=True)
    with FileLock(work / "lock"), pytest.raises(ValueError, match="another process builds a corpus there"):
        build_corpus(plan(folder))
    assert (work / "lock").exists()


def test_workers_that_cannot_be_are_refused_before_anything_is_written(folder):
    with pytest.raises(ValueError, match="workers must be at least 1, got 0"):
        build_corpus(plan(folder), workers=0)
    assert not (folder / "output").exists()


@pytest.mark.parametrize("names", ['["../mine", "..", ""]', "[[", "3"])
def test_of_an_earlier_build_only_folders_inside_the_output_go(folder, expected, names):
    (folder / "mine").mkdir()
    work = work_folder(folder / "output")
    work.mkdir(parents=True)
    (work / "plan.json").write_text(names)
    build_corpus(plan(folder), workers=1)
    assert (folder / "mine").is_dir()
    assert contents(folder / "output") == expected
