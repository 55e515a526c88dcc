"""Axes that show what matters: a few hopeless scores must not flatten the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

REACH = 1.6
"""How far beyond the 80 % best scores an axis goes, as a multiple of their distance to the best."""
MARGIN = 0.12


def view(scores: pd.Series, losses: pd.Series) -> tuple[float, float] | None:
    """Return a range for scores that leaves out hopeless ones; None when none stands out.

    Args:
        scores: In the objective's unit.
        losses: The same, lower is better.
    """
    if losses.empty:
        return None
    best = float(losses.min())
    reach = (float(losses.quantile(0.8)) - best) * REACH
    if reach <= 0 or float(losses.max()) - best <= REACH * reach:
        return None
    sign = 1.0 if float(scores.iloc[int(losses.to_numpy().argmin())]) == best else -1.0
    low, high = sorted((sign * best, sign * (best + reach)))
    return low - MARGIN * reach, high + MARGIN * reach


def is_outside(score: float, limits: tuple[float, float] | None) -> bool:
    """Return whether a score lies beyond the range that is shown."""
    return limits is not None and not limits[0] <= score <= limits[1]
