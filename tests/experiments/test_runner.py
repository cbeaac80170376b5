"""The runner: finished runs are skipped, and a run that fails or kills its process does not stop the others."""

import errno
import functools
import json
import subprocess
import sys

import grid_jobs
import pytest
from grid_jobs import write_record

from crossner_hf.atomic_write import write_text
from crossner_hf.display import in_words
from crossner_hf.engine.tasks import Outcome
from crossner_hf.experiments.grid import Grid, source_stage_of
from crossner_hf.experiments.grid_folder import GridFolder
from crossner_hf.experiments.runner import GridOptions, Summary, plan, run_grid
from crossner_hf.results.record_files import read_record


@pytest.fixture
def jobs(monkeypatch) -> grid_jobs.Jobs:
    return grid_jobs.stand_in(monkeypatch)


@pytest.fixture
def grid_of(tiny_model):
    """Gives a grid of so many runs, which differ in the seed."""
    return functools.partial(grid_jobs.grid_of, model=tiny_model())


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "grid"


def names(grid: Grid) -> list[str]:
    return [run.name for run in grid.runs()]


def run(grid: Grid, folder, say=lambda line: None, **options) -> Summary:
    return run_grid(grid, folder, GridOptions(**options), say)


def test_finished_runs_are_skipped(jobs, grid_of, folder):
    grid = grid_of(3)
    assert run(grid, folder).done_here == tuple(names(grid)) == tuple(jobs.begun)
    summary = run(grid, folder)
    assert (summary.finished, summary.failed, summary.done_here) == (tuple(names(grid)), {}, ())
    assert len(jobs.begun) == 3


def test_a_run_that_fails_does_not_stop_the_rest_and_is_tried_again_by_the_next_call(jobs, grid_of, folder):
    grid, lines = grid_of(3), []
    first, second, third = names(grid)

    def fail(task, place):
        if task.name == second:
            raise ValueError("no room\nleft")

    jobs.during = fail
    summary = run(grid, folder, lines.append)
    assert (summary.finished, summary.failed) == ((first, third), {second: "no room left"})
    assert jobs.begun == [first, second, third]
    content = json.loads((folder / "failed" / f"{second}.json").read_text())
    assert content["reason"] == "no room left"
    assert "raise ValueError" in content["traceback"]
    assert any(line.startswith(f"[2/3] {second}  failed: no room left") for line in lines)
    jobs.during = lambda task, place: None
    again = run(grid, folder)
    assert (len(again.finished), again.failed, again.done_here) == (3, {}, (second,))
    assert not list((folder / "failed").iterdir())


@pytest.mark.parametrize("stage", [False, True], ids=["run", "source_stage"])
def test_a_task_that_kills_its_process_is_given_up_unless_it_leaves_checkpoints(jobs, grid_of, folder, stage):
    setting = {"settings": ["pre_train_then_fine_tune"], "arguments": {"source": "sample_news"}} if stage else {}
    grid = grid_of(2, **setting)
    first, second = ((source_stage_of(run) if stage else run).name for run in grid.runs())

    def die(task, place):
        if task.name == first:
            raise grid_jobs.Killed
        checkpoints = place / "abc" if stage else place
        steps = 10 * len(list(checkpoints.glob("checkpoint-*"))) + 10
        if task.name == second and steps <= 60:
            (checkpoints / f"checkpoint-{steps}").mkdir(parents=True)
            raise grid_jobs.Killed

    jobs.during = die
    summary = run(grid, folder)
    assert "its process died 3 times and saved nothing new; out of memory?" in summary.failed[first]
    assert summary.finished == (names(grid)[1],)
    assert (jobs.begun.count(first), jobs.begun.count(second)) == (3, 7)
    if stage:
        assert summary.failed[names(grid)[0]] == f"{first}, which it needs, failed"
    jobs.during = lambda task, place: None
    assert run(grid, folder).finished == tuple(names(grid))  # the next call tries again


def test_ctrl_c_is_no_failure_and_leaves_the_folder_free(jobs, grid_of, folder):
    def interrupt(task, place):
        raise KeyboardInterrupt

    jobs.during = interrupt
    with pytest.raises(KeyboardInterrupt):
        run(grid_of(2), folder)
    assert [path.name for path in folder.iterdir()] == ["grid.json"]
    jobs.during = lambda task, place: None
    assert len(run(grid_of(2), folder).done_here) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [({"workers": 0}, "workers must be at least 1, got 0"), ({"executor": "ray"}, "comes with the extra")],
)
def test_what_cannot_run_is_refused_before_anything_is_written(grid_of, folder, monkeypatch, options, message):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises((ValueError, ImportError), match=message):
        run_grid(grid_of(1), folder, GridOptions(**options))
    assert not folder.exists()


def test_a_second_process_on_the_folder_is_refused(jobs, grid_of, folder, child_environment):
    hold = "import sys, filelock; a = filelock.FileLock(sys.argv[1]); a.acquire(); print('held', flush=True); input()"
    folder.mkdir()
    command = [sys.executable, "-c", hold, str(folder / ".lock")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=child_environment, **pipes) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(ValueError, match="grid: another process runs this grid; wait for its end"):
            run(grid_of(2), folder)
        other.kill()
    assert jobs.begun == []
    assert len(run(grid_of(2), folder).finished) == 2  # a dead process keeps nothing


def test_a_truncated_record_is_set_aside_and_the_run_done_again(jobs, grid_of, folder):
    grid, lines = grid_of(2), []
    run(grid, folder)
    path = folder / "runs" / names(grid)[0] / "record.json"
    path.write_text(truncated := path.read_text()[:100])
    summary = run(grid, folder, lines.append)
    assert (summary.done_here, summary.failed) == ((names(grid)[0],), {})
    assert path.with_name("record.json.broken").read_text() == truncated
    assert read_record(path).seed == 0
    assert any("cannot be read as a record" in line and "now record.json.broken" in line for line in lines)


def test_a_record_that_cannot_be_read_now_stays_and_no_other_run_is_affected(jobs, grid_of, folder, monkeypatch):
    grid = grid_of(2)
    run(grid, folder)
    path = folder / "runs" / names(grid)[0] / "record.json"

    def read(place, kind):
        if place == path:
            raise OSError(errno.EIO, "Input/output error", str(place))
        return read_record(place, kind)

    monkeypatch.setattr("crossner_hf.experiments.grid_folder.read_record", read)
    summary = run(grid, folder)
    assert "Input/output error" in summary.failed[names(grid)[0]]
    assert summary.finished == (names(grid)[1],)
    assert path.is_file()


def test_a_record_of_another_version_is_left_as_it_is(jobs, grid_of, folder):
    grid = grid_of(1)
    run(grid, folder)
    path = folder / "runs" / names(grid)[0] / "record.json"
    path.write_text(text := path.read_text().replace('"schema_version": 2', '"schema_version": 9'))
    message = "schema version 9; this package reads up to 2; choose another folder"
    assert message in run(grid, folder).failed[names(grid)[0]]
    assert path.read_text() == text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 5}, "seed is 5 there, and 0 in the grid"),
        ({"setting": "joint", "source": {"domain": "conll2003"}}, "setting is 'joint' there, and 'direct' in the grid"),
        ({"encoder": {"name": "huge"}}, "encoder is 'huge' there, and 'bert' in the grid"),
        ({"few_shot": {"sentences": 10, "draw": "first"}}, "few_shot is"),
        ({"data_sha256": {"train": "0"}}, "it was made with other data (data_sha256)"),
        (
            {"source": {"domain": "sample_news", "data_sha256": {"train": "0"}}},
            "it was made with other data (source_sha256)",
        ),
        ({"arguments": {"learning_rate": 0.5}}, "learning_rate is 0.5 there, and 5e-05 in the grid"),
        ({"arguments": {"label_smoothing_factor": 0.5}}, "label_smoothing_factor is 0.5 there"),
    ],
)
def test_a_record_of_another_run_is_not_taken_for_this_one(jobs, grid_of, folder, change, message):
    with_source = {"settings": ["joint"], "arguments": {"source": "sample_news"}} if "source_sha256" in message else {}
    grid = grid_of(1, **with_source)
    run(grid, folder)
    (task,) = grid.runs()
    write_record(folder / "runs" / task.name, task, **change)
    summary = run(grid, folder)
    assert message in summary.failed[task.name]
    assert summary.done_here == ()


def test_the_folder_of_another_grid_is_refused_with_what_differs(jobs, grid_of, folder, tmp_path, tiny_model):
    run(grid_of(2), folder)
    other = tiny_model(hidden_size=64)
    for grid, extend, message in (
        (grid_of(2, model=other), False, r"grid.json: is of another grid \(models was .*, now .*\); choose another"),
        (grid_of(2, arguments={"weight_decay": 0.5}), True, r"arguments was \{\}, now \{.weight_decay.: 0.5\}"),
        (grid_of(1), True, r"seeds was \[0, 1\], now \[0\]"),
        (grid_of(3), False, r"a grid of 2 runs, to which this one adds 1 .*; add --extend"),
    ):
        with pytest.raises(ValueError, match=message):
            run(grid, folder, extend=extend)
    assert run(grid_of(3), folder, extend=True).done_here == (names(grid_of(3))[2],)
    assert len(run(grid_of(3), folder).finished) == 3
    (tmp_path / "else").mkdir()
    (tmp_path / "else" / "thesis.tex").touch()
    with pytest.raises(ValueError, match="else: is not empty and holds no grid; choose another folder"):
        run(grid_of(1), tmp_path / "else")
    for content in ('{"grid"', '{"grid": {}, "runs": {"a": 1}}', '{"a":' * 9_000):
        (folder / "grid.json").write_text(content)
        with pytest.raises(ValueError, match=r"grid.json: cannot be read as a grid"):
            run(grid_of(3), folder)


def test_shared_checkpoints_and_source_stages_come_once_and_first(jobs, grid_of, folder, tiny_model, tmp_path):
    (tmp_path / "some.txt").write_text("a b c")
    dapt = {"dapt": {"model": tiny_model(), "corpus": str(tmp_path / "some.txt"), "percent": 10}}
    settings = ["direct", "pre_train_then_fine_tune"]
    more = {"models": [dapt, tiny_model()], "settings": settings, "sizes": ["all", 20]}
    grid = grid_of(2, **more, arguments={"source": "sample_news"})
    (made,) = grid.dapts()

    def fail(task, place):
        if task == made:
            raise ValueError("no such file")

    jobs.during = fail
    summary = run(grid, folder)
    from_it = [task for task in grid.runs() if task.model == made]
    stages = {run.name: stage.name for run in grid.runs() if (stage := source_stage_of(run))}
    assert (len(stages), len(set(stages.values()))) == (8, 4)  # one for each model and seed
    lost = {stages[task.name] for task in from_it if task.name in stages} | {task.name for task in from_it}
    assert summary.failed.keys() == {made.name, *lost}
    assert {summary.failed[task.name] for task in from_it if task.setting == "direct"} == {
        f"{made.name}, which it needs, failed"
    }
    assert len(summary.finished) == 8
    jobs.during, jobs.begun = lambda task, place: None, []
    assert set(run(grid, folder).done_here) == {made.name, *(task.name for task in from_it)}
    assert sorted(jobs.begun) == sorted({made.name, *lost})  # each once
    order = {name: number for number, name in enumerate(jobs.begun)}
    assert all(order[made.name] < order[name] for name in lost)
    assert all(order[stages[task.name]] < order[task.name] for task in from_it if task.name in stages)


def test_progress_says_what_is_done_and_what_is_left(jobs, grid_of, folder):
    lines = []
    run(grid_of(3), folder, lines.append)
    # each took 10 s by its record, and two, then one of the same cost are left
    assert [line.rpartition("  ")[2] for line in lines[:2]] == ["about 20 s left", "about 10 s left"]
    assert [line.split()[0] for line in lines] == ["[1/3]", "[2/3]", "[3/3]"]
    assert "left" not in lines[2]
    assert [in_words(s) for s in (4.4, 90, 3_599.7, 7_500)] == ["4 s", "1 min 30 s", "1 h 0 min", "2 h 5 min"]


def test_a_plan_says_how_each_run_stands_and_writes_nothing(grid_of, folder):
    grid = grid_of(4)
    place, tasks = GridFolder(folder, grid), grid.runs()
    assert [row.state for row in plan(grid, folder)] == ["to do"] * 4
    assert not folder.exists()
    with place.opened(extend=False):
        write_record(folder / "runs" / tasks[0].name, tasks[0])
        write_text(folder / "runs" / tasks[1].name / "run.json", "{}")
        place.note_failure(Outcome(tasks[2].name, "failed", "no room"))
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    planned = plan(grid, folder)
    assert [row.state for row in planned] == ["finished", "resumable", "failed before", "to do"]
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    assert len({row.flop for row in planned}) == 1


def test_torchrun_is_told_to_train_one_run(grid_of, folder, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ValueError, match="a grid is not for torchrun: it runs several runs at once by itself"):
        run(grid_of(1), folder)
