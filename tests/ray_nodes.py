"""A Ray cluster of two nodes on this machine."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def cluster():
    """Two nodes with one core each; gives the cluster and the node that may be lost."""
    ray = pytest.importorskip("ray", reason="needs the extra `cluster`")
    from ray.cluster_utils import Cluster

    tests = Path(__file__).parent
    quick_to_notice = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 500}
    size = {"num_cpus": 1, "object_store_memory": 80 * 2**20}
    head = {**size, "include_dashboard": False, "_system_config": quick_to_notice}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "disabled")  # else Ray writes a token into the home folder
        patch.setenv("PYTHONPATH", os.pathsep.join(map(str, (tests.parent, tests))))
        nodes = Cluster(initialize_head=True, head_node_args=head)
        patch.setenv("RAY_ADDRESS", nodes.address)
        yield nodes, nodes.add_node(**size)
        ray.shutdown()
        nodes.shutdown()
