"""Which stacks of a round fit into the time that is left, the cheapest first."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.records import Stack, StackPlan

PLENTY = 2.0
"""With this many times the predicted seconds left, a round is trained as it is planned."""


def affordable(
    plan: StackPlan,
    seconds: Callable[[Stack], float],
    left: float | None,
    workers: int,
    *,
    usable: bool,
) -> StackPlan:
    """Return the stacks that are predicted to finish in time; an order or a choice, never a change.

    Stacks go to whichever worker is free first, in the order of the plan.

    Args:
        plan: What is to be trained.
        seconds: Predicts a stack's seconds while all workers are busy.
        left: Seconds left; None without a limit.
        workers: Stacks that run at once.
        usable: Whether some trial is finished already. If none is, the cheapest stack is begun
            whatever it costs: the end may come before it is done, but without it there is nothing.
    """
    if left is None or not plan.stacks:
        return plan
    cost = {stack.number: seconds(stack) for stack in plan.stacks}
    if sum(cost.values()) * PLENTY <= left:
        return plan
    free = [0.0] * max(1, workers)
    kept = []
    for stack in sorted(plan.stacks, key=lambda one: (cost[one.number], one.number)):
        at = free.index(min(free))
        end = free[at] + cost[stack.number]
        if end <= left:
            free[at] = end
            kept.append(stack)
    if not kept and not usable:
        kept = [min(plan.stacks, key=lambda one: (cost[one.number], one.number))]
    return replace(plan, stacks=tuple(kept))
