"""One training step of all members: gather rows, forward, slopes, update."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from pipeline.training.padding import Axes
from pipeline.training.pooling import MEMBERS_AXIS, mean_over_members, targets_of_members
from pipeline.training.stacked.backend import gradients, map_members
from pipeline.training.stacked.template import Template
from pipeline.training.stacked.update import Update

State = dict[str, Any]
"""Everything that training changes: stacked arrays by name; see `members.first_state`."""


@dataclass(frozen=True)
class ProgramLayout:
    """The fixed sizes of a program beside the network."""

    batch: int
    """Rows of a step."""
    partial: bool
    """Whether the last step of an epoch has fewer rows; the missing ones are weighted with 0."""
    axes: tuple[Axes, ...]
    """One entry per trainable array."""
    fixed: bool = True
    """Whether all steps must have the same number of rows; else the last one takes the rest."""


class RowLosses:
    """Loss and metric of every row, by Keras' own functions."""

    def __init__(self, loss: str) -> None:
        """Choose by the name of the loss, as records.Arrays gives it."""
        self._loss = keras.losses.get(loss)
        regression = loss == "mean_squared_error"
        self._metric: Callable[[Any, Any], Any] = (
            keras.losses.mean_absolute_error if regression else keras.metrics.categorical_accuracy
        )

    def __call__(self, targets: Any, outputs: Any) -> tuple[Any, Any]:
        """Return both, (rows,). Called where the outputs are made: Keras looks for its logits.

        Args:
            targets: (rows, outputs).
            outputs: The same, or (rows, members, outputs): the loss is then the mean of the members'
                losses, the metric that of their mean.
        """
        shape = outputs.shape
        if len(shape) == len(targets.shape):
            return self._loss(targets, outputs), ops.cast(self._metric(targets, outputs), "float32")
        of_each = targets_of_members(targets, shape[MEMBERS_AXIS])
        losses = ops.mean(self._loss(of_each, outputs), axis=MEMBERS_AXIS)
        metric = self._metric(targets, mean_over_members(outputs))
        return losses, ops.cast(metric, "float32")


class TrainStep:
    """A step as a function of the state; written for one member and mapped over all."""

    def __init__(
        self, template: Template, update: Update, row_losses: RowLosses, layout: ProgramLayout
    ) -> None:
        """Bind the fixed parts of a program; `layout`: batch size, and the padded axes of the weights."""
        self._template, self._update, self._row_losses = template, update, row_losses
        self._layout = layout
        self._fills_up = layout.partial and layout.fixed

    def __call__(self, state: State, data: State, member: State, at: tuple[Any, Any]) -> State:
        """Return the state after a step.

        Args:
            data: `x`, `y`, `weight` of the training rows, `order` of the epochs of this call for
                every seed, `rows`.
            member: `rate`, `seed`, ..., and `units` where padded units need a mask.
            at: Epoch of this call, and step of the epoch, from 0.
        """
        epoch, step = at
        first, batch = step * self._layout.batch, self._layout.batch
        if self._layout.partial and not self._layout.fixed:
            batch = ops.minimum(batch, data["rows"] - first)
        present = ops.cast(first + ops.arange(batch, dtype="int32") < data["rows"], "float32")
        rows = ops.take(_window(data["order"], epoch, first, batch), member["seed"], axis=0)
        changing = {name: state[name] for name in ("weights", "rest", "slots", "sums")}
        drawn = {name: ops.take(data[name], rows, axis=0) for name in ("x", "y", "weight")}
        own = {name: member[name] for name in ("rate", "decay", "units") if name in member}
        changed = map_members(
            lambda parts: self._member(parts[0], parts[1], parts[2], present),
            (changing, drawn, own),
            state["live"].shape[0],
        )
        return {**state, **changed}

    def _member(self, state: State, drawn: State, own: State, present: Any) -> State:
        """Return the part of one member's state that a step changes.

        Args:
            state: `weights`, `rest`, `slots`, `sums`.
            drawn: `x`, `y` and `weight` of the rows of the step.
            own: The member's values.
            present: 1 for rows of the table, 0 for those that fill up the last step.
        """
        weight = drawn["weight"] * present

        def mean_loss(weights: list[Any]) -> tuple[Any, tuple[Any, Any]]:
            with self._template.of_rows(present > 0 if self._fills_up else None):
                outputs, rest = self._template.trained.stateless_call(
                    weights, state["rest"], drawn["x"], training=True
                )
            losses, metrics = self._row_losses(drawn["y"], outputs)
            sums = ops.stack([ops.sum(losses * weight), ops.sum(metrics * weight)])
            return sums[0] / ops.sum(present), (rest, sums)

        (rest, sums), slopes = gradients(mean_loss, state["weights"])
        if "units" in own:
            pairs = zip(slopes, self._layout.axes, strict=True)
            slopes = [_masked(slope, axes, own["units"]) for slope, axes in pairs]
        weights, slots = self._update(slopes, state["weights"], state["slots"], own)
        return {"weights": weights, "rest": rest, "slots": slots, "sums": state["sums"] + sums}


def _window(order: Any, epoch: Any, start: Any, size: int) -> Any:
    """Return `size` places of the order of one epoch, (seeds, size)."""
    seeds = order.shape[0]
    return ops.reshape(ops.slice(order, (0, epoch, start), (seeds, 1, size)), (seeds, -1))


def _masked(slope: Any, axes: Axes, units: list[Any]) -> Any:
    """Return the slope with zeros at padded units: their outputs need not be zero."""
    for axis, layer in enumerate(axes):
        if layer is not None:
            shape = [-1 if other == axis else 1 for other in range(len(axes))]
            slope = slope * ops.reshape(units[layer], shape)
    return slope
