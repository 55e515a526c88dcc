"""Typed access to rows of tables, and axis ranges that leave out hopeless scores.

pandas' type stubs give every cell the union of all that a cell may hold; these functions are the one
place where that is traded for `Any`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

REACH = 1.6
"""How far beyond the 80 % best scores an axis goes, as a multiple of their distance to the best."""
MARGIN = 0.12


def rows(table: pd.DataFrame) -> Iterator[Any]:
    """Return the rows of a table as named tuples, without the index."""
    return table.itertuples(index=False)


def lowest(table: pd.DataFrame, column: str) -> Any:
    """Return the row with the smallest value of a column."""
    return table.iloc[int(table[column].to_numpy().argmin())]


def named(table: pd.DataFrame, prefix: str) -> list[str]:
    """Return the names of columns that begin with a prefix, in order."""
    return [str(name) for name in table.columns if str(name).startswith(prefix)]


def view(scores: pd.Series, losses: pd.Series) -> tuple[float, float] | None:
    """Return an axis range that leaves out hopeless scores; None where there are none.

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
