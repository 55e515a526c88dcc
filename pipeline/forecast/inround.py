"""What is left of the round that is training, told by the engines' own progress."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.forecast.stacktime import Work

if TYPE_CHECKING:
    from collections.abc import Hashable

    from pipeline.core.control import Progress
    from pipeline.core.records import Stack, StackPlan
    from pipeline.forecast.stacktime import StackTime

SURVIVES = 0.3
"""A fit that has outlived the usual number of epochs goes on for this share of them."""


@dataclass
class _Open:
    """A stack that is not done yet."""

    fixed: float
    """Seconds beside training."""
    epoch_seconds: float
    """Core seconds of one member and epoch."""
    usual: float
    """Epochs that a member trains, on average."""
    most: int
    """Epochs that it may train."""
    parallel: int
    """Cores that it can keep busy."""
    live: int
    """Members still training."""
    members: int
    """Members whose results have not come back."""
    epoch: int = 0
    begun: bool = False

    def core_seconds(self) -> float:
        """Return the core seconds that training it will still take."""
        further = max(self.usual - self.epoch, SURVIVES * self.usual if self.epoch else 0.0)
        return self.live * min(further, self.most - self.epoch) * self.epoch_seconds


class InRound:
    """Progress of one round; safe to be asked from any thread, as it only replaces numbers."""

    def __init__(self, plan: StackPlan, time: StackTime, compiled: set[Hashable]) -> None:
        """Expect what the model says; programs of the round are added to `compiled`."""
        self._time, self._engine = time, plan.engine
        self.fits = sum(len(stack.fits) for stack in plan.stacks)
        """Fits that it trains: of a round that is resumed, those that were not done."""
        self._open = {stack.number: self._stack(stack, compiled) for stack in plan.stacks}

    def progress(self, progress: Progress) -> None:
        """Take note of a stack's progress."""
        stack = self._open.get(progress.stack)
        if stack is not None:
            stack.begun, stack.epoch, stack.live = True, progress.epoch, progress.live

    def done(self, stack: Stack) -> None:
        """Take note that a stack, or a part of it, has ended."""
        known = self._open.get(stack.number)
        if known is None:
            return
        known.members -= len(stack.fits)
        known.live = min(known.live, known.members)
        if known.members <= 0:
            del self._open[stack.number]

    def left(self, elapsed: float = 0.0) -> Work:
        """Return what is left, as predicted without correction.

        Args:
            elapsed: Seconds since the round began, at the predicted speed: what compiles reports no
                progress.
        """
        fixed = 0.0
        total = longest = 0.0
        for stack in list(self._open.values()):
            fixed += 0.0 if stack.begun else stack.fixed
            seconds = stack.core_seconds()
            total += seconds
            longest = max(longest, seconds / stack.parallel)
        spread = 1 if self._engine == "fit" else self._time.cores
        last, overlap = self._time.calibration.round_seconds, self._time.calibration.overlap
        return Work(last + max(0.0, fixed - elapsed), overlap * max(total / spread, longest))

    def _stack(self, stack: Stack, compiled: set[Hashable]) -> _Open:
        time, members = self._time, len(stack.fits)
        usual = sum(time.epochs(fit) for fit in stack.fits) / members
        seconds = time.core_seconds(self._engine, stack)
        return _Open(
            fixed=time.fixed_seconds(self._engine, stack, compiled),
            epoch_seconds=seconds / (members * usual) if usual else 0.0,
            usual=usual,
            most=max(fit.epochs for fit in stack.fits),
            parallel=time.parallel(self._engine, stack),
            live=members,
            members=members,
        )
