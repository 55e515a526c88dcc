"""What the stacks of a round may use of this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from pipeline.compute.local import stacks_at_once
from pipeline.training.planner import Limits

if TYPE_CHECKING:
    from pipeline.config.schema import ComputeConfig, TrainingConfig

_CGROUP = Path("/sys/fs/cgroup")


def limits(training: TrainingConfig, compute: ComputeConfig) -> Limits:
    """Return memory and number of stacks at once.

    Free memory wavers; rounded down to a power of two it seldom changes a plan, and the plan is
    recorded with its round.

    Args:
        training: `memory_share`, `engine`.
        compute: `workers`.
    """
    room = int(training.memory_share * free_memory())
    return Limits(
        1 << max(0, room.bit_length() - 1), stacks_at_once(training.engine.value, compute)
    )


def free_memory() -> int:
    """Return the bytes that this process may still take, a container's limit included."""
    free = int(psutil.virtual_memory().available)
    try:
        limit = (_CGROUP / "memory.max").read_text(encoding="ascii").strip()
        used = int((_CGROUP / "memory.current").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return free
    return free if limit == "max" else max(0, min(free, int(limit) - used))
