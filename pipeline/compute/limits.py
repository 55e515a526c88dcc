"""What the stacks of a round may use of this machine."""

from __future__ import annotations

from pipeline.compute.local import stacks_at_once
from pipeline.config.schema import ComputeConfig, TrainingConfig
from pipeline.runtime import memory
from pipeline.training.planner import Limits


def limits(training: TrainingConfig, compute: ComputeConfig) -> Limits:
    """Return memory and number of stacks at once.

    Free memory wavers; rounded down to a power of two it seldom changes a plan, and the plan is
    recorded with its round.

    Args:
        training: `memory_share`, `engine`.
        compute: `workers`.
    """
    room = int(training.memory_share * memory.free())
    return Limits(
        1 << max(0, room.bit_length() - 1), stacks_at_once(training.engine.value, compute)
    )
