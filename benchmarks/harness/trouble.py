"""Faults that can only be made from inside a sweep's process; `Task.trouble` names one of them."""

from __future__ import annotations

import resource
import time
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from benchmarks.harness.child import Task

ROOM = "TROUBLE_ROOM"
"""Environment variable: bytes of address space that a sweep may still take."""
DAY = 86_400.0


def little_memory(task: Task) -> None:
    """Let the system refuse memory beyond a little more than the process has.

    XLA has its threads before: without memory for those, TensorFlow aborts the process.
    """
    import tensorflow as tf

    tf.function(lambda x: x + 1, jit_compile=True)(tf.ones(3))
    room = int(task.environment[ROOM])
    limit = psutil.Process().memory_info().vms + room
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def clock_set_back(task: Task) -> None:
    """Set the wall clock of this process back by a day after some seconds."""
    del task
    real, real_ns, since = time.time, time.time_ns, time.monotonic() + 3.0

    def back() -> float:
        return DAY if time.monotonic() > since else 0.0

    time.time = lambda: real() - back()
    time.time_ns = lambda: real_ns() - int(back() * 1e9)


def impatient_verifier(task: Task) -> None:
    """Give up on a hanging verifier after some seconds instead of minutes."""
    del task
    from pipeline.models import verify

    verify.SECONDS = 20.0
