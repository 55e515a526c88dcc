"""The multilayer perceptron: capacity is (layers, units), or a list of widths that differ."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from typing import Any, cast

from pipeline.config.choices import EMBEDDED, WidthShape
from pipeline.core.records import Capacity, Trial
from pipeline.training.families.base import Scope
from pipeline.training.families.ladder import Ladder

LINEAR = Capacity("linear", (("layers", 0), ("units", 0)))
"""No hidden layer: linear or logistic regression."""


def create(scope: Scope) -> Mlp:
    """Return the family for one data set."""
    return Mlp(scope)


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
class Mlp(Ladder):
    """Dense layers of one width, tapering, or as listed."""

    name: str = "mlp"

    @property
    def members(self) -> int:
        """Members that share the hidden layers (tabm.py)."""
        return 1

    @property
    def stackable(self) -> bool:  # type: ignore[override]
        """True but on TensorFlow with shifted images: XLA has no kernel for the shift."""
        on_jax = os.environ.get("KERAS_BACKEND") == "jax"
        return on_jax or not self.scope.model.augment

    def of(self, depth: int, width: int) -> Capacity:
        """Return the capacity of this depth and first width, in the configured shape."""
        if self.scope.model.shape is WidthShape.constant:
            return of_widths(*[width] * depth)
        fewest = min(self.scope.space.units_min, width)
        return of_widths(*(max(fewest, width >> layer) for layer in range(depth)))

    def size(self, capacity: Capacity) -> tuple[int, int]:
        """Return hidden layers and the units of the first."""
        widths = widths_of(capacity)
        return len(widths), widths[0] if widths else 0

    def listed(self) -> list[Capacity]:
        """Return `search.space.architectures`."""
        return [of_widths(*widths) for widths in self.scope.space.architectures]

    def _first(self, encoding: str) -> tuple[int, int]:
        """Return the inputs of the first layer, and the number of weights of the embedding before it."""
        inputs, grid = self.scope.inputs(encoding), self.scope.grid(encoding)
        if grid is None:
            return inputs, 0
        others = inputs - grid.slots * grid.numbers
        biased = not self.scope.model.batch_normalization
        return grid.numbers * EMBEDDED + others, grid.numbers * EMBEDDED * (grid.slots + biased)

    def parameters(self, capacity: Capacity, encoding: str = "standard") -> int:
        """Return the trainable parameters in closed form."""
        inputs, embedding = self._first(encoding)
        sizes = (inputs, *widths_of(capacity), self.scope.outputs)
        weights = sum(before * after for before, after in pairwise(sizes))
        # A hidden layer adds a bias, or instead of it the scale and offset of BatchNormalization.
        per_unit = 2 if self.scope.model.batch_normalization else 1
        return embedding + weights + per_unit * sum(widths_of(capacity)) + self.scope.outputs

    def unit_widths(self, capacity: Capacity) -> tuple[int, ...]:
        """Return the units of every hidden layer, first layer first."""
        return widths_of(capacity)

    def of_widths(self, widths: tuple[int, ...]) -> Capacity:
        """Return the capacity with these hidden widths, in the space or not."""
        return of_widths(*widths)

    def unit_axes(
        self, capacity: Capacity, encoding: str = "standard"
    ) -> tuple[tuple[int | None, ...], ...]:
        """Return the axes of the weights that are units, which a stack pads.

        Returns:
            One tuple per array of `keras.Model.get_weights()`, with one entry per axis: the
            0-based hidden layer whose units lie along it, or None for inputs and outputs.
        """
        axes = self._embedding_axes(encoding)
        before: int | None = None
        vectors = 4 if self.scope.model.batch_normalization else 1  # scale, offset, mean, variance
        for layer in range(len(widths_of(capacity))):
            axes += [(before, layer), *[(layer,)] * vectors]
            before = layer
        return (*axes, (before, None), (None,))

    def _embedding_axes(self, encoding: str) -> list[tuple[int | None, ...]]:
        """Return the axes of the embedding's weights; none are units."""
        if self.scope.grid(encoding) is None:
            return []
        return [(None,) * 3] if self.scope.model.batch_normalization else [(None,) * 3, (None,) * 2]

    def build(self, trial: Trial) -> Any:
        """Return an uncompiled keras.Model with fresh weights; its output is the mean over members."""
        import keras

        from pipeline.training import layers

        scope, widths = self.like(trial.nuisance).scope, widths_of(trial.capacity)
        members = self.members if widths else 1  # linear members would only be averages of it
        shape, grid = scope.input_shape(trial.encoding), scope.grid(trial.encoding)
        stack = layers.first_layers(shape, augment=scope.model.augment)
        if len(shape) > 1:
            stack.append(keras.layers.Flatten(name="flat"))
        if members > 1:
            stack += layers.split_layers(members, self._first(trial.encoding)[0])
        for number, units in enumerate(widths, start=1):
            stack += layers.hidden_layers(number, units, scope.model, trial, members)
        stack += layers.last_layers(scope.outputs, members, regression=scope.regression)
        if grid is None:
            return keras.Sequential(stack, name=self.name)
        row, *after = stack
        numbers = layers.embedding(
            row,
            scope.inputs(trial.encoding),
            grid,
            biased=not scope.model.batch_normalization,
        )
        outputs = reduce(lambda made, layer: layer(made), after, numbers)
        return keras.Model(row, outputs, name=self.name)
