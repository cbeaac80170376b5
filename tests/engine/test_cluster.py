"""The engine on a Ray cluster of two nodes on this machine."""

import json
import os
import threading

import engine_jobs
import pytest
from engine_jobs import ALL, EXPECTED, hold, is_alive, noted, release, states, task, texts, wait_for

from crossner_hf.engine.run import run_tasks
from crossner_hf.results.environment import command_line

pytest.importorskip("ray", reason="needs the extra `cluster`")
pytestmark = pytest.mark.slow


def test_a_cluster_gives_what_this_machine_gives_though_a_node_is_lost_and_a_process_dies(tmp_path, cluster):
    nodes, second = cluster
    hold(tmp_path, "one", "two")  # one on each node
    tasks = [
        task(tmp_path, "late", needs=("one",)),
        *(task(tmp_path, name) for name in ALL),
        task(tmp_path, "bad", engine_jobs.fail),
        task(tmp_path, "deadly", engine_jobs.kill, -1),
    ]

    pids: list[int] = []

    def lose_a_node():
        wait_for(lambda: len(noted(tmp_path, "begin")) == 2)
        nodes.remove_node(second, allow_graceful=False)
        pids.extend(engine_jobs.pid_of(tmp_path, name) for name in ("one", "two"))
        wait_for(lambda: not all(map(is_alive, pids)))
        release(tmp_path)

    thread = threading.Thread(target=lose_a_node)
    thread.start()
    outcomes = run_tasks(tasks, executor="ray")
    thread.join()
    assert states(outcomes) == {**dict.fromkeys(("late", *ALL), "done"), **dict.fromkeys(("bad", "deadly"), "failed")}
    reasons = {outcome.name: outcome.reason for outcome in outcomes}
    assert reasons["bad"] == "RuntimeError: no room"
    assert reasons["deadly"].startswith("its process died 3 times and saved nothing new")
    assert {name: texts(tmp_path)[name] for name in EXPECTED} == EXPECTED
    (lost,) = (name for name in ("one", "two") if name in noted(tmp_path, "begin")[2:])
    assert sorted(noted(tmp_path, "begin")) == sorted(["late", *ALL, lost, *3 * ["deadly"]])
    place = json.loads((tmp_path / "three.place").read_text())
    assert (place["command"], place["folder"], place["threads"]) == (command_line(), os.getcwd(), "1")
    assert set(states(run_tasks(tasks[:5], executor="ray")).values()) == {"skipped"}
