"""The space of the other searches as plain axes, from which hyperparameters of any framework follow."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from pipeline.search.space import rounded, trial_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.config.schema_search import LearningRateConfig, SearchConfig
    from pipeline.core.family import Family
    from pipeline.core.records import Capacity, Trial, Value

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
        """Read the space of a configuration.

        Args:
            config: Architectures, learning rates and nuisance values.
            family: Says which capacities there are.
            is_grid: Whether a range of rates becomes its `points`, even in their logarithm.
        """
        self._family = family
        self._names, self._capacities = _capacity_axes(family.enumerate(), family)
        self._nuisances = config.nuisance.values()
        sizes = [
            Choices(name, tuple(sorted({point[place] for point in self._capacities})))
            for place, name in enumerate(self._names)
        ]
        values = [Choices(name, _ordered(each)) for name, each in self._nuisances.items()]
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
    points = {tuple(int(one.get(name, -1)) for name in names): one for one in capacities}  # type: ignore[arg-type]
    levels = [sorted({point[place] for point in points}) for place in range(len(names))]
    if len(points) == len(capacities) and set(product(*levels)) == set(points):
        return names, points
    by_size = sorted(capacities, key=lambda one: (family.parameters(one), one.label))
    return (CAPACITY,), {(place,): one for place, one in enumerate(by_size)}


def _rates(config: LearningRateConfig, is_grid: bool) -> Axis:
    if config.values is not None:
        return Choices(RATE, tuple(sorted({rounded(rate) for rate in config.values})))
    if not is_grid:
        return LogRange(RATE, config.low, config.high)
    if config.points == 1:
        return Choices(RATE, (rounded(config.inner_start),))
    ratio = (config.high / config.low) ** (1.0 / (config.points - 1))
    return Choices(RATE, tuple(rounded(config.low * ratio**k) for k in range(config.points)))


def _ordered(values: tuple[Value, ...]) -> tuple[Value, ...]:
    return values if isinstance(values[0], str) else tuple(sorted(values, key=float))
