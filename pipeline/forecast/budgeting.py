"""Which fits of a round a budget of seconds still has room for, and what it keeps for the end.

A wrong prediction costs little: a fit that is not finished in time is cut, and its epochs count. The
reserve follows from what this sweep has measured.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace

from pipeline.core.records import Fit, Round, Stack, StackPlan
from pipeline.forecast.stacktime import Path, RoundTime, WallTime
from pipeline.forecast.timemodel import MEASURED, Forecast, TableSizes

TRUST = 5.0
"""Weight of the first guess of the pace, in predicted seconds: it counts as if so many had been measured."""


class TimeLeft:
    """Predicts the seconds that are left of a sweep, and learns from its finished rounds."""

    def __init__(self, forecast: Forecast) -> None:
        """Start before the first round."""
        self.slow = 1.0
        """Seconds for each predicted second, as guessed before a round has ended."""
        self._forecast = forecast
        self.taken = self.predicted = 0.0
        """Seconds of the rounds that were trained to their end, measured and predicted."""
        self._work, self._began, self._widest = WallTime(), 0.0, math.inf
        self._later = [_sum(way.rounds, None) for way in forecast.ways]

    @property
    def pace(self) -> float:
        """Seconds for each predicted second."""
        return (self.taken + TRUST * self.slow) / (self.predicted + TRUST)

    def begin_round(
        self, round_: Round, work: WallTime, fits: int, now: float, behind: int | None
    ) -> None:
        """Start the clock of a round.

        Args:
            work: Predicted seconds of the fits to train.
            fits: Number of these; the others of the round are done.
            now: Seconds of the sweep.
            behind: Most fits that may be trained after the round; None: no limit.
        """
        ways = [(way, _place(way, round_)) for way in self._forecast.ways]
        self._later = [_sum(way.rounds[place + 1 :], behind) for way, place in ways]
        self._work, self._began = work, now
        if len(ways) == 1:  # the rounds are known, with the seconds that they took
            ((way, place),) = ways
            like = way.rounds[place]
            share = fits / like.fits
            self._work = WallTime(share * like.again, share * like.compiling)

    def end_round(self, seconds: float) -> None:
        """Learn from a round that was trained to its end; `seconds` are measured, without compiling."""
        self.taken += seconds
        self.predicted += self._work.again

    def seconds(self, now: float, ending: float) -> tuple[float, float]:
        """Return the fewest and the most seconds likely left, never further apart than before.

        `now` counts from the sweep's start, `ending` from the last round to the end of the process.
        """
        spread = MEASURED if self.taken > TRUST else self._forecast.spread
        elapsed, after = now - self._began, self.slow * ending
        least = max(0.0, self.pace * self._work.again - elapsed) + after
        most = max(0.0, self.pace * self._work.seconds - elapsed) + after
        least += self.pace * min(wall.again for wall in self._later)
        most += self.pace * max(wall.seconds for wall in self._later)
        # How far growing pays and how fast this machine is are independent doubts.
        middle = math.sqrt(least * most)
        apart = math.exp(math.hypot(math.log(most / least) / 2, math.log(spread)))
        low, high = middle / apart, middle * apart
        self._widest = min(self._widest, high - low)
        return low, low + self._widest


def _place(way: Path, round_: Round) -> int:
    """Return the index of the nearest round of a way by number, of the same phase where there is one."""
    numbers = range(len(way.rounds))
    like = [number for number in numbers if way.rounds[number].phase == round_.phase]
    return min(like or numbers, key=lambda number: abs(number - round_.number))


def _sum(rounds: Sequence[RoundTime], fits: int | None) -> WallTime:
    """Return the seconds of the first `fits` fits of some rounds; None: of all."""
    again = compiling = 0.0
    left = math.inf if fits is None else fits
    for round_ in rounds:
        share = min(1.0, max(0.0, left / round_.fits))
        again, compiling = again + share * round_.again, compiling + share * round_.compiling
        left -= round_.fits
    return WallTime(again, compiling)


PLENTY = 2.0
"""A round is trained as planned where this many times its predicted seconds are left."""
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
    """Return the part of a plan to train now: some of its fits in some order, each unchanged.

    Stacks go to the worker that is free first, the cheapest stack first. A stack that would not finish is
    narrowed to those of its fits that would, the most important first (`by_importance`); where stacks wait
    for workers and not all would finish, each has its share of the time.

    Args:
        left: Seconds left; None without a limit.
        workers: Stacks that run at once.
        must: Whether to begin the most important trial whatever its predicted cost.
    """
    if left is None or not plan.stacks:
        return plan
    cost = {stack.number: seconds(stack, None) for stack in plan.stacks}
    if sum(cost.values()) * PLENTY <= left:
        return plan
    free = [0.0] * max(1, workers)
    kept: list[Stack] = []
    ordered = sorted(plan.stacks, key=lambda stack: (cost[stack.number], stack.number))
    # More stacks than workers, and not time for all: without shares the last would have none.
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
    """Return a stack with those of its fits that finish in time, at least one trial, in their order."""
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
    """Return fits ordered by importance: the middle learning rates first, then their neighbours.

    The middle of a bracket is the best rate of the network that it grew from. Otherwise they stay in the
    order of the stack, where the executions of a trial are adjacent: with some of them it counts for less.
    """
    rates: dict[Hashable, set[float]] = {}
    for fit in fits:
        rates.setdefault((fit.trial.with_rate(1.0), fit.fold), set()).add(fit.trial.learning_rate)

    def off_centre(fit: Fit) -> int:
        own = sorted(rates[fit.trial.with_rate(1.0), fit.fold])
        return abs(own.index(fit.trial.learning_rate) - len(own) // 2)

    return sorted(fits, key=off_centre)


def without(plan: StackPlan, begun: StackPlan) -> StackPlan:
    """Return a plan without the fits that were begun."""
    taken = {fit for stack in begun.stacks for fit in stack.fits}
    rest = (
        replace(stack, fits=tuple(fit for fit in stack.fits if fit not in taken))
        for stack in plan.stacks
    )
    return replace(plan, stacks=tuple(stack for stack in rest if stack.fits))


def reserve(table: TableSizes, limit: float, ending: float, writing: float) -> float:
    """Return the seconds of a budget to keep for saving, as soon as there is a network to save.

    Args:
        limit: The budget in seconds.
        ending: Seconds from the last round to the end of the process, baselines included, at today's pace.
        writing: Seconds of recording to come, ranks included.
    """
    predicting = ROW_SECONDS * (table.rows - table.train)
    return min(STOPPING_SECONDS + ending + predicting + writing, MOST_SHARE * limit)
