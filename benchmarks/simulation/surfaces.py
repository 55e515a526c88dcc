"""Scripted surfaces: true loss of every capacity and learning rate, with a known optimum.

Losses are in units of the surface's range over capacities, each at its best learning rate: 1 is the
difference between the worst and the best capacity of the space (the flat surface has no range; there
1 is a hundred times the loss of a learning rate a tenth of a decade off).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

LAYERS = range(5)
UNITS = range(8, 513)
LINEAR_SIZE = 2.0
"""log2 of the units that the linear model behaves like, in its best rate and to the rows."""
BASE = 1.0
"""True loss of the optimum, in units of the range: no table is without error."""


@dataclass(frozen=True)
class Surface:
    """True loss over (layers, units, learning rate)."""

    name: str
    shape: Callable[[int, float], float]
    """Loss by (hidden layers, log2 units) at the best rate; any scale. Linear: no layers."""
    best_rate: Callable[[int, float], float]
    """log10 of the best learning rate by (hidden layers, log2 units)."""
    curvature: float
    """Loss of a rate one decade off the best, in units of the range."""

    @cached_property
    def scale(self) -> tuple[float, float]:
        """Lowest loss of `shape` over the space, and its range there."""
        values = [self.shape(0, LINEAR_SIZE)]
        values += [self.shape(layers, math.log2(u)) for layers in LAYERS if layers for u in UNITS]
        low, high = min(values), max(values)
        return low, (high - low) or 1.0

    @cached_property
    def optimum(self) -> tuple[int, int]:
        """Layers and units of the best capacity, the smallest of equals."""
        sizes = [(0, 0), *((layers, units) for layers in LAYERS if layers for units in UNITS)]
        return min(sizes, key=lambda size: self.shape(size[0], doublings(size[1])))

    def capacity_regret(self, layers: int, units: int) -> float:
        """Return how far a capacity at its best rate is from the optimum."""
        low, span = self.scale
        return (self.shape(layers, doublings(units)) - low) / span

    def regret(self, layers: int, units: int, rate: float) -> float:
        """Return how far a trial is from the optimum."""
        off = math.log10(rate) - self.best_rate(layers, doublings(units))
        return self.capacity_regret(layers, units) + self.curvature * off * off

    def loss(self, layers: int, units: int, rate: float) -> float:
        """Return the true loss of a trial."""
        return BASE + self.regret(layers, units, rate)

    def diverges(self, layers: int, units: int, rate: float) -> bool:
        """Return whether a rate is so high that training diverges: 1.4 decades above the best."""
        return math.log10(rate) - self.best_rate(layers, doublings(units)) > 1.4  # noqa: PLR2004


@lru_cache(maxsize=1024)
def doublings(units: int) -> float:
    """Return log2 of the units, and of what stands for them in the linear model."""
    return math.log2(units) if units else LINEAR_SIZE


def _flat(_layers: int, _size: float) -> float:
    return 1.0


def _u_shaped(layers: int, size: float) -> float:
    """Underfit below, overfit above 2 x 90."""
    return 1.0 if layers == 0 else 0.06 * (size - 6.5) ** 2 + 0.06 * (layers - 2) ** 2


def _double_descent(layers: int, size: float) -> float:
    """Fall, rise again around 74 units, then fall further; depth hardly matters."""
    if layers == 0:
        return 1.0
    fall = 0.8 * 2.0 ** (-(size - 3.0) / 2.0)
    bump = 0.3 * math.exp(-0.5 * ((size - 6.2) / 0.6) ** 2)
    return fall + bump + 0.02 * (layers - 1)


def _ridge(layers: int, size: float) -> float:
    """More is better, up to 2 x 256; what makes it hard is the learning rate."""
    return 1.0 if layers == 0 else 0.03 * (size - 8.0) ** 2 + 0.05 * (layers - 2) ** 2


def _depth_helps(layers: int, size: float) -> float:
    """Every layer pays; width hardly."""
    return 1.0 if layers == 0 else 0.2 * (4 - layers) + 0.02 * (size - 6.0) ** 2


def _depth_hurts(layers: int, size: float) -> float:
    """One layer is best; width pays up to 128 units."""
    return 1.0 if layers == 0 else 0.1 * (layers - 1) + 0.04 * (size - 7.0) ** 2


def _usual(layers: int, size: float) -> float:
    """Adam's best rate falls slowly with size."""
    return -2.5 if layers == 0 else -2.4 - 0.08 * (size - 5.0) - 0.08 * (layers - 1)


def _steep(layers: int, size: float) -> float:
    """The best rate falls a decade and a half from the smallest network to the largest."""
    return -2.1 - 0.22 * (size - 5.0) - 0.2 * max(layers - 1, 0)


SURFACES = (
    Surface("flat", _flat, _usual, 0.3),
    Surface("u-shaped", _u_shaped, _usual, 0.3),
    Surface("double descent", _double_descent, _usual, 0.3),
    Surface("rate ridge", _ridge, _steep, 1.0),
    Surface("depth helps", _depth_helps, _usual, 0.3),
    Surface("depth hurts", _depth_hurts, _usual, 0.3),
)
