"""Formats of numbers, counts, shares and durations, for every sentence, label, cell and name."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable
from numbers import Real
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.core.records import Trial, Value

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
CLOSE = 0.02
"""Share of a learning rate by which its text may differ from it."""
GLUE = "\N{NO-BREAK SPACE}"
"""Keeps a number and its unit on one line."""
GROW = "more units or layers may do better"
"""Next step of a fit that learns too little; the report says otherwise where larger networks were tried."""


def finite(value: object) -> float | None:
    """Return a value as a float when it is a finite number, else None."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    return float(value) if math.isfinite(value) else None


def number(value: object, digits: int = 3) -> str:
    """Write a measurement with `digits` significant digits; a dash where there is none."""
    known = finite(value)
    if known is None:
        return NOTHING
    if known == 0:
        return "0"
    magnitude = math.floor(math.log10(abs(known)))
    if magnitude not in PLAIN_MAGNITUDES:
        return f"{known:.{digits - 1}e}"
    return f"{known:,.{max(0, digits - 1 - magnitude)}f}"


def exact(value: object) -> str:
    """Write a score with four significant digits, as compared scores may differ by little."""
    return number(value, 4)


def rate(value: object) -> str:
    """Write a learning rate as people do: 0.003, 0.0095 for 0.00948683, 1e-06."""
    known = finite(value)
    if known is None:
        return NOTHING
    tries = (f"{known:.{digits}g}" for digits in (1, 2, 3))
    close = (text for text in tries if abs(float(text) - known) <= CLOSE * abs(known))
    return next(close, f"{known:.3g}")


def trial(name: str) -> str:
    """Write the name of a trial or fit with a rounded learning rate; two trials may then share a name."""
    return re.sub(r"(?<= lr )[-+.\de]+", lambda match: rate(float(match[0])), name, count=1)


def trial_beside(trial: Trial, known: Collection[tuple[str, Value]]) -> str:
    """Name a trial by capacity, learning rate and its nuisance values; those in `known` are left out."""
    own = (pair for pair in trial.nuisance if pair not in known)
    values = [value if isinstance(value, str) else f"{name} {value}" for name, value in own]
    return " ".join([f"{trial.capacity.label} lr {rate(trial.learning_rate)}", *values])


def count(value: object) -> str:
    """Write a count: 5,121 in full, from a million on as 1.2 million."""
    known = finite(value)
    if known is None:
        return NOTHING
    return f"{round(known):,}" if abs(known) < MILLION else f"{known / MILLION:.3g} million"


def plural(value: int, noun: str) -> str:
    """Write a count with its noun: `1 fit`, `12 fits`, `2 capacities`."""
    if value == 1:
        return f"1 {noun}"
    return f"{value:,} {noun[:-1]}ies" if noun.endswith("y") else f"{value:,} {noun}s"


def with_error(value: object, error: object) -> str:
    """Write a measurement with its standard error, both to the error's second digit."""
    known, spread = finite(value), finite(error)
    if known is None or spread is None or spread <= NO_SPREAD * abs(known):
        return number(value)
    decimals = max(0, 1 - math.floor(math.log10(spread)))
    return f"{known:,.{decimals}f}{GLUE}±{GLUE}{spread:,.{decimals}f}"


def percent(share: float) -> str:
    """Write a share: 0.123 is 12 %; below a tenth one digit more is kept.

    Only 1 is written as 100 %, and only 0 as 0 %.
    """
    digits = 1 if 0 < abs(share) < TENTH else 0
    while digits < MOST_DIGITS and share not in {0, 1} and _rounds_off(share, digits):
        digits += 1
    return f"{share * 100:.{digits}f}{GLUE}%"


def _rounds_off(share: float, digits: int) -> bool:
    return float(f"{abs(share) * 100:.{digits}f}") in {0.0, 100.0}


def duration(seconds: object) -> str:
    """Write a time span: `4.2 s`, `42 s`, `3 min 20 s`, `2 h 05 min`."""
    known = finite(seconds)
    if known is None:
        return NOTHING
    whole = round(known)
    if whole < MINUTE:
        return f"{known:.2g} s" if 0 < known < MINUTE / 6 else f"{max(whole, 0)} s"
    if whole < HOUR:
        return f"{whole // MINUTE} min {whole % MINUTE:02d} s"
    return f"{whole // HOUR} h {whole % HOUR // MINUTE:02d} min"


def listing(items: Iterable[object]) -> str:
    """Join items for a sentence: `a`, `a and b`, `a, b and c`."""
    texts = [str(item) for item in items]
    return " and ".join(filter(None, [", ".join(texts[:-1]), *texts[-1:]]))
