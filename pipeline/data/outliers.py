"""Find numbers that are no measurements: the total below a table, codes for missing values."""

from __future__ import annotations

import numpy as np

FEWEST = 30
"""Least number of values: among fewer, one may well be far from the others."""
DECIDES = 0.9
"""Share of a target's variance from which one row dominates the squared error (own runs: the largest of 60
lognormal values with a deviation of 1 reaches it in 1 of 200 draws, of 500 in none)."""
TOTAL = 1e-6
"""Relative difference within which a value is the sum of the others: sums are written rounded."""
MOST_CODED = 0.5
"""Share of rows with a code from which it counts as an ordinary value."""


def lone_row(values: np.ndarray) -> int | None:
    """Return the index of the value that alone makes most of the variance of a target; None for none."""
    if len(values) < FEWEST or not np.ptp(values):
        return None
    squares = ((values - values.mean()) / np.ptp(values)) ** 2
    place = int(squares.argmax())
    return place if squares[place] > DECIDES * squares.sum() else None


def lone_text(values: np.ndarray, place: int) -> str:
    """Return a clause on the share of the variance that one value makes, and what to do about it."""
    rest = np.delete(values, place)
    if not np.ptp(rest):
        return f"differs from {rest[0]:.6g}, which all others are; there is nothing to be learned"
    share = min(1.0 - (rest.std() / values.std()) ** 2, 0.999)
    text = f"alone makes more than {np.floor(100 * share):g} % of its variance, and decides every score; "
    if np.count_nonzero(rest) > 1 and np.isclose(values[place], rest.sum(), rtol=TOTAL):
        return f"{text}it is the sum of all others, a total: remove it"
    advice = "correct it, leave it out, or predict the logarithm" if values.min() > 0 else ""
    return text + (advice or "correct it or leave it out")


def code_for_missing(values: np.ndarray) -> tuple[float, int] | None:
    """Return a number of nines (-99, 999, ...) that repeats far from all others, and its rows; None for none.

    Far is farther than the others are from each other.
    """
    here = values[~np.isnan(values)]
    if len(here) < FEWEST:
        return None
    for code in (here.min(), here.max()):
        if not np.isfinite(code) or not _is_of_nines(float(code)):
            continue
        rest, times = here[here != code], int((here == code).sum())
        is_far = len(rest) and np.abs(rest - code).min() > max(np.ptp(rest), 1.0)
        if is_far and 1 < times < MOST_CODED * len(here):
            return float(code), times
    return None


def coded_text(values: np.ndarray) -> str:
    """Return a clause on a code for missing values, to follow a column's name; empty for none."""
    result = code_for_missing(values)
    if result is None:
        return ""
    code, times = result
    return (
        f"holds {code:.15g} in {times:,} rows, far from every other value; it is read as a number. If it "
        "means that there is no value, leave those cells empty"
    )


def _is_of_nines(code: float) -> bool:
    """Return whether a number consists of nines alone, at least two."""
    digits = f"{abs(code):.0f}"
    return code == round(code) and len(digits) > 1 and set(digits) == {"9"}
