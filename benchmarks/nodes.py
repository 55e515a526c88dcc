"""A real Ray cluster on loopback: a head without work, and nodes of one core each that can be killed."""

from __future__ import annotations

import os
import secrets
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator

LOOPBACK = "127.0.0.1"


class Nodes:
    """The nodes of a running cluster."""

    def __init__(self, cluster: Any) -> None:
        """Keep Ray's own test cluster, whose head takes no tasks."""
        self._cluster = cluster
        self._workers: list[Any] = []

    @property
    def environment(self) -> dict[str, str]:
        """What a sweep needs to join with `compute=ray compute.address=auto`."""
        return {
            "RAY_ADDRESS": self._cluster.address,
            **{name: os.environ[name] for name in _SHARED},
        }

    def add(self, *, pinned: bool = False) -> None:
        """Start one more node of one core; pinned: nothing on it runs anywhere else."""
        node = self._cluster.add_node(num_cpus=1, **_PLACE)
        if pinned:
            core = sorted(os.sched_getaffinity(0))[
                len(self._workers) % len(os.sched_getaffinity(0))
            ]
            for processes in node.all_processes.values():
                for process in processes:
                    _pin(process.process.pid, core)
        self._workers.append(node)

    def kill(self) -> None:
        """Kill all processes of the last node, as a machine does that loses its power."""
        self._cluster.remove_node(self._workers.pop(), allow_graceful=False)


TOKEN = secrets.token_hex(32)
"""One a process: Ray reads it once."""
_SHARED = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER")
_PLACE = {"node_ip_address": LOOPBACK, "include_dashboard": False, "object_store_memory": 100 << 20}


def _pin(number: int, core: int) -> None:
    """Keep a process, what it has started and what it will start on one core."""
    process = psutil.Process(number)
    for one in (process, *process.children(recursive=True)):
        one.cpu_affinity([core])


@contextmanager
def nodes(count: int, *, pinned: bool = False) -> Iterator[Nodes]:
    """Yield a cluster with so many nodes of one core; only who has its token may use it."""
    before = dict(os.environ)
    os.environ |= {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": TOKEN,
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # Ray's word for: loopback alone
        "PATH": os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]]),  # noqa: PTH120
    }
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **_PLACE})
    found = Nodes(cluster)
    try:
        for _ in range(count):
            found.add(pinned=pinned)
        yield found
    finally:
        cluster.shutdown()
        os.environ.clear()
        os.environ.update(before)
