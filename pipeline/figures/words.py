"""How numbers and counts are said, the same in every sentence, label and table cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

import math
from numbers import Real

MINUTE, HOUR = 60, 3600
MILLION = 1_000_000
NOTHING = "–"
PLAIN_MAGNITUDES = range(-4, 7)
"""Powers of ten that are written out; beyond them zeros would hide the digits."""
TENTH = 0.1
MOST_DIGITS = 6
"""Of a percentage."""
NO_SPREAD = 1e-9
"""Share of a value below which its standard error is rounding, not spread."""
GLUE = "\N{NO-BREAK SPACE}"
"""Keeps a number and its unit on one line."""


def finite(value: object) -> float | None:
    """Return a value as a float when it is a finite number, else None."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    return float(value) if math.isfinite(value) else None


def number(value: object, digits: int = 3) -> str:
    """Write a measurement with so many significant digits; a dash where there is none."""
    known = finite(value)
    if known is None:
        return NOTHING
    if known == 0:
        return "0"
    magnitude = math.floor(math.log10(abs(known)))
    if magnitude not in PLAIN_MAGNITUDES:
        return f"{known:.{digits - 1}e}"
    return f"{known:,.{max(0, digits - 1 - magnitude)}f}"


def rate(value: object) -> str:
    """Write a learning rate as short as it can be said: 0.003, 1e-06."""
    known = finite(value)
    return NOTHING if known is None else f"{known:.3g}"


def count(value: object) -> str:
    """Write a count: 5,121 in full, from a million on as 1.2 million."""
    known = finite(value)
    if known is None:
        return NOTHING
    return f"{round(known):,}" if abs(known) < MILLION else f"{known / MILLION:.3g} million"


def plural(value: int, noun: str) -> str:
    """Write a count with its noun: `1 fit`, `12 fits`."""
    return f"{value:,} {noun}" if value == 1 else f"{value:,} {noun}s"


def depth(layers: object, *, blocks: bool) -> str:
    """Write a depth: `2 hidden layers`, `1 block`, `no hidden layer`."""
    known = int(finite(layers) or 0)
    return plural(known, "block" if blocks else "hidden layer") if known else "no hidden layer"


def with_error(value: object, error: object) -> str:
    """Write a measurement with its standard error, both to the error's second digit."""
    known, spread = finite(value), finite(error)
    if known is None or spread is None or spread <= NO_SPREAD * abs(known):
        return number(value)
    decimals = max(0, 1 - math.floor(math.log10(spread)))
    return f"{known:,.{decimals}f}{GLUE}±{GLUE}{spread:,.{decimals}f}"


def percent(share: float) -> str:
    """Write a share: 0.123 is 12 %; below a tenth one digit more is kept.

    What is not all is never written as 100 %, and what is not nothing never as 0 %.
    """
    digits = 1 if 0 < abs(share) < TENTH else 0
    while digits < MOST_DIGITS and share not in {0, 1} and _rounds_off(share, digits):
        digits += 1
    return f"{share * 100:.{digits}f}{GLUE}%"


def _rounds_off(share: float, digits: int) -> bool:
    return float(f"{abs(share) * 100:.{digits}f}") in {0.0, 100.0}


def duration(seconds: object) -> str:
    """Write a time span: `4.2 s`, `3 min 20 s`, `2 h 05 min`."""
    known = finite(seconds)
    if known is None:
        return NOTHING
    whole = round(known)
    if whole < MINUTE:
        return f"{known:.2g} s" if whole < MINUTE / 6 else f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE} min {whole % MINUTE:02d} s"
    return f"{whole // HOUR} h {whole % HOUR // MINUTE:02d} min"


def listing(items: list[str]) -> str:
    """Join as a sentence does: `a`, `a and b`, `a, b and c`."""
    if len(items) <= 1:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"


def parameters_shown(entry: Mapping[str, Any]) -> tuple[str, str]:
    """Return the parameters of a champion, and of how many networks they are: empty for one."""
    networks = entry["networks"]
    if networks == 1:
        return count(entry.get("parameters")), ""
    if entry.get("kind") == "greedy":
        return count(entry.get("total_parameters")), f"in {networks} networks"
    return count(entry.get("parameters")), f"\N{MULTIPLICATION SIGN} {networks} networks"
