"""The range of a number, stated beside its field in the schema."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

LARGEST = 1e12
"""No number here means anything beyond; refused by name, so that nothing overflows later."""


@dataclass(frozen=True)
class Range:
    """An interval of numbers; an open end is not part of it."""

    low: float = -math.inf
    high: float = LARGEST
    low_open: bool = False
    high_open: bool = False

    def __contains__(self, value: object) -> bool:
        """Return whether a number lies inside; NaN never does."""
        if not isinstance(value, int | float):
            return False
        above = value > self.low if self.low_open else value >= self.low
        below = value < self.high if self.high_open else value <= self.high
        return above and below

    def __str__(self) -> str:
        """Return the interval in words: "at least 0 and below 1"."""
        low = f"{'above' if self.low_open else 'at least'} {self.low:.12g}"
        high = f"{'below' if self.high_open else 'at most'} {self.high:.12g}"
        parts = [low] * math.isfinite(self.low) + [high] * (self.high < LARGEST)
        return " and ".join(parts)


COUNT = Range(low=1)
NOT_NEGATIVE = Range(low=0)
POSITIVE = Range(low=0, low_open=True)
ABOVE_ONE = Range(low=1, low_open=True)
BETWEEN_0_AND_1 = Range(0, 1, low_open=True, high_open=True)
SHARE = Range(0, 1)
SHARE_BELOW_1 = Range(0, 1, high_open=True)
TWO_OR_MORE = Range(low=2)
SEED = Range(0, 2**31 - 1)
"""Keras takes 32 bits; the seeds of the executions are drawn from this one."""


def within(allowed: Range, default: Any) -> Any:
    """Return a field of the schema that holds a number, or a list whose every number has the range."""
    metadata = {"range": allowed}
    if isinstance(default, list):
        return field(default_factory=default.copy, metadata=metadata)
    return field(default=default, metadata=metadata)
