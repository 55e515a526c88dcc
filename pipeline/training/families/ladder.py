"""Capacities on two axes, depth and width: the start, the neighbours and the limits.

The families of this package differ in what a step on an axis builds, not in how a search walks.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, ClassVar, Self, cast

from pipeline.core.family import Nuisance
from pipeline.core.records import Capacity, Trial
from pipeline.training.families.base import Scope, choices, grown, largest, shrunk, too_small


@dataclass(frozen=True, eq=False)
class Ladder(ABC):
    """The capacities of depth and width, and their neighbours. Pure; only `build` may import Keras."""

    scope: Scope

    stackable: ClassVar[bool] = True
    padded: ClassVar[bool] = True
    convolutional: ClassVar[bool] = False

    def like(self, values: Nuisance) -> Self:
        """Return the family with a trial's own values of `model`; itself where there are none."""
        own = tuple((name, value) for name, value in values if hasattr(self.scope.model, name))
        return cast("Self", _like(self, own)) if own else self

    @abstractmethod
    def of(self, depth: int, width: int) -> Capacity:
        """Return the capacity of this depth and first width; depth 0 is the linear model."""

    @abstractmethod
    def size(self, capacity: Capacity) -> tuple[int, int]:
        """Return depth and first width."""

    @abstractmethod
    def parameters(self, capacity: Capacity, encoding: str = "standard") -> int:
        """Return the trainable parameters in closed form."""

    def products(self, capacity: Capacity, encoding: str = "standard") -> int:
        """Return the multiplications of one row forward: a Dense layer uses each weight once."""
        return self.parameters(capacity, encoding)

    def activations(self, capacity: Capacity, encoding: str = "standard") -> int:  # noqa: ARG002 - images do
        """Return the number of hidden activations of one row."""
        return sum(self.unit_widths(capacity))

    def row_numbers(self, encoding: str) -> int:
        """Return the numbers of one row, inputs and targets."""
        return self.scope.inputs(encoding) + self.scope.outputs

    @abstractmethod
    def unit_widths(self, capacity: Capacity) -> tuple[int, ...]:
        """Return the units (filters) of every hidden layer, first layer first."""

    @abstractmethod
    def build(self, trial: Trial) -> Any:
        """Return an uncompiled keras.Model with fresh weights."""

    def deepest(self) -> int:
        """Return the most layers (blocks) that the space and the data allow."""
        return self.scope.space.layers_max

    def listed(self) -> list[Capacity]:
        """Return the networks listed in the configuration; empty where none are."""
        return []

    def simplest(self) -> Capacity | None:
        """Return the model without hidden layers where the space allows it."""
        linear = self.of(0, 0)
        allowed = self._shallowest() == 0 and self._fits(linear)
        return linear if allowed else None

    def start(self) -> Capacity:
        """Return the configured start, moved inside the limits of the space.

        Raises:
            ConfigError: No network of the space keeps `search.max_parameters`.
        """
        space, steps = self.scope.space, self.scope.steps
        depth = min(max(steps.start_layers, space.layers_min), self.deepest())
        for layers in range(depth, max(space.layers_min, 1) - 1, -1):
            width = self._largest_width(layers, steps.start_units)
            if width is not None:
                return self.of(layers, width)
        linear = self.of(0, 0)
        if space.layers_min == 0 and self._fits(linear):
            return linear
        raise too_small(self.scope)

    def wider(self, capacity: Capacity) -> Capacity | None:
        """Return units times growth, or the widest that the limits allow; None at the limit."""
        depth, width = self.size(capacity)
        if depth == 0:
            return None
        wider = self._largest_width(depth, grown(width, self.scope.steps.growth))
        return self.of(depth, wider) if wider is not None and wider > width else None

    def deeper(self, capacity: Capacity) -> Capacity | None:
        """Return one layer more of the same width; None at the limit."""
        depth, width = self.size(capacity)
        if depth >= self.deepest():
            return None
        if depth == 0:
            first = self._largest_width(1, self.scope.steps.start_units)
            return None if first is None else self.of(1, first)
        return self._kept(self.of(depth + 1, width))

    def narrower(self, capacity: Capacity) -> Capacity | None:
        """Return units times shrink, but not below `units_min`; None at the limit."""
        depth, width = self.size(capacity)
        smaller = max(shrunk(width, self.scope.steps.shrink), self.scope.space.units_min)
        if depth == 0 or smaller >= width:
            return None
        return self._kept(self.of(depth, smaller))

    def shallower(self, capacity: Capacity) -> Capacity | None:
        """Return one layer less of the same width; None at the limit."""
        depth, width = self.size(capacity)
        return self._kept(self.of(depth - 1, width)) if depth > self._shallowest() else None

    def enumerate(self) -> tuple[Capacity, ...]:
        """Return the listed networks, or every depth with every width, that keep the limits.

        Raises:
            ConfigError: None of them does.
        """
        space = self.scope.space
        capacities = self.listed()
        if not capacities:
            depths = range(max(space.layers_min, 1), self.deepest() + 1)
            capacities = [self.of(depth, width) for depth in depths for width in choices(space)]
            if space.layers_min == 0:
                capacities.insert(0, self.of(0, 0))
        kept = tuple(dict.fromkeys(capacity for capacity in capacities if self._fits(capacity)))
        if not kept:
            raise too_small(self.scope)
        return kept

    def _shallowest(self) -> int:
        """Return the fewest layers: 0 only where the search includes the linear model."""
        return max(self.scope.space.layers_min, 0 if self.scope.steps.include_linear else 1)

    def _fits(self, capacity: Capacity) -> bool:
        return self.scope.fits(lambda encoding: self.parameters(capacity, encoding))

    def _kept(self, capacity: Capacity) -> Capacity | None:
        return capacity if self._fits(capacity) else None

    def _largest_width(self, depth: int, width: int) -> int | None:
        space = self.scope.space
        high = min(max(width, space.units_min), space.units_max)
        return largest(space.units_min, high, lambda size: self._fits(self.of(depth, size)))


@lru_cache(maxsize=64)  # the same object for the same values: it is a key of other caches
def _like(family: Ladder, values: Nuisance) -> Ladder:
    changed: Any = dict(values)
    model = replace(family.scope.model, **changed)
    return replace(family, scope=replace(family.scope, model=model))
