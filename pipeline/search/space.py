"""The space: the ladder of learning rates, the trial at a point, and the plain axes of the other searches."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

from pipeline.config.schema_search import LearningRateConfig, SearchConfig
from pipeline.core.family import Family, Nuisance
from pipeline.core.records import Capacity, Trial, Value

MERGE = 1.2
"""Rates closer than this factor are one rung: the limit of the range stays, the other goes."""


def rounded(rate: float) -> float:
    """Return a rate to the six digits that a trial's name shows, so that names tell rates apart."""
    return float(f"{rate:.6g}")


@dataclass(frozen=True)
class RateLadder:
    """Every learning rate that may be tried, ascending; a bracket is a few neighbouring rungs."""

    rungs: tuple[float, ...]
    points: int
    """Rates in a bracket."""
    first: float
    """Centre of the first bracket."""

    def bracket(self, centre: float) -> tuple[float, ...]:
        """Return the rungs around a rate, clipped at both ends of the ladder."""
        middle = self.nearest(centre)
        low = middle - (self.points - 1) // 2
        return self.rungs[max(low, 0) : low + self.points]

    def around(self, rate: float) -> tuple[float, ...]:
        """Return the bracket around a rate, with a rung on either side even where it has two points."""
        sides = (self.beyond(rate, -1), self.beyond(rate, +1))
        return tuple(sorted({*self.bracket(rate), *(side for side in sides if side is not None)}))

    def nearest(self, rate: float) -> int:
        """Return the rung nearest to a rate, by ratio; the lower one of two."""
        distances = [abs(math.log(rung / rate)) for rung in self.rungs]
        return distances.index(min(distances))

    def beyond(self, rate: float, direction: int) -> float | None:
        """Return the next rung above (+1) or below (-1) a rate, or None at the end."""
        rung = self.nearest(rate) + direction
        return self.rungs[rung] if 0 <= rung < len(self.rungs) else None


def ladder(config: LearningRateConfig) -> RateLadder:
    """Return the ladder of a configuration.

    A list is tried whole at every capacity. A range has the rungs `start * step ** k` inside
    [low, high], and its two limits.
    """
    if config.values is not None:
        rates = tuple(sorted({rounded(rate) for rate in config.values}))
        return RateLadder(rates, 2 * len(rates) - 1, rates[len(rates) // 2])
    start = config.inner_start
    lowest = math.ceil(math.log(config.low / start) / math.log(config.step) - 1e-9)
    highest = math.floor(math.log(config.high / start) / math.log(config.step) + 1e-9)
    inner = [
        rate
        for k in range(lowest, highest + 1)
        if config.low * MERGE < (rate := start * config.step**k) < config.high / MERGE
    ]
    rates = tuple(rounded(rate) for rate in (config.low, *inner, config.high))
    return RateLadder(rates, config.points, rates[0] if not inner else rounded(start))


def trial_of(family: Family, capacity: Capacity, rate: float, values: Nuisance) -> Trial:
    """Return one point of the space, with the parameters that its own values lead to."""
    encoding = str(dict(values).get("encoding", "standard"))
    return Trial(capacity, rate, family.like(values).parameters(capacity, encoding), values)


CAPACITY = "capacity"
"""The one axis of capacities that are no product of axes: their place by size."""
RATE = "learning_rate"


@dataclass(frozen=True)
class Choices:
    """An axis with listed values, ascending where they are numbers."""

    name: str
    values: tuple[Value, ...]


@dataclass(frozen=True)
class LogRange:
    """An axis of positive numbers, even in their logarithm."""

    name: str
    low: float
    high: float


Axis = Choices | LogRange


class Space:
    """The points that a search may propose: axes, and the trial behind a point."""

    def __init__(self, config: SearchConfig, family: Family, *, is_grid: bool) -> None:
        """Read a configuration; in a grid a range of rates becomes its `points`, even in their logarithm."""
        self._family = family
        self._names, self._capacities = _capacity_axes(family.enumerate(), family)
        self._nuisances = config.nuisance.values()
        sizes = [
            Choices(name, tuple(sorted({point[place] for point in self._capacities})))
            for place, name in enumerate(self._names)
        ]
        values = [
            Choices(name, each if isinstance(each[0], str) else tuple(sorted(each, key=float)))
            for name, each in self._nuisances.items()
        ]
        self.axes: tuple[Axis, ...] = (*sizes, _rates(config.learning_rate, is_grid), *values)

    def trial(self, values: Mapping[str, Value]) -> Trial:
        """Return the trial at a point; names that are no axis are ignored."""
        capacity = self._capacities[tuple(int(values[name]) for name in self._names)]
        nuisance = tuple(  # as declared: KerasTuner makes 0 of false
            (name, declared[declared.index(values[name])])
            for name, declared in self._nuisances.items()
        )
        return trial_of(self._family, capacity, rounded(float(values[RATE])), nuisance)


def _capacity_axes(
    capacities: tuple[Capacity, ...], family: Family
) -> tuple[tuple[str, ...], dict[tuple[int, ...], Capacity]]:
    """Return the axes of capacities and which capacity lies at each point.

    Where the capacities are every combination of their own axes (layers x units), those are the
    axes. Otherwise (listed networks, a limit on parameters) they are one axis, ordered by size.
    """
    names = tuple(name for name, value in capacities[0].values if isinstance(value, int))
    points = {
        tuple(int(capacity.get(name, -1)) for name in names): capacity  # type: ignore[arg-type]
        for capacity in capacities
    }
    levels = [sorted({point[place] for point in points}) for place in range(len(names))]
    if len(points) == len(capacities) and set(product(*levels)) == set(points):
        return names, points
    by_size = sorted(capacities, key=lambda capacity: (family.parameters(capacity), capacity.label))
    return (CAPACITY,), {(place,): capacity for place, capacity in enumerate(by_size)}


def _rates(config: LearningRateConfig, is_grid: bool) -> Axis:
    if config.values is not None:
        return Choices(RATE, tuple(sorted({rounded(rate) for rate in config.values})))
    if not is_grid:
        return LogRange(RATE, config.low, config.high)
    if config.points == 1:
        return Choices(RATE, (rounded(config.inner_start),))
    ratio = (config.high / config.low) ** (1.0 / (config.points - 1))
    return Choices(RATE, tuple(rounded(config.low * ratio**k) for k in range(config.points)))
