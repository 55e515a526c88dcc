"""The time that a sweep still needs: predicted first, corrected by every round that ends."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.estimate.correction import Correction, corrected

if TYPE_CHECKING:
    from pipeline.estimate.ahead import Outlook
    from pipeline.estimate.inround import InRound
    from pipeline.estimate.path import Path
    from pipeline.estimate.stacktime import Work

TRUST = 10.0
"""Seconds of remembered rounds that weigh as much as the measured ones, in saying how fast it goes."""


@dataclass
class TimeLeft:
    """What is known of the way to the end. Pure: it knows no clock."""

    expected: Correction = field(default_factory=Correction)
    """How far off the predictions were held to be before the first round."""
    remembered: Path | None = None
    """The same sweep when it last ran, on these rows or about as many."""
    past: list[tuple[Work, float]] = field(default_factory=list)
    """Predicted work and measured wall time of every round that has ended."""
    round: InRound | None = None
    ahead: list[Outlook] | None = None
    """Ways to go on behind the present round; None while nobody has looked."""

    @property
    def correction(self) -> Correction:
        """How far off the predictions have turned out to be."""
        return corrected(self.past, self.expected)

    def end_round(self, work: Work, fits: int, seconds: float) -> None:
        """Learn from a round that has ended.

        Args:
            work: As predicted.
            fits: That it asked for.
            seconds: Wall time.
        """
        legs = self.remembered.legs if self.remembered is not None else ()
        number = len(self.past)
        if number >= len(legs) or legs[number].fits != fits:
            self.remembered = None  # the search goes another way this time
        self.past.append((work, seconds))
        self.round = self.ahead = None

    def training(self, fits: int | None = None) -> float | None:
        """Return the seconds of training left; None while nobody can know.

        Args:
            fits: How many fits may be trained behind the present round; None: as many as it takes.
        """
        factors = self.correction
        here = 0.0 if self.round is None else factors.seconds(self.round.left())
        if self.remembered is not None:
            return here + self._remembered(self.remembered, fits)
        if self.ahead is None:
            return None
        # The geometric mean: how long the longest way may be must not drown how likely it is.
        logarithm = sum(
            one.likelihood * math.log1p(factors.seconds(one.within(fits))) for one in self.ahead
        )
        return here + math.expm1(logarithm)

    def _remembered(self, path: Path, fits: int | None) -> float:
        """Return the seconds of the remembered rounds behind the present one, at the present speed."""
        done = len(self.past)
        before = sum(leg.seconds for leg in path.legs[:done])
        measured = sum(seconds for _, seconds in self.past)
        speed = (measured + TRUST * self.expected.fixed) / (before + TRUST)
        left, seconds = float("inf") if fits is None else fits, 0.0
        for leg in path.legs[done + (self.round is not None) :]:
            seconds += leg.seconds * min(1.0, max(0.0, left / max(leg.fits, 1)))
            left -= leg.fits
        return speed * seconds
