"""The time that a sweep still needs: predicted first, corrected by every round that ends."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pipeline.forecast.correction import Correction, corrected

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.forecast.ahead import Outlook
    from pipeline.forecast.inround import InRound
    from pipeline.forecast.path import Path
    from pipeline.forecast.stacktime import Work

TRUST = 10.0
"""Seconds of remembered rounds that weigh as much as the measured ones, in saying how fast it goes."""


class TimeLeft:
    """What is known of the way to the end. Pure: it knows no clock."""

    def __init__(self, remembered: Path | None = None) -> None:
        """Start before the first round.

        Args:
            remembered: The same sweep when it last ran, on these rows or about as many.
        """
        self.correction = Correction()
        """How far off the predictions have turned out to be."""
        self.round: InRound | None = None
        """The round that is training."""
        self._expected = Correction()
        self._remembered = remembered
        self._past: list[tuple[Work, float]] = []
        self._number = 0
        """Of the present round: a resumed sweep does not begin with the first."""
        self._legs = 0.0
        """Remembered seconds of the rounds in `_past`."""
        self._behind: float | None = None
        """Seconds of the rounds behind the present one; None while nobody knows."""

    @property
    def is_known(self) -> bool:
        """Whether the rounds behind the present one are known already."""
        return self._behind is not None

    def expect(self, slowness: float) -> None:
        """Hold everything to take so many times as long as predicted, until rounds tell."""
        self._expected = self.correction = Correction(slowness, slowness)

    def begin_round(self, number: int, here: InRound, fits: int | None = None) -> None:
        """Take note of a round that begins.

        Args:
            number: Of the round, counted over all resumes.
            here: Its progress.
            fits: How many fits may be trained behind it; None: as many as it takes.
        """
        self.round, self._number = here, number
        self._behind = None
        if self._remembered is not None:
            self._behind = self._as_remembered(self._remembered, fits)

    def look_ahead(self, ahead: Sequence[Outlook], fits: int | None = None) -> None:
        """Take note of ways in which the search may go on behind the present round.

        The geometric mean of them, because how long the longest may be must not drown how likely it
        is.
        """
        logarithms = [
            one.likelihood * math.log1p(self.correction.seconds(one.within(fits))) for one in ahead
        ]
        self._behind = math.expm1(sum(logarithms))

    def end_round(self, fits: int, work: Work, seconds: float | None) -> None:
        """Learn from the round that has ended.

        Args:
            fits: That it asked for.
            work: As predicted, of what was done.
            seconds: Wall time; None where it was not trained to its end, which tells nothing.
        """
        here, self.round, self._behind = self.round, None, None
        if here is None or seconds is None:
            return
        legs = self._remembered.legs if self._remembered is not None else ()
        if self._number >= len(legs) or legs[self._number].fits != fits:
            self._remembered = None  # the search goes another way this time
        else:
            self._legs += legs[self._number].seconds * here.fits / fits  # a resumed round is a part
        self._past.append((work, seconds))
        self.correction = corrected(self._past, self._expected)

    def training(self, elapsed: float) -> float | None:
        """Return the seconds of training left; None while nobody can know.

        Args:
            elapsed: Seconds since the present round began.
        """
        here = self.round
        if here is None or self._behind is None:
            return None
        left = here.left(elapsed / self.correction.fixed)
        return self.correction.seconds(left) + self._behind

    def _as_remembered(self, path: Path, fits: int | None) -> float:
        """Return the seconds of the remembered rounds behind the present one, at the present speed."""
        measured = sum(seconds for _, seconds in self._past)
        speed = (measured + TRUST * self._expected.fixed) / (self._legs + TRUST)
        left, seconds = float("inf") if fits is None else fits, 0.0
        for leg in path.legs[self._number + 1 :]:
            seconds += leg.seconds * min(1.0, max(0.0, left / max(leg.fits, 1)))
            left -= leg.fits
        return speed * seconds
