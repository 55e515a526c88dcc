"""The range of seconds that a sweep still takes. Pure: it knows no clock."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pipeline.core.records import Round
from pipeline.forecast.stacktime import Path, RoundTime, WallTime
from pipeline.forecast.timemodel import MEASURED, Forecast

TRUST = 5.0
"""Predicted seconds that weigh as much as measured ones, in saying how fast it goes today."""


class TimeLeft:
    """What is known of the way to the end."""

    def __init__(self, forecast: Forecast) -> None:
        """Start before the first round."""
        self.slow = 1.0
        """Seconds for each that is predicted, until rounds tell."""
        self._forecast = forecast
        self._taken = self._predicted = 0.0
        self._here, self._begun, self._widest = WallTime(), 0.0, math.inf
        self._behind = [_sum(way.rounds, None) for way in forecast.ways]

    @property
    def pace(self) -> float:
        """Seconds for each that is predicted."""
        return (self._taken + TRUST * self.slow) / (self._predicted + TRUST)

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
        """Learn from a round that was trained to its end.

        Args:
            seconds: Wall time, what it waited for compilers left out.
        """
        self._taken += seconds
        self._predicted += self._here.again

    def seconds(self, now: float, ending: float) -> tuple[float, float]:
        """Return the fewest and the most seconds that are likely left; they never get further apart.

        Args:
            now: Seconds of the sweep.
            ending: Seconds from the last round to the end of the process, as predicted.
        """
        spread = MEASURED if self._taken > TRUST else self._forecast.spread
        elapsed, after = now - self._begun, self.slow * ending
        low = max(0.0, self.pace * self._here.again / spread - elapsed)
        high = max(0.0, self.pace * self._here.seconds * spread - elapsed)
        low += (self.pace * min(one.again for one in self._behind) + after) / spread
        high += (self.pace * max(one.seconds for one in self._behind) + after) * spread
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
    for one in rounds:
        share = min(1.0, max(0.0, left / one.fits))
        again, compiling = again + share * one.again, compiling + share * one.compiling
        left -= one.fits
    return WallTime(again, compiling)
