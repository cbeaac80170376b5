"""The runner: every run of a grid is done once, whoever is killed, fails, or works beside it."""

import json
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import grid_jobs
import pytest

from crossner_hf.atomic_write import write_text
from crossner_hf.display import in_words
from crossner_hf.experiments.claims import Claims
from crossner_hf.experiments.grid import Grid
from crossner_hf.experiments.grid_folder import GridFolder
from crossner_hf.experiments.runner import plan, run_grid
from crossner_hf.results.record_files import read_record, write_record

PROGRAM = Path(__file__).with_name("grid_jobs.py")
Jobs, grid_of, record_of = grid_jobs.Jobs, grid_jobs.grid_of, grid_jobs.record_of

LEASE = 3.0  # seconds; a busy machine may keep a live process from its beat for two thirds of it


def names(seeds: int) -> list[str]:
    return [run.name for run in grid_of(seeds).runs()]


def run(grid: Grid, folder: Path, job=None, **more):
    return run_grid(grid, folder, costs={}, lease_seconds=LEASE, job=job or Jobs(folder), **more)


def wait_for(condition, seconds: float = 60.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.01)


@contextmanager
def worker(folder: Path, environment, seeds: int, seconds: float = 0.0):
    """A process of its own at work on the grid."""
    command = [sys.executable, str(PROGRAM), str(folder), str(seeds), str(seconds), str(LEASE)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def go(folder: Path, workers: int) -> None:
    wait_for(lambda: len(list(folder.parent.glob(f"{folder.name}.ready.*"))) >= workers)
    Path(f"{folder}.go").touch()


def hold(folder: Path, name: str) -> Path:
    path = Path(f"{folder}.hold") / name
    path.parent.mkdir(exist_ok=True)
    path.touch()
    return path


def test_two_processes_share_a_grid_and_do_no_run_twice(tmp_path, child_environment):
    folder = tmp_path / "grid"
    with worker(folder, child_environment, 14, 0.1) as one, worker(folder, child_environment, 14, 0.1) as two:
        go(folder, 2)
        said = [json.loads(process.communicate(timeout=120)[0].splitlines()[-1]) for process in (one, two)]
    noted = Jobs(folder)
    assert sorted(noted.noted("begin")) == sorted(noted.noted("end")) == sorted(names(14))
    assert all(found["here"] for found in said)
    assert sorted(said[0]["here"] + said[1]["here"]) == sorted(names(14))
    assert all(sorted(found["finished"]) == sorted(names(14)) and not found["failed"] for found in said)
    assert not list((folder / "claims").glob("*"))


def test_a_killed_process_loses_no_run_and_its_run_is_taken_over(tmp_path, child_environment):
    folder, (first, second, third) = tmp_path / "grid", names(3)
    held, jobs = hold(folder, second), Jobs(folder)
    with worker(folder, child_environment, 3) as killed:
        go(folder, 1)
        wait_for(lambda: jobs.noted("begin") == [first, second])
        killed.send_signal(signal.SIGKILL)
        killed.wait()
    held.unlink()
    summary = run(grid_of(3), folder)
    assert summary.finished == (first, second, third)
    assert summary.done_here == (second, third)
    assert sorted(jobs.noted("end")) == [first, second, third]


@pytest.mark.parametrize("exchange", [True, False], ids=["as_here", "as_on_nfs"])
def test_a_process_that_gives_no_sign_of_life_is_superseded_and_stops(
    tmp_path, child_environment, monkeypatch, exchange
):
    """Another machine's process cannot be looked at: only its beat tells. A stopped process stands for it."""
    folder, (first, second) = tmp_path / "grid", names(2)
    held, jobs = hold(folder, first), Jobs(folder)
    if not exchange:
        monkeypatch.setattr("filelock._soft.exchange_names", lambda *names: False)
    with worker(folder, child_environment, 2) as frozen:
        go(folder, 1)
        wait_for(lambda: jobs.noted("begin") == [first])
        frozen.send_signal(signal.SIGSTOP)
        held.unlink()
        begun = time.monotonic()
        summary = run(grid_of(2), folder)
        assert summary.done_here == (second, first)  # first what is free, then what has become free
        assert time.monotonic() - begun > LEASE - 0.5
        hold(folder, first)  # the frozen one, awake again, still sits in it
        frozen.send_signal(signal.SIGCONT)
        said = frozen.communicate(timeout=30)[0]
    assert "another process has taken it over" in said
    assert json.loads(said.splitlines()[-1])["here"] == []
    assert jobs.noted("superseded") == [first]
    assert sorted(jobs.noted("end")) == [first, second]


def test_a_process_waits_for_the_runs_of_another_and_then_is_done(tmp_path, child_environment):
    folder, (first, second), said = tmp_path / "grid", names(2), []
    held, jobs = hold(folder, first), Jobs(folder)

    def say(line):
        said.append(line)
        if line.startswith("waiting"):
            held.unlink()

    with worker(folder, child_environment, 2) as other:
        go(folder, 1)
        wait_for(lambda: jobs.noted("begin") == [first])
        summary = run(grid_of(2), folder, say=say)
        assert json.loads(other.communicate(timeout=60)[0].splitlines()[-1])["here"] == [first]
    assert f"waiting for 1 that other processes have: {first}" in said
    assert (summary.finished, summary.done_here) == ((first, second), (second,))


def test_finished_runs_are_skipped(tmp_path):
    folder = tmp_path / "grid"
    run(grid_of(3), folder)
    summary = run(grid_of(3), folder)
    assert (len(summary.finished), summary.done_here) == (3, ())
    assert len(Jobs(folder).noted("begin")) == 3


def test_a_run_that_fails_does_not_stop_the_rest_and_is_tried_again_by_the_next_call(tmp_path):
    folder, (first, second, third), said = tmp_path / "grid", names(3), []

    class Failing(Jobs):
        def __call__(self, task, folder, lost):
            if task.name == second:
                self.note("begin", task)
                raise ValueError("no room\nleft")
            super().__call__(task, folder, lost)

    summary = run(grid_of(3), folder, Failing(folder), say=said.append)
    assert summary.finished == (first, third)
    assert summary.failed == {second: "no room left"}
    assert Jobs(folder).noted("begin") == [first, second, third]
    content = json.loads((folder / "failed" / f"{second}.json").read_text())
    assert content["reason"] == "no room left"
    assert "raise ValueError" in content["traceback"]
    assert any(line.startswith(f"[2/3] {second}  failed: no room left") for line in said)
    again = run(grid_of(3), folder)
    assert (len(again.finished), again.failed, again.done_here) == (3, {}, (second,))
    assert not list((folder / "failed").iterdir())


def test_what_another_process_saw_fail_is_not_tried_at_once_again(tmp_path):
    folder, (first, second) = tmp_path / "grid", names(2)

    class BesideAFailure(Jobs):
        def __call__(self, task, place, lost):
            super().__call__(task, place, lost)
            grid = grid_of(2)
            GridFolder(folder, grid).note_failure(grid.runs()[1], {"id": "7", "reason": "elsewhere"})

    assert run(grid_of(2), folder, BesideAFailure(folder)).failed == {second: "elsewhere"}
    assert Jobs(folder).noted("begin") == [first]


def test_a_run_that_leaves_no_record_has_failed(tmp_path):
    summary = run(grid_of(1), tmp_path / "grid", lambda task, folder, lost: None)
    assert "cannot be read as a record" in summary.failed[names(1)[0]]


class Killed(BaseException):
    """As little handled as a kill."""


def test_a_run_that_kills_its_process_every_time_is_given_up(tmp_path):
    folder, (first, second) = tmp_path / "grid", names(2)

    class Deadly(Jobs):
        def __call__(self, task, folder, lost):
            if task.name == first:
                self.note("begin", task)
                raise Killed
            super().__call__(task, folder, lost)

    for _ in range(3):
        with pytest.raises(Killed):
            run(grid_of(2), folder, Deadly(folder))
    summary = run(grid_of(2), folder, Deadly(folder))
    assert "its process died 3 times without getting to a new checkpoint; out of memory?" in summary.failed[first]
    assert summary.finished == (second,)
    assert Jobs(folder).noted("begin").count(first) == 3
    assert run(grid_of(2), folder).finished == (first, second)  # the next call tries again


def test_a_run_that_gets_on_between_kills_is_not_given_up(tmp_path):
    folder, (name,) = tmp_path / "grid", names(1)

    class Preempted(Jobs):
        def __call__(self, task, folder, lost):
            steps = 10 * len(list(folder.glob("checkpoint-*"))) + 10
            if steps <= 60:
                (folder / f"checkpoint-{steps}").mkdir(parents=True)
                raise Killed
            super().__call__(task, folder, lost)

    for _ in range(6):
        with pytest.raises(Killed):
            run(grid_of(1), folder, Preempted(folder))
    assert run(grid_of(1), folder, Preempted(folder)).finished == (name,)


def test_a_source_stage_that_gets_on_between_kills_is_progress_of_its_run(tmp_path):
    folder = tmp_path / "grid"
    grid = grid_of(1, settings=["pre_train_then_fine_tune"], arguments={"source": "sample_news"})
    stage = folder / "sources" / "abc"

    class Preempted(Jobs):
        def __call__(self, task, folder, lost):
            steps = 10 * len(list(stage.glob("checkpoint-*"))) + 10
            if steps <= 60:
                (stage / f"checkpoint-{steps}").mkdir(parents=True)
                raise Killed
            super().__call__(task, folder, lost)

    for _ in range(6):
        with pytest.raises(Killed):
            run(grid, folder, Preempted(folder))
    summary = run(grid, folder, Preempted(folder))
    assert summary.done_here, summary.failed


def test_ctrl_c_gives_the_run_back(tmp_path):
    folder = tmp_path / "grid"

    def interrupted(task, folder, lost):
        raise KeyboardInterrupt

    for _ in range(5):  # and is no attempt that counts
        with pytest.raises(KeyboardInterrupt):
            run(grid_of(2), folder, interrupted)
        assert not list((folder / "claims").iterdir())
        assert not (folder / "failed").exists()
    assert len(run(grid_of(2), folder).done_here) == 2


def test_a_truncated_record_is_set_aside_and_the_run_done_again(tmp_path):
    folder, first, said = tmp_path / "grid", names(2)[0], []
    run(grid_of(2), folder)
    path = folder / "runs" / first / "record.json"
    path.write_text(whole := path.read_text()[:100])
    summary = run(grid_of(2), folder, say=said.append)
    assert (summary.done_here, summary.failed) == ((first,), {})
    assert path.with_name("record.json.broken").read_text() == whole
    assert read_record(path).seed == 0
    assert any("cannot be read as a record" in line and "now record.json.broken" in line for line in said)


def test_a_record_of_another_version_is_left_as_it_is(tmp_path):
    folder, (name,) = tmp_path / "grid", names(1)
    run(grid_of(1), folder)
    path = folder / "runs" / name / "record.json"
    path.write_text(text := path.read_text().replace('"schema_version": 2', '"schema_version": 9'))
    summary = run(grid_of(1), folder)
    assert "record of schema version 9; this package reads up to 2; choose another folder" in summary.failed[name]
    assert path.read_text() == text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seed": 5}, "seed is 5 there, and 0 is asked for"),
        (
            {"setting": "joint", "source": {"domain": "conll2003"}},
            "setting is 'joint' there, and 'direct' is asked for",
        ),
        ({"encoder": {"name": "huge"}}, "encoder is 'huge' there, and 'tiny' is asked for"),
        ({"few_shot": {"sentences": 10, "draw": "first"}}, "few_shot is"),
        ({"data_sha256": {"train": "0"}}, "it was trained and scored on other data"),
        ({"arguments": {"learning_rate": 0.5}}, "learning_rate is 0.5 there, and 5e-05 is asked for"),
        ({"arguments": {"label_smoothing_factor": 0.5}}, "label_smoothing_factor is 0.5 there"),
    ],
)
def test_a_record_of_another_run_is_not_taken_for_this_one(tmp_path, change, said):
    folder, grid = tmp_path / "grid", grid_of(1)
    run(grid, folder)
    (task,) = grid.runs()
    write_record(folder / "runs" / task.name / "record.json", record_of(task, **change))
    summary = run(grid, folder)
    assert said in summary.failed[task.name]
    assert summary.done_here == ()


def test_a_record_with_other_source_data_is_not_taken_for_this_one(tmp_path):
    folder, grid = tmp_path / "grid", grid_of(1, settings=["joint"], arguments={"source": "sample_news"})
    assert len(run(grid, folder).done_here) == 1
    (task,) = grid.runs()
    path = folder / "runs" / task.name / "record.json"
    write_record(path, record_of(task, source={"domain": "sample_news", "data_sha256": {"train": "0"}}))
    assert "its source data were others" in run(grid, folder).failed[task.name]


def test_the_folder_of_another_grid_is_refused_with_what_differs(tmp_path):
    folder = tmp_path / "grid"
    run(grid_of(2), folder)
    with pytest.raises(ValueError, match=r"grid.json: is of another grid \(models was \[.tiny.\], now \[.huge.\]\)"):
        run(grid_of(2, models=["huge"]), folder)
    with pytest.raises(ValueError, match=r"arguments was \{\}, now \{.weight_decay.: 0.5\}"):
        run(grid_of(2, arguments={"weight_decay": 0.5}), folder, extend=True)
    with pytest.raises(ValueError, match=r"seeds was \[0, 1\], now \[0\]"):
        run(grid_of(1), folder, extend=True)
    with pytest.raises(ValueError, match=r"a grid of 2 runs, to which this one adds 1 .*; add --extend"):
        run(grid_of(3), folder)
    assert run(grid_of(3), folder, extend=True).done_here == (names(3)[2],)
    assert len(run(grid_of(3), folder).finished) == 3
    (tmp_path / "else").mkdir()
    (tmp_path / "else" / "thesis.tex").touch()
    with pytest.raises(ValueError, match="else: is not empty and holds no grid; choose another folder"):
        run(grid_of(1), tmp_path / "else")
    (folder / "grid.json").write_text('{"grid"')
    with pytest.raises(ValueError, match=r"grid.json: cannot be read as a grid"):
        run(grid_of(3), folder)


def test_runs_wait_for_their_checkpoint_and_fail_with_it(tmp_path):
    dapt = {"dapt": {"model": "tiny", "corpus": "some.txt", "percent": 10}}
    grid, folder = grid_of(2, models=[dapt, "tiny"]), tmp_path / "grid"
    (made,) = grid.dapts()

    class Failing(Jobs):
        def __call__(self, task, folder, lost):
            if task == made:
                raise ValueError("no such file")
            super().__call__(task, folder, lost)

    summary = run(grid, folder, Failing(folder))
    dependent = [task.name for task in grid.runs() if task.model == made]
    assert summary.failed == {
        made.name: "no such file",
        **dict.fromkeys(dependent, f"its checkpoint {made.name} could not be made"),
    }
    assert len(summary.finished) == 2
    done = run(grid, folder)
    assert done.done_here == (made.name, *dependent)
    assert (folder / "dapt" / made.name / "record.json").is_file()


def test_progress_says_what_is_done_and_what_is_left(tmp_path):
    said = []
    run(grid_of(3), tmp_path / "grid", say=said.append)
    # each took 10 s by its record, and two, then one of the same cost are left
    assert [line.rpartition("  ")[2] for line in said[:2]] == ["about 20 s left", "about 10 s left"]
    assert [line.split()[0] for line in said] == ["[1/3]", "[2/3]", "[3/3]"]
    assert "left" not in said[2]
    assert [in_words(s) for s in (4.4, 90, 3_599.7, 7_500)] == ["4 s", "1 min 30 s", "1 h 0 min", "2 h 5 min"]


def test_a_plan_says_how_each_run_stands_and_writes_nothing(tmp_path, tiny_model):
    folder = tmp_path / "grid"
    grid = grid_of(4, models=[tiny_model()])
    place, tasks = GridFolder(folder, grid), grid.runs()
    assert [row.state for row in plan(grid, folder)] == ["to do"] * 4
    assert not folder.exists()
    place.open(Claims(folder / "claims", LEASE))
    write_record(folder / "runs" / tasks[0].name / "record.json", record_of(tasks[0]))
    write_text(folder / "runs" / tasks[1].name / "run.json", "{}")
    place.note_failure(tasks[2], {"id": "1", "reason": "no room"})
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    planned = plan(grid, folder)
    assert [row.state for row in planned] == ["finished", "resumable", "failed before", "to do"]
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    assert len({row.flop for row in planned}) == 1


def test_torchrun_is_told_to_train_one_run(tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ValueError, match="a grid is not for torchrun: start the same command several times"):
        run(grid_of(1), tmp_path / "grid")


def test_a_claim_is_one_process_at_a_time(tmp_path):
    one, two = Claims(tmp_path, LEASE), Claims(tmp_path, LEASE)
    with one.held("run") as mine, two.held("run") as theirs:
        assert mine is not None
        assert not mine.is_set()
        assert theirs is None
    with two.held("run") as theirs:
        assert theirs is not None
    assert not list(tmp_path.iterdir())
