"""The part of a round's plan that is still to be trained, within the budget of fits."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.core.records import Fit, Stack, StackPlan


def within_fits(plan: StackPlan, pending: Sequence[Fit], left: int | None) -> tuple[StackPlan, str]:
    """Return the stacks with anything to do, as many fits of them as the budget allows.

    A stack with one fit missing is trained whole, so that its numbers are those of an uninterrupted
    sweep; only the budget of fits may shorten the last one.

    Args:
        plan: Of the whole round.
        pending: The fits that are not done.
        left: How many more fits may be trained; None without a limit.

    Returns:
        The plan, and one clause when the budget ends with it.
    """
    wanted = set(pending)
    stacks = [stack for stack in plan.stacks if wanted.intersection(stack.fits)]
    if left is None or left >= len(pending):
        return replace(plan, stacks=tuple(stacks)), ""
    kept: list[Stack] = []
    for stack in stacks:
        new = [fit for fit in stack.fits if fit in wanted][:left]
        left -= len(new)
        if new:
            whole = len(new) == len(wanted.intersection(stack.fits))
            kept.append(stack if whole else replace(stack, fits=tuple(new)))
    return replace(plan, stacks=tuple(kept)), "budget.fits ended"
