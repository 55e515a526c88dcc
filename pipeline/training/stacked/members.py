"""The state of a stack's members before the first step, and their real-size weights afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from pipeline.core.records import Fit
from pipeline.training.layers import OUTPUT
from pipeline.training.models import initial_weights
from pipeline.training.padding import Axes, PaddedFamily, Widths
from pipeline.training.stacked.epoch import RAW
from pipeline.training.stacked.step import State
from pipeline.training.stacked.template import Template
from pipeline.training.stacked.update import Update

TRAIN_CURVES = len(RAW) // 2


class Members:
    """Makes the state of members and reads their weights back, for one program."""

    def __init__(
        self,
        family: PaddedFamily,
        template: Template,
        update: Update,
        widths: Widths,
        encoding: str,
    ) -> None:
        """Bind the common parts of the members of a program."""
        self._family, self._template, self._update = family, template, update
        self._widths = widths
        self._axes = family.unit_axes(family.of_widths(widths), encoding)
        self._places = template.places()
        self.unmasked = not _needs_mask(template)

    @property
    def trainable_axes(self) -> tuple[Axes, ...]:
        """Axes of the trainable arrays, in the order of the template's variables."""
        pairs = zip(self._places, self._axes, strict=True)
        trainable = {at: axes for (own, at), axes in pairs if own}
        return tuple(trainable[at] for at in sorted(trainable))

    def first_state(
        self,
        fits: Sequence[Fit],
        weights_of: Mapping[Fit, list[np.ndarray]],
        validation_rows: int,
    ) -> State:
        """Return the stacked state before the first step, NumPy arrays with a row per fit.

        Args:
            weights_of: Weights in `get_weights()` order; other fits begin with initial ones.
        """
        count = len(fits)
        kept = [
            self._padded(weights_of.get(f) or initial_weights(self._family, f.trial, f.seed))
            for f in fits
        ]
        rest = [self._template.first_rest(fit) for fit in fits]
        weights: list[list[Any]] = [[None] * len(self._template.trainable) for _ in fits]
        for member, arrays in enumerate(kept):
            for (own, at), array in zip(self._places, arrays, strict=True):
                (weights if own else rest)[member][at] = array
        return {
            "weights": _stacked(weights),
            "rest": _stacked(rest),
            "slots": _stacked([self._update.first_slots(own) for own in weights]),
            "best": _stacked(kept),
            "best_rows": np.zeros((count, validation_rows), np.float32),
            "best_value": np.full(count, np.inf, np.float32),
            "best_epoch": np.full(count, -1, np.int32),
            "live": np.ones(count, bool),
            "epoch": np.zeros(count, np.int32),
            "sums": np.zeros((count, TRAIN_CURVES), np.float32),
        }

    def units(self, fits: Sequence[Fit]) -> list[np.ndarray]:
        """Return for every hidden layer which units are real, float32 (members, padded width)."""
        real = [self._family.unit_widths(fit.trial.capacity) for fit in fits]
        return [
            np.stack([np.arange(width) < widths[layer] for widths in real]).astype(np.float32)
            for layer, width in enumerate(self._widths)
        ]

    def at_real_size(self, fit: Fit, padded: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return a member's weights without padding, as `keras.Model.get_weights()` has them.

        They are copies: a view would keep the weights of a whole tile.
        """
        widths = self._family.unit_widths(fit.trial.capacity)
        return [
            array[tuple(slice(None if layer is None else widths[layer]) for layer in axes)].copy()
            for array, axes in zip(padded, self._axes, strict=True)
        ]

    def _padded(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        padded = []
        for array, axes in zip(arrays, self._axes, strict=True):
            sizes = zip(axes, array.shape, strict=True)
            ends = [0 if at is None else self._widths[at] - size for at, size in sizes]
            padded.append(np.pad(array, [(0, end) for end in ends]) if any(ends) else array)
        return padded


def _stacked(members: Sequence[Sequence[np.ndarray]]) -> list[np.ndarray]:
    return [np.stack(arrays) for arrays in zip(*members, strict=True)]


def _needs_mask(template: Template) -> bool:
    """Return whether the output of a padded unit may differ from zero."""
    layers = [layer for layer in template.model.layers if layer.name != OUTPUT]
    hidden = [layer for layer in layers if hasattr(layer, "activation")]
    zero = keras.ops.zeros((1, 1))
    return any(float(keras.ops.max(keras.ops.abs(layer.activation(zero)))) > 0 for layer in hidden)
