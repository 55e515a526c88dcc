"""Where a budget would end a sweep, and what it would cut."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.forecast.path import Path

SECONDS_AN_HOUR = 3600.0


@dataclass(frozen=True)
class Limit:
    """What a sweep may use; None = as much as it takes."""

    seconds: float | None = None
    fits: int | None = None
    cost: float | None = None
    cost_per_hour: float | None = None


@dataclass(frozen=True)
class Cut:
    """The first limit that a sweep meets."""

    budget: str
    """As it is configured, for example `budget.seconds=60`."""
    leg: int
    """Number of the round that it ends in; 0 where it ends before the first."""
    fits: int
    """Fits that are trained by then."""
    phases: tuple[str, ...]
    """Phases of which a round is lost."""


def first_cut(path: Path, limit: Limit) -> Cut | None:
    """Return where the tightest limit ends a sweep; None where it keeps them all."""
    cuts = [_by_seconds(path, seconds, name) for seconds, name in _times(limit)]
    if limit.fits is not None and path.fits > limit.fits:
        cuts.append(_by_fits(path, limit.fits))
    return min((cut for cut in cuts if cut is not None), key=lambda cut: cut.fits, default=None)


def cost(seconds: float, cost_per_hour: float | None) -> float | None:
    """Return the money that so many seconds cost; None without a price."""
    return None if cost_per_hour is None else seconds / SECONDS_AN_HOUR * cost_per_hour


def _times(limit: Limit) -> list[tuple[float, str]]:
    """Return the limits that are times, in seconds."""
    found = []
    if limit.seconds is not None:
        found.append((limit.seconds, f"budget.seconds={limit.seconds:g}"))
    if limit.cost is not None and limit.cost_per_hour:
        seconds = limit.cost / limit.cost_per_hour * SECONDS_AN_HOUR
        found.append((seconds, f"budget.cost={limit.cost:g}"))
    return found


def _by_seconds(path: Path, seconds: float, name: str) -> Cut | None:
    if path.seconds <= seconds:
        return None
    left = seconds - path.startup_seconds - path.ending_seconds
    fits = 0
    for number, leg in enumerate(path.legs):
        if leg.seconds > left:
            trained = int(leg.fits * max(0.0, left) / leg.seconds) if leg.seconds > 0 else 0
            return _cut(path, name, number, fits + trained)
        left -= leg.seconds
        fits += leg.fits
    return None


def _by_fits(path: Path, most: int) -> Cut:
    trained = list(accumulate(leg.fits for leg in path.legs))
    return _cut(path, f"budget.fits={most}", bisect_right(trained, most), most)


def _cut(path: Path, name: str, number: int, fits: int) -> Cut:
    return Cut(name, number, fits, tuple(dict.fromkeys(leg.phase for leg in path.legs[number:])))
