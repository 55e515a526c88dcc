"""What a field of the schema says of itself: the range of its number, and whether trials may differ in it.

One field of `NuisanceConfig`, made with `per_trial`, is all that a value needs which differs from trial to
trial beside capacity and learning rate: its key, its checks, the axis of every search, the trial's name and
fit key, MLflow's parameter, the report's column, and what shares a program follow from it. Training takes it
where a setting or a part of `model` has the same name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, fields, replace
from typing import Any, get_args, get_type_hints

LARGEST = 1e12
"""No number here means anything beyond; refused by name, so that nothing overflows later."""
_META = "per_trial"


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


@dataclass(frozen=True)
class PerTrial:
    """One per-trial value."""

    idle: tuple[Any, ...]
    """The list that leaves it out of every trial: empty, or the one value that does nothing."""
    names: frozenset[str]
    """Those it may be, in lower case; empty: the type and the range say all."""
    program: Callable[[Any], Hashable]
    """What of the value a program is compiled for: fits that differ in it train in stacks of their own."""
    own_rates: bool = False
    """Whether each value wants learning rates of its own: it is tried at those around the best one."""
    kind: type = str


def per_trial(
    *idle: Any,
    allowed: Range | None = None,
    names: frozenset[str] = frozenset(),
    program: Callable[[Any], Hashable] = lambda value: value,
    own_rates: bool = False,
) -> Any:
    """Return the field of a per-trial value; arguments as of `PerTrial`.

    Without `program` no two fits that differ in the value share a stack.
    """
    one = PerTrial(idle, names, program, own_rates)
    return field(default_factory=lambda: list(idle), metadata={"range": allowed, _META: one})


def any_value(value: Any) -> Hashable:  # noqa: ARG001 - of every value the same
    """Return what a program is compiled for where every member has a value of its own."""
    return None


def declared(owner: type) -> dict[str, PerTrial]:
    """Return the per-trial values among the fields of a dataclass, by name, as they stand there."""
    hints = get_type_hints(owner)
    return {
        one.name: replace(one.metadata[_META], kind=get_args(hints[one.name])[0])
        for one in fields(owner)
        if _META in one.metadata
    }
