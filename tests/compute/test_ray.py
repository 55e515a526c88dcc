"""The cluster: the same champion though a node dies, and clear words where there is none."""

from __future__ import annotations

import importlib.util
import signal
import sys
import time
from typing import Any
from unittest.mock import MagicMock

import pytest

from pipeline.compute import ray_cluster, ray_task
from pipeline.config.choices import ComputeKind
from pipeline.config.schema import ComputeConfig
from pipeline.core.errors import ConfigError

with_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="Ray is not installed: the extra `ray`"
)


@pytest.mark.rare
@with_ray
def test_a_cluster_that_loses_a_node_finds_the_same_champion(benchmark: Any) -> None:
    """Two nodes, one killed in the middle: every fit recorded once, every score that of one machine."""
    found = benchmark("cluster", "--short")["equality"]
    assert found["fits"] == 24
    assert 0 < found["recorded_when_a_node_was_killed"] < 24
    assert (found["lost"], found["different"]) == (0, 0)
    assert len(set(found["champions"])) == 1


@with_ray
def test_an_address_without_a_cluster_is_refused_at_once() -> None:
    """Ray itself would try for minutes, and then end the process."""
    importlib.import_module("ray.util.scheduling_strategies")  # seconds, on a busy machine
    begun = time.monotonic()
    with pytest.raises(
        ConfigError, match=r"compute\.address=127\.0\.0\.1:9: no Ray cluster answers"
    ):
        ray_cluster.join(ComputeConfig(kind=ComputeKind.ray, address="127.0.0.1:9"))
    assert time.monotonic() - begun < 5 * ray_cluster.PROBE_SECONDS


def test_without_ray_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray is an extra."""
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match=r"capacity-sweep\[ray\]"):
        ray_cluster.join(ComputeConfig(kind=ComputeKind.ray))


def test_joining_a_cluster_leaves_the_answer_to_signals_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ray's own handler would end the process at once: nothing recorded, no exit code 143."""
    ray = MagicMock()
    ray.init.side_effect = lambda *_, **__: signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for name in ("ray", "ray.util", "ray.util.scheduling_strategies"):
        monkeypatch.setitem(sys.modules, name, ray)
    monkeypatch.setattr(ray_cluster, "_CLUSTERS", {})
    for name in ray_cluster._SETTINGS | ray_cluster._OWN:
        monkeypatch.setenv(name, "")
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        ray_cluster.join(ComputeConfig(kind=ComputeKind.ray))
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)
    ray.init.assert_called_once()


def test_a_piece_whose_worker_died_waits_and_does_not_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray starts it again when there is room: its time counts from then, or it were given up."""
    clock = [0.0]
    monkeypatch.setattr(ray_task.time, "monotonic", lambda: clock[0])
    board = ray_task.ProgressBoard()
    board.open(7)
    board.begin(7, 0)
    board.begin(7, 1)
    for clock[0] in (20.0, 40.0):
        board.note(7, 1, None)
    assert board.read().begun == {1: 40.0}
    clock[0] = 60.0
    board.begin(7, 0)
    assert board.read().begun == {0: 0.0, 1: 60.0}
