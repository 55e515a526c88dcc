"""Metadata of fields of the schema: the range of a number, and whether its value may differ by trial.

A value that differs by trial, besides capacity and learning rate, is one field of `NuisanceConfig` made with
`per_trial`. From it follow its key and checks, the axis of every search, the trial's name and fit key,
MLflow's parameter, the report's column, and which fits share a program. Training uses it where a setting or
a part of `model` has the same name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, fields, replace
from typing import Any, get_args, get_type_hints

LARGEST = 1e12
"""Largest number of any setting; larger ones are refused, so that nothing overflows later."""
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
        """Return the interval as text: "at least 0 and below 1"."""
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
    """Return a field of the schema for a number, or a list of numbers, with a range."""
    metadata = {"range": allowed}
    if isinstance(default, list):
        return field(default_factory=default.copy, metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class PerTrial:
    """One per-trial value."""

    idle: tuple[Any, ...]
    """The list with which no trial has the value: empty, or the one value without effect."""
    names: frozenset[str]
    """Allowed names, in lower case; empty: only type and range are checked."""
    program: Callable[[Any], Hashable]
    """Maps the value to what a compiled program depends on; fits that differ in that share no stack."""
    own_rates: bool = False
    """Whether each value is tried at several learning rates around the best one."""
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
    entry = PerTrial(idle, names, program, own_rates)
    return field(default_factory=lambda: list(idle), metadata={"range": allowed, _META: entry})


def any_value(value: Any) -> Hashable:  # noqa: ARG001 - the same for every value
    """Return None: the compiled program does not depend on the value."""
    return None


def declared(owner: type) -> dict[str, PerTrial]:
    """Return the per-trial values among the fields of a dataclass, by name, in their order."""
    hints = get_type_hints(owner)
    return {
        entry.name: replace(entry.metadata[_META], kind=get_args(hints[entry.name])[0])
        for entry in fields(owner)
        if _META in entry.metadata
    }
