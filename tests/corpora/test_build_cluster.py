"""A build on a Ray cluster of two nodes, one of which is lost."""

import threading

import pytest
from build_jobs import contents, disturb, mark, noted, plan, tasks_of, write_source
from engine_jobs import is_alive, wait_for

from crossner_hf.corpora.build import build_corpus

pytest.importorskip("ray", reason="needs the extra `cluster`")
pytestmark = pytest.mark.slow


def test_a_lost_node_changes_no_byte(tmp_path, cluster):
    nodes, second = cluster
    local, folder = tmp_path / "local", tmp_path / "cluster"
    for place in (local, folder):
        write_source(place)
    build_corpus(plan(local), workers=1)
    held = [task.name for task in tasks_of(folder) if task.name.startswith(("read source/0", "read source/1"))]
    files = [mark(folder, "hold", name) for name in held]  # one on each node

    def lose_a_node():
        wait_for(lambda: set(held) <= {name for _, name in noted(folder)})
        nodes.remove_node(second, allow_graceful=False)
        pids = [pid for pid, name in noted(folder) if name in held]
        wait_for(lambda: not all(map(is_alive, pids)))
        for file in files:
            file.unlink()

    thread = threading.Thread(target=lose_a_node)
    thread.start()
    build_corpus(disturb(plan(folder)), executor="ray")
    thread.join()
    assert contents(folder / "output") == contents(local / "output")
    attempts = [name for _, name in noted(folder)]
    assert sorted(attempts.count(name) for name in held) == [1, 2]
