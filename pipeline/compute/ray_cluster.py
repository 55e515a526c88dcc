"""The connection to a Ray cluster: joining it, its resources, and the objects its workers share."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from pipeline.compute.pieces import Slots
from pipeline.compute.ray_task import ProgressBoard, train_piece
from pipeline.config.schema import ComputeConfig
from pipeline.core.errors import ConfigError
from pipeline.core.family import Family
from pipeline.core.records import Arrays, Stack
from pipeline.training.cost import Cost, Workload
from pipeline.training.settings import Settings

RETRIES = 5
"""Restarts of a piece when the node or process that trains it dies."""
WORKER_BYTES = 800 << 20
"""A worker with TensorFlow before it trains."""
PROBE_SECONDS = 5.0
"""Timeout of the first connection to a cluster."""

_SETTINGS = {
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # Ray's coming default; without it, a warning
    "RAY_USAGE_STATS_ENABLED": "0",  # a sweep reports to no server
}
_OWN = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # listen on loopback alone
    "RAY_AUTH_MODE": "token",
}
"""Settings of a cluster on this machine: it runs no other user's code."""
_INIT: dict[str, Any] = {
    "configure_logging": False,  # the sweep's own log stays as it is
    "log_to_driver": False,
}
_CLUSTERS: dict[str | None, Cluster] = {}


class Cluster:
    """One connection; the sweeps of a multirun share it."""

    def __init__(self, ray: Any) -> None:
        """Bind the module `ray`, which is connected."""
        self.ray = ray
        self._sent: dict[int, Any] = {}
        self._rounds = count()
        here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            ray.get_runtime_context().get_node_id(), soft=True
        )
        actor = ray.remote(ProgressBoard).options(num_cpus=0, scheduling_strategy=here)
        self.board = actor.remote()
        """Beside the sweep, where it lives as long as the sweep does."""
        self._train = ray.remote(train_piece)
        self._train_and_exit = ray.remote(max_calls=1)(train_piece)

    def put(self, value: Any) -> Any:
        """Return the reference of a value in the object store; it is sent once in its lifetime."""
        key = id(value)
        if key not in self._sent:
            self._sent[key] = self.ray.put(value)
            weakref.finalize(value, self._sent.pop, key, None)
        return self._sent[key]

    def slots(self) -> Slots:
        """Return the number of pieces that the living nodes train at once."""
        resources = self.ray.cluster_resources()
        gpus = int(resources.get("GPU", 0))
        return Slots(gpus, gpu=True) if gpus else Slots(int(resources.get("CPU", 0)))

    def open_round(self) -> int:
        """Clear the board; return a number that no other round of this process has."""
        number = next(self._rounds)
        self.board.open.remote(number)
        return number

    def train(self, slots: Slots, memory: int, arguments: tuple[Any, ...]) -> Any:
        """Send a piece and return the reference of its result.

        Args:
            slots: The slots of the cluster; a piece takes one.
            memory: Bytes that its node must have free, at most those of the largest node.
            arguments: Of ray_task.train_piece.
        """
        # TensorFlow keeps the GPU that it started on: where a node has several, a worker that is
        # reused may be assigned another one. A fresh process then, as Ray itself does.
        renews = slots.gpu and max(self._of_nodes("GPU"), default=0) > 1
        task = self._train_and_exit if renews else self._train
        return task.options(
            num_cpus=1,
            num_gpus=1 if slots.gpu else 0,
            memory=int(min(memory, max(self._of_nodes("memory"), default=memory))),
            max_retries=RETRIES,
            scheduling_strategy="SPREAD",
        ).remote(*arguments)

    def nodes(self) -> int:
        """Return the number of living nodes."""
        return len(self._living())

    def _living(self) -> list[dict[str, float]]:
        """Return the resources of every living node."""
        return [node["Resources"] for node in self.ray.nodes() if node["Alive"]]

    def _of_nodes(self, resource: str) -> list[float]:
        """Return the amounts of a resource on the living nodes that have it, and a CPU."""
        nodes = [node for node in self._living() if node.get("CPU", 0) >= 1]
        return [node[resource] for node in nodes if resource in node]


def memory_of(stack: Stack, arrays: Arrays, family: Family, settings: Settings) -> int:
    """Return the bytes that training a piece takes of its node."""
    table = sum(array.nbytes for array in vars(arrays).values() if hasattr(array, "nbytes"))
    if not stack.padded_units:
        return WORKER_BYTES + 2 * table
    cost = Cost(Workload(family, settings, len(arrays.x_train), len(arrays.x_val)))
    members = cost.bytes(stack.fits[0].trial, stack.padded_units, len(stack.fits))
    return WORKER_BYTES + 2 * table + members


def _reach(address: str) -> None:
    """Connect to the address once: Ray itself would try for minutes.

    Raises:
        OSError: There is no answer.
    """
    place = os.environ.get("RAY_ADDRESS", "") if address == "auto" else address
    host, _, port = place.removeprefix("ray://").rpartition(":")
    if port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), timeout=PROBE_SECONDS).close()


@contextmanager
def _own_handlers() -> Iterator[None]:
    """Restore the sweep's signal handlers: Ray's would end the process without recording the sweep."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            for number, handler in before.items():
                signal.signal(number, handler)


def join(config: ComputeConfig) -> Cluster:
    """Return the cluster that the configuration names, joined or started, once a process.

    Raises:
        ConfigError: Ray is not installed, or there is no cluster at the address.
    """
    known = _CLUSTERS.get(config.address)
    if known is not None and known.ray.is_initialized():
        return known
    settings = _SETTINGS | (_OWN if config.address is None else {})
    for name, value in settings.items():
        os.environ.setdefault(name, value)
    try:
        import ray
        import ray.util.scheduling_strategies
    except ImportError:
        raise ConfigError(
            "compute=ray: Ray is not installed; pip install 'capacity-sweep[ray]', or use "
            "compute=local."
        ) from None
    logging.getLogger("ray").setLevel(logging.WARNING)
    try:
        with _own_handlers():
            if config.address is None:
                ray.init("local", include_dashboard=False, **_INIT)
            else:
                _reach(config.address)
                ray.init(config.address, **_INIT)
    except (OSError, ValueError, RuntimeError) as error:
        raise ConfigError(
            f"compute.address={config.address}: no Ray cluster answers there ({error}); null starts "
            "one on this machine (conf/compute/ray.yaml)."
        ) from None
    _CLUSTERS[config.address] = joined = Cluster(ray)
    return joined
