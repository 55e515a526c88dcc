"""Which fits of a round a budget of seconds still has room for, and what it keeps for the end.

A prediction that is wrong costs little: what is not finished in time is cut, and counts as far as it
came. The reserve follows from what this sweep has measured of itself.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace

from pipeline.core.records import Fit, Stack, StackPlan
from pipeline.forecast.timemodel import TableSizes

PLENTY = 2.0
"""With this many times the predicted seconds left, a round is trained as it is planned."""
RANKED = 0.5
"""Share of a fit's recording that its rank and its part of its trial's row cost at the end."""
MOST_SHARE = 0.15
"""The reserve is at most this share of a budget."""
STOPPING_SECONDS = 1.0
"""A call of a program runs to its end; then the stacks are read back."""
SAVING_SECONDS = 6.0
"""Artefact, its proof, summary, report and exit, on two idle cores (docs/experiments.md)."""
ROW_SECONDS = 1e-5
"""Predicting a validation or test row with all that is compared."""

Seconds = Callable[[Stack, float | None], float]
"""Predicts a stack beside others, of so many epochs of each fit; None: of as many as usual."""


def fitting(
    plan: StackPlan, seconds: Seconds, left: float | None, workers: int, *, must: bool
) -> StackPlan:
    """Return what of a plan to train now: an order or a choice of its fits, never a change of one.

    Stacks go to whichever worker is free first, the cheapest first. One that would not finish gives way
    to as many of its fits as would, the most telling first (`by_importance`); where stacks wait for
    workers and not all would finish, each has its share of the time.

    Args:
        left: Seconds left; None without a limit.
        workers: Stacks that run at once.
        must: Whether to begin the most telling trial whatever it is predicted to cost.
    """
    if left is None or not plan.stacks:
        return plan
    cost = {stack.number: seconds(stack, None) for stack in plan.stacks}
    if sum(cost.values()) * PLENTY <= left:
        return plan
    free = [0.0] * max(1, workers)
    kept: list[Stack] = []
    ordered = sorted(plan.stacks, key=lambda one: (cost[one.number], one.number))
    # More stacks than workers, and not time for all: each has its share, or the last would have none.
    several = len(ordered) > len(free) and sum(cost.values()) > left * len(free)
    share = left * len(free) / len(ordered) if several else left
    for stack in ordered:
        at = free.index(min(free))
        part = stack
        if cost[stack.number] > min(share, left - free[at]):
            part = narrowed(stack, seconds, min(share, left - free[at]))
            if free[at] + seconds(part, 1.0) > left:
                continue  # not even an epoch
        free[at] += seconds(part, None)
        kept.append(part)
    if not kept and must:
        kept = [narrowed(ordered[0], seconds, 0.0)]
    return replace(plan, stacks=tuple(kept))


def narrowed(stack: Stack, seconds: Seconds, left: float) -> Stack:
    """Return a stack with as many of its fits as finish in time, at least one trial, in their order."""
    ranked = by_importance(stack.fits)
    least, most = sum(fit.trial == ranked[0].trial for fit in ranked), len(ranked)
    while least < most:  # the largest number that fits: more fits never take less time
        middle = (least + most + 1) // 2
        if seconds(replace(stack, fits=tuple(ranked[:middle])), None) <= left:
            least = middle
        else:
            most = middle - 1
    chosen = set(ranked[:least])
    return replace(stack, fits=tuple(fit for fit in stack.fits if fit in chosen))


def by_importance(fits: Sequence[Fit]) -> list[Fit]:
    """Return fits, those first that tell most: the middle learning rates, then their neighbours.

    The middle of a bracket is the best rate of the network that it grew from. Otherwise they stay in the
    order of the stack, which has the repeats of a trial together: with some of them it counts for less.
    """
    rates: dict[Hashable, set[float]] = {}
    for fit in fits:
        rates.setdefault((fit.trial.with_rate(1.0), fit.fold), set()).add(fit.trial.learning_rate)

    def off_centre(fit: Fit) -> int:
        own = sorted(rates[fit.trial.with_rate(1.0), fit.fold])
        return abs(own.index(fit.trial.learning_rate) - len(own) // 2)

    return sorted(fits, key=off_centre)


def without(plan: StackPlan, begun: StackPlan) -> StackPlan:
    """Return what is left of a plan beside the fits that were begun."""
    taken = {fit for stack in begun.stacks for fit in stack.fits}
    rest = (
        replace(stack, fits=tuple(fit for fit in stack.fits if fit not in taken))
        for stack in plan.stacks
    )
    return replace(plan, stacks=tuple(stack for stack in rest if stack.fits))


def reserve(table: TableSizes, limit: float, load: float, writing: float) -> float:
    """Return the seconds to keep back of a budget as soon as there is anything to save.

    Args:
        limit: The budget in seconds.
        load: Wall time for a second of work: 1 on an idle machine.
        writing: Seconds of recording that are to come, ranks included.
    """
    predicting = ROW_SECONDS * (table.rows - table.train)
    work = STOPPING_SECONDS + SAVING_SECONDS + predicting + table.baseline_seconds
    return min(load * work + writing, MOST_SHARE * limit)
