"""The range of every number in the configuration, one line each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.config.problems import problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pipeline.config.problems import Problem


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

RANGES: Mapping[str, Range] = {
    "data.test_fraction": SHARE_BELOW_1,
    "data.validation_fraction": BETWEEN_0_AND_1,
    "data.folds": TWO_OR_MORE,
    "data.repeats": COUNT,
    "data.image_height": COUNT,
    "data.image_width": COUNT,
    "data.unreadable": SHARE,
    "search.space.layers_min": NOT_NEGATIVE,
    "search.space.layers_max": NOT_NEGATIVE,
    "search.space.units_min": COUNT,
    "search.space.units_max": COUNT,
    "search.space.units": COUNT,
    "search.space.architectures": COUNT,
    "search.space.head_units": NOT_NEGATIVE,
    "search.learning_rate.values": POSITIVE,
    "search.learning_rate.low": POSITIVE,
    "search.learning_rate.high": POSITIVE,
    "search.learning_rate.start": POSITIVE,
    "search.learning_rate.points": COUNT,
    "search.learning_rate.step": ABOVE_ONE,
    "search.nuisance.dropout": SHARE_BELOW_1,
    "search.nuisance.weight_decay": NOT_NEGATIVE,
    "search.nuisance.batch_size": COUNT,
    "search.nuisance.bins": Range(2, 256),
    "search.max_parameters": COUNT,
    "search.start_layers": NOT_NEGATIVE,
    "search.start_units": COUNT,
    "search.growth": ABOVE_ONE,
    "search.shrink": BETWEEN_0_AND_1,
    "search.patience": NOT_NEGATIVE,
    "search.noise": NOT_NEGATIVE,
    "search.min_gain": NOT_NEGATIVE,
    "search.one_se": NOT_NEGATIVE,
    "search.close": NOT_NEGATIVE,
    "search.first_executions": COUNT,
    "search.grow_executions": COUNT,
    "search.max_executions": COUNT,
    "search.seed_share": SHARE,
    "search.doubt": NOT_NEGATIVE,
    "search.finalists": TWO_OR_MORE,
    "search.recentre": NOT_NEGATIVE,
    "search.drop_after": NOT_NEGATIVE,
    "search.drop_margin": POSITIVE,
    "search.drop_kept": SHARE,
    "search.max_rounds": COUNT,
    "search.trials": COUNT,
    "search.round": COUNT,
    "search.factor": TWO_OR_MORE,
    "training.epochs": COUNT,
    "training.patience": COUNT,
    "training.min_delta": NOT_NEGATIVE,
    "training.batch_size": COUNT,
    "training.momentum": SHARE_BELOW_1,
    "training.executions": COUNT,
    "champion_size": Range(1, 64),
    "model.members": Range(2, 32),
    "training.memory_share": Range(0, 1, low_open=True),
    "budget.seconds": POSITIVE,
    "budget.fits": COUNT,
    "budget.cost": POSITIVE,
    "budget.cost_per_hour": POSITIVE,
    "compute.workers": COUNT,
    "compute.stack_seconds": POSITIVE,
    "tracking.retry_seconds": NOT_NEGATIVE,
    "registry.margin": NOT_NEGATIVE,
    "seed": SEED,
}
"""A list is checked item by item; null is always allowed where the type allows it."""


def out_of_range(values: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield a problem for every number outside its range, from values by dotted key."""
    for key, allowed in RANGES.items():
        for value in _numbers(values.get(key)):
            if value > LARGEST:
                yield problem(key, values[key], f"must be at most {LARGEST:.12g}")
            elif value not in allowed:
                yield problem(
                    key, values[key], f"{'each ' * isinstance(values[key], list)}must be {allowed}"
                )


def _numbers(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for item in value:
            yield from _numbers(item)
    elif value is not None:
        yield value
