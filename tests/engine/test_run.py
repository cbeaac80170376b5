"""The engine: every task is done once, whichever process is killed, fails, or is missing."""

import json
import os
import signal
import subprocess
import sys
import threading
from functools import partial

import engine_jobs
import pytest
from engine_jobs import ALL, EXPECTED, hold, is_alive, noted, release, states, task, texts, wait_for

from crossner_hf.engine import run
from crossner_hf.engine.run import run_tasks
from crossner_hf.engine.tasks import Outcome


def test_a_task_is_done_once_for_each_key(tmp_path):
    reports = []
    first = run_tasks([task(tmp_path, name) for name in ALL], workers=2, report=lambda *what: reports.append(what))
    assert states(first) == dict.fromkeys(ALL, "done")
    assert {(outcome.name, workers) for outcome, workers in reports} == {(name, 2) for name in ALL}
    assert texts(tmp_path) == EXPECTED
    again = run_tasks([task(tmp_path, name, key="2" if name == "two" else "1") for name in ALL], workers=2)
    assert states(again) == {**dict.fromkeys(ALL, "skipped"), "two": "done"}
    assert sorted(noted(tmp_path, "begin")) == sorted([*ALL, "two"])


def test_a_task_fails_alone_with_those_that_need_it(tmp_path):
    tasks = [
        task(tmp_path, "late", needs=("one", "two")),
        task(tmp_path, "lost", needs=("bad",)),
        task(tmp_path, "bad", engine_jobs.fail),
        task(tmp_path, "one"),
        task(tmp_path, "two"),
        task(tmp_path, "quiet", key=None),  # is to write its done file itself, and does not
        task(tmp_path, "local", lambda folder, name: None),
    ]
    outcomes = {outcome.name: outcome for outcome in run_tasks(tasks, workers=2)}
    assert {name: outcome.state for name, outcome in outcomes.items() if outcome.state != "failed"} == {
        **dict.fromkeys(("late", "one", "two"), "done")
    }
    assert outcomes["bad"].reason == "RuntimeError: no room"
    assert 'raise RuntimeError("no\\nroom")' in outcomes["bad"].traceback
    assert outcomes["lost"].reason == "bad, which it needs, failed"
    assert "the task ended without its done file" in outcomes["quiet"].reason
    assert "pickle" in outcomes["local"].reason
    assert noted(tmp_path, "end").index("late") > noted(tmp_path, "end").index("one")
    assert run_tasks([task(tmp_path, "bad")])[0].state == "done"  # tried again


def test_a_killed_process_is_replaced_and_disturbs_no_other(tmp_path):
    hold(tmp_path, "one", "two")
    killed = []

    def report(outcome, workers):
        if outcome.name == "three":
            wait_for(lambda: {"one", "two"} <= set(noted(tmp_path, "begin")))
            killed.append(engine_jobs.pid_of(tmp_path, "one"))
            os.kill(killed[0], signal.SIGKILL)
            release(tmp_path)

    outcomes = run_tasks([task(tmp_path, name) for name in ("one", "two", "three")], workers=3, report=report)
    assert set(states(outcomes).values()) == {"done"}
    assert killed
    assert sorted(noted(tmp_path, "begin")) == ["one", "one", "three", "two"]
    assert noted(tmp_path, "end")[-1] == "one"


def test_a_task_that_kills_its_process_every_time_is_given_up_unless_it_saves_something(tmp_path):
    tasks = [
        task(tmp_path, "deadly", engine_jobs.kill, -1),
        task(tmp_path, "slow", engine_jobs.kill, 5, progress=partial(engine_jobs.saved_steps, tmp_path, "slow")),
        task(tmp_path, "one"),
    ]
    outcomes = run_tasks(tasks, workers=2)
    assert [outcome.state for outcome in outcomes] == ["failed", "done", "done"]
    assert outcomes[0].reason == "its process died 3 times and saved nothing new; out of memory?"
    assert (noted(tmp_path, "begin").count("deadly"), noted(tmp_path, "begin").count("slow")) == (3, 6)


def test_workers_end_with_a_killed_driver_and_the_same_call_goes_on(tmp_path, child_environment):
    hold(tmp_path, "three", "four")
    command = [sys.executable, engine_jobs.__file__, str(tmp_path)]
    with subprocess.Popen(command, env=child_environment) as driver:
        wait_for(lambda: set(noted(tmp_path, "begin")) == set(ALL))
        driver.kill()
    workers = [engine_jobs.pid_of(tmp_path, name) for name in ("three", "four")]
    wait_for(lambda: not any(is_alive(pid) for pid in workers))
    release(tmp_path)
    assert states(run_tasks([task(tmp_path, name) for name in ALL], workers=2)) == {
        **dict.fromkeys(("one", "two"), "skipped"),
        **dict.fromkeys(("three", "four"), "done"),
    }
    assert texts(tmp_path) == EXPECTED


def test_workers_have_one_thread_and_share_the_gpus(tmp_path, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    hold(tmp_path, "one", "two")  # so that both run at once
    threading.Thread(target=lambda: wait_for(lambda: len(noted(tmp_path, "begin")) == 2) or release(tmp_path)).start()
    run_tasks([task(tmp_path, name) for name in ("one", "two")], gpus=2)
    places = [json.loads((tmp_path / f"{name}.place").read_text()) for name in ("one", "two")]
    assert [(place["threads"], place["gpu"]) for place in places] == [("1", "0"), ("1", "1")]
    assert {place["folder"] for place in places} == {os.getcwd()}


def test_tasks_that_cannot_be_ordered_are_refused(tmp_path):
    needs_b, needs_a = task(tmp_path, "a", needs=("b",)), task(tmp_path, "b", needs=("a",))
    for tasks, message in (
        ([needs_b, needs_b], "2 tasks are called a"),
        ([needs_b, needs_a], "tasks need each other: (a, b, a|b, a, b)$"),
        ([needs_b], "a needs b, which is no task"),
    ):
        with pytest.raises(ValueError, match=message):
            run_tasks(tasks)
    with pytest.raises(ValueError, match="workers must be at least 1, got 0"):
        run_tasks([task(tmp_path, "a")], workers=0)


class Elsewhere:
    """An executor on a machine with folders of its own."""

    workers = 1

    def start(self, task):
        self.task = task

    def wait(self):
        return [Outcome(self.task.name, "done")]

    def close(self):
        pass


def test_a_task_whose_done_file_is_on_another_machine_has_failed(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "open_executor", lambda *options: Elsewhere())
    first, second = run_tasks([task(tmp_path, "one"), task(tmp_path, "two", needs=("one",))])
    assert (first.state, second.state) == ("failed", "failed")
    assert "one.done is not here; all machines need the same folders" in first.reason


def test_without_ray_its_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ImportError, match=r"pip install 'crossner-hf\[cluster\]'"):
        run_tasks([task(tmp_path, "one")], executor="ray")
    assert not noted(tmp_path, "begin")
