"""The multilayer perceptron: capacity is (layers, units), or a list of widths that differ."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

from pipeline.config.schema import Shape
from pipeline.records import Capacity, Trial
from pipeline.training.families.base import (
    Scope,
    at_least_one,
    choices,
    grown,
    largest,
    shrunk,
    too_small,
)

LINEAR = Capacity("linear", (("layers", 0), ("units", 0)))
"""No hidden layer: linear or logistic regression."""


def create(scope: Scope) -> Mlp:
    """Return the family for one data set.

    Raises:
        ConfigError: Not even the smallest network keeps `search.max_parameters`.
    """
    created = Mlp(scope)
    created.start()
    return created


def of_widths(*widths: int) -> Capacity:
    """Return the capacity with these hidden widths, first layer first."""
    if not widths:
        return LINEAR
    size = (("layers", len(widths)), ("units", widths[0]))
    if len(set(widths)) == 1:
        return Capacity(f"{len(widths)}x{widths[0]}", size)
    return Capacity("-".join(map(str, widths)), (*size, ("widths", widths)))


def widths_of(capacity: Capacity) -> tuple[int, ...]:
    """Return the width of every hidden layer, first layer first."""
    widths = capacity.get("widths", ())
    if isinstance(widths, tuple) and widths:
        return widths
    layers, units = capacity["layers"], capacity["units"]
    return (cast("int", units),) * cast("int", layers)  # only "widths" holds a tuple


@dataclass(frozen=True, eq=False)
class Mlp:
    """Dense layers of one width, tapering, or as listed. Pure but for `build`."""

    scope: Scope
    name: str = "mlp"
    stackable: bool = True

    def simplest(self) -> Capacity | None:
        """Return the linear model where the space allows it."""
        allowed = self.scope.space.layers_min == 0 and self.scope.steps.include_linear
        return LINEAR if allowed and self._fits(LINEAR) else None

    def start(self) -> Capacity:
        """Return the configured start, moved inside the limits of the space.

        Raises:
            ConfigError: No network of the space keeps `search.max_parameters`.
        """
        space, steps = self.scope.space, self.scope.steps
        layers = min(max(steps.start_layers, space.layers_min), space.layers_max)
        for depth in range(layers, max(space.layers_min, 1) - 1, -1):
            units = self._largest_units(depth, steps.start_units)
            if units is not None:
                return self.of(depth, units)
        if space.layers_min == 0 and self._fits(LINEAR):
            return LINEAR
        raise too_small(self.scope)

    def wider(self, capacity: Capacity) -> Capacity | None:
        """Return units times growth, or the widest that the limits allow; None at the limit."""
        layers, units = self._size(capacity)
        if layers == 0:
            return None
        found = self._largest_units(layers, grown(units, self.scope.steps.growth))
        return self.of(layers, found) if found is not None and found > units else None

    def deeper(self, capacity: Capacity) -> Capacity | None:
        """Return one layer more of the same width; None at the limit."""
        layers, units = self._size(capacity)
        if layers >= self.scope.space.layers_max:
            return None
        if layers == 0:
            found = self._largest_units(1, self.scope.steps.start_units)
            return None if found is None else self.of(1, found)
        return self._kept(self.of(layers + 1, units))

    def narrower(self, capacity: Capacity) -> Capacity | None:
        """Return units times shrink, but not below `units_min`; None at the limit."""
        layers, units = self._size(capacity)
        smaller = max(shrunk(units, self.scope.steps.shrink), self.scope.space.units_min)
        if layers == 0 or smaller >= units:
            return None
        return self._kept(self.of(layers, smaller))

    def shallower(self, capacity: Capacity) -> Capacity | None:
        """Return one layer less of the same width; None at the limit."""
        layers, units = self._size(capacity)
        if layers <= max(self.scope.space.layers_min, 0 if self.scope.steps.include_linear else 1):
            return None
        return self._kept(self.of(layers - 1, units))

    def enumerate(self) -> tuple[Capacity, ...]:
        """Return the listed architectures, or every depth with every width, that keep the limits.

        Raises:
            ConfigError: None of them does.
        """
        space = self.scope.space
        if space.architectures:
            found = [of_widths(*widths) for widths in space.architectures]
        else:
            depths = range(max(space.layers_min, 1), space.layers_max + 1)
            found = [self.of(layers, units) for layers in depths for units in choices(space)]
            if space.layers_min == 0:
                found.insert(0, LINEAR)
        kept = dict.fromkeys(capacity for capacity in found if self._fits(capacity))
        return at_least_one(tuple(kept), self.scope)

    def parameters(self, capacity: Capacity, encoding: str = "standard") -> int:
        """Return the trainable parameters in closed form."""
        sizes = (self.scope.inputs(encoding), *widths_of(capacity), self.scope.outputs)
        weights = sum(before * after for before, after in pairwise(sizes))
        # A hidden layer adds a bias, or instead of it the scale and offset of BatchNormalization.
        per_unit = 2 if self.scope.model.batch_normalization else 1
        return weights + per_unit * sum(widths_of(capacity)) + self.scope.outputs

    def unit_axes(self, capacity: Capacity) -> tuple[tuple[int | None, ...], ...]:
        """Return which axes of the weights are units, so that a stack can pad them.

        Returns:
            One tuple per array of `keras.Model.get_weights()`, with one entry per axis: the
            0-based hidden layer whose units lie along it, or None for inputs and outputs.
        """
        axes: list[tuple[int | None, ...]] = []
        before: int | None = None
        vectors = 4 if self.scope.model.batch_normalization else 1  # scale, offset, mean, variance
        for layer in range(len(widths_of(capacity))):
            axes += [(before, layer), *[(layer,)] * vectors]
            before = layer
        return (*axes, (before, None), (None,))

    def build(self, trial: Trial) -> Any:
        """Return an uncompiled keras.Sequential with fresh weights."""
        import keras

        from pipeline.training.families import layers

        scope = self.scope
        shape = scope.input_shape(trial.encoding)
        stack = layers.first_layers(shape, augment=scope.model.augment)
        if len(shape) > 1:
            stack.append(keras.layers.Flatten(name="flat"))
        for number, units in enumerate(widths_of(trial.capacity), start=1):
            stack += layers.hidden_layers(
                number,
                units,
                activation=scope.model.activation,
                batch_normalization=scope.model.batch_normalization,
                dropout=float(trial.nuisance_value("dropout", 0.0)),
            )
        stack.append(layers.last_layer(scope.outputs, regression=scope.regression))
        return keras.Sequential(stack, name=self.name)

    def of(self, layers: int, units: int) -> Capacity:
        """Return the capacity of this depth and first width, in the configured shape."""
        if self.scope.model.shape is Shape.constant:
            return of_widths(*[units] * layers)
        fewest = min(self.scope.space.units_min, units)
        return of_widths(*(max(fewest, units >> depth) for depth in range(layers)))

    def _size(self, capacity: Capacity) -> tuple[int, int]:
        widths = widths_of(capacity)
        return len(widths), widths[0] if widths else 0

    def _fits(self, capacity: Capacity) -> bool:
        return self.scope.fits(lambda encoding: self.parameters(capacity, encoding))

    def _kept(self, capacity: Capacity) -> Capacity | None:
        return capacity if self._fits(capacity) else None

    def _largest_units(self, layers: int, units: int) -> int | None:
        space = self.scope.space
        high = min(max(units, space.units_min), space.units_max)
        return largest(space.units_min, high, lambda size: self._fits(self.of(layers, size)))
