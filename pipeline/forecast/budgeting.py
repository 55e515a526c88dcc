"""Which fits of a round a budget of seconds still has room for, and what it keeps for the end.

A prediction that is wrong costs little: what is not finished in time is cut, and counts as far as it
came. The reserve follows from what this sweep has measured of itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace

from pipeline.core.records import Fit, Round, Stack, StackPlan
from pipeline.forecast.stacktime import Path, RoundTime, WallTime
from pipeline.forecast.timemodel import MEASURED, Forecast, TableSizes

TRUST = 5.0
"""Predicted seconds that weigh as much as measured ones, in saying how fast it goes today."""


class TimeLeft:
    """What is known of the way to the end."""

    def __init__(self, forecast: Forecast) -> None:
        """Start before the first round."""
        self.slow = 1.0
        """Seconds for each that is predicted, until rounds tell."""
        self._forecast = forecast
        self.taken = self.predicted = 0.0
        """Seconds of the rounds that were trained to their end."""
        self._here, self._begun, self._widest = WallTime(), 0.0, math.inf
        self._behind = [_sum(way.rounds, None) for way in forecast.ways]

    @property
    def pace(self) -> float:
        """Seconds for each that is predicted."""
        return (self.taken + TRUST * self.slow) / (self.predicted + TRUST)

    def begin_round(
        self, asked: Round, work: WallTime, fits: int, now: float, behind: int | None
    ) -> None:
        """Take note of a round that begins.

        Args:
            work: What of it is to be trained, as predicted.
            fits: As many: the others are done.
            now: Seconds of the sweep.
            behind: How many fits may be trained after it; None: as many as it takes.
        """
        ways = [(way, _place(way, asked)) for way in self._forecast.ways]
        self._behind = [_sum(way.rounds[place + 1 :], behind) for way, place in ways]
        self._here, self._begun = work, now
        if len(ways) == 1:  # known rounds: what is behind it is told by the same ones
            ((way, place),) = ways
            share = fits / way.rounds[place].fits
            self._here = WallTime(
                share * way.rounds[place].again, share * way.rounds[place].compiling
            )

    def end_round(self, seconds: float) -> None:
        """Learn from a round that was trained to its end in so many seconds, those of compiling left out."""
        self.taken += seconds
        self.predicted += self._here.again

    def seconds(self, now: float, ending: float) -> tuple[float, float]:
        """Return the fewest and the most seconds likely left, never further apart than before.

        `now` counts from the sweep's start, `ending` from the last round to the end of the process.
        """
        spread = MEASURED if self.taken > TRUST else self._forecast.spread
        elapsed, after = now - self._begun, self.slow * ending
        least = max(0.0, self.pace * self._here.again - elapsed) + after
        most = max(0.0, self.pace * self._here.seconds - elapsed) + after
        least += self.pace * min(wall.again for wall in self._behind)
        most += self.pace * max(wall.seconds for wall in self._behind)
        # How far growing pays and how fast this machine is are two doubts that have nothing in common.
        middle = math.sqrt(least * most)
        apart = math.exp(math.hypot(math.log(most / least) / 2, math.log(spread)))
        low, high = middle / apart, middle * apart
        self._widest = min(self._widest, high - low)
        return low, low + self._widest


def _place(way: Path, asked: Round) -> int:
    """Return the round of a way that is like a round: of its phase, else any, the nearest by number."""
    numbers = range(len(way.rounds))
    like = [number for number in numbers if way.rounds[number].phase == asked.phase]
    return min(like or numbers, key=lambda number: abs(number - asked.number))


def _sum(rounds: Sequence[RoundTime], fits: int | None) -> WallTime:
    """Return the work of rounds until so many fits are trained; None: of all."""
    again = compiling = 0.0
    left = math.inf if fits is None else fits
    for round_ in rounds:
        share = min(1.0, max(0.0, left / round_.fits))
        again, compiling = again + share * round_.again, compiling + share * round_.compiling
        left -= round_.fits
    return WallTime(again, compiling)


PLENTY = 2.0
"""With this many times the predicted seconds left, a round is trained as it is planned."""
RANKED = 0.5
"""Share of a fit's recording that its rank and its part of its trial's row cost at the end."""
MOST_SHARE = 0.15
"""The reserve is at most this share of a budget."""
STOPPING_SECONDS = 1.0
"""A call of a program runs to its end; then the stacks are read back."""
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


def reserve(table: TableSizes, limit: float, ending: float, writing: float) -> float:
    """Return the seconds to keep back of a budget as soon as there is anything to save.

    Args:
        limit: The budget in seconds.
        ending: From the last round to the end of the process, baselines included, at today's pace.
        writing: Seconds of recording that are to come, ranks included.
    """
    predicting = ROW_SECONDS * (table.rows - table.train)
    return min(STOPPING_SECONDS + ending + predicting + writing, MOST_SHARE * limit)
