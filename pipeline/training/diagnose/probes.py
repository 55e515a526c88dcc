"""Measurements inside a finished fit, through Keras, on a sample of training rows."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from pipeline.core.family import Family
from pipeline.core.losses import row_losses
from pipeline.core.records import Fit, Trial
from pipeline.core.statistics import mean_error
from pipeline.training.diagnose.background import Background
from pipeline.training.diagnose.thresholds import SATURATION_MARGIN
from pipeline.training.models import initial_weights, rebuild
from pipeline.training.pooling import members_of, targets_of_members
from pipeline.training.stacked.backend import gradients

Probes = dict[str, list[float]]

OUTPUT = "output"
KERNEL_AXES = 2
"""Arrays with fewer axes are biases and statistics, which probes leave out."""
SATURATED = {"tanh": (-1.0, 1.0), "sigmoid": (0.0, 1.0)}
"""Activations that saturate, with their limits."""


class Probe:
    """Measures the fits of one trial at any rate, seed and fold; one at a time."""

    def __init__(self, family: Family, trial: Trial) -> None:
        """Build the network of a trial."""
        self._family, self._trial = family, trial
        self._model = rebuild(family, trial, initial_weights(family, trial, 0))
        self._trained = members_of(self._model)
        layers = [layer for layer in _layers(self._model)[:-1] if _activation(layer)]
        self._names = [_activation(layer) for layer in layers]
        # A dictionary: for a list of one output Keras would return the output itself.
        outputs = {str(at): layer.output for at, layer in enumerate(layers)}
        self._whole = self._model
        if outputs:
            inputs, outputs[OUTPUT] = self._model.inputs[0], self._model.outputs[0]
            self._whole = keras.Model(inputs, outputs)
        self._lock = threading.Lock()

    def measure(self, fit: Fit, weights: Sequence[np.ndarray], background: Background) -> Probes:
        """Measure a fit at its best weights.

        Returns:
            `sample_loss` and `sample_loss_se`: loss of the sample in evaluation mode, where dropout is
            off and the weights stand still; `initial_loss`: the same before training; `moved`: distance
            of all kernels from their initial values, relative to their norm. One value per layer:
            `gradient_norm` of every kernel, `dead_share` of ReLU units and `saturated_share` of tanh
            and sigmoid outputs of every hidden layer.
        """
        first = initial_weights(self._family, fit.trial, fit.seed)
        with self._lock:
            before, _ = self._outputs(first, background)
            after, hidden = self._outputs(weights, background)  # leaves these weights in the model
            gradients = self._gradients(background)
        loss = mean_error(after)
        kernels = [pair for pair in zip(first, weights, strict=True) if pair[0].ndim >= KERNEL_AXES]
        moved = sum(float(np.square(b - a).sum()) for a, b in kernels)
        length = sum(float(np.square(a).sum()) for a, _ in kernels)
        return {
            "sample_loss": [loss.mean],
            "sample_loss_se": [loss.se],
            "initial_loss": [float(before.mean())],
            "moved": [float(np.sqrt(moved / length)) if length else 0.0],
            "gradient_norm": [float(np.linalg.norm(gradient.ravel())) for gradient in gradients],
            **of_activations(list(zip(self._names, hidden, strict=True))),
        }

    def _outputs(
        self, weights: Sequence[np.ndarray], background: Background
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        """Return the loss of every row, and the outputs of every hidden layer with an activation."""
        self._model.set_weights(weights)
        outputs = self._whole(background.x, training=False)
        hidden = {} if self._whole is self._model else dict(outputs)
        predicted = _numpy(hidden.pop(OUTPUT, outputs))
        losses = row_losses(background.y, predicted, regression=background.regression)
        return losses, [_numpy(output) for output in hidden.values()]

    def _gradients(self, background: Background) -> list[np.ndarray]:
        """Return the gradient of the training loss (evaluation mode) for every kernel."""
        model, x, y = self._trained, background.x, background.y
        if model is not self._model:
            y = targets_of_members(y, model.output_shape[1])
        name = "mean_squared_error" if background.regression else "categorical_crossentropy"
        loss = keras.losses.get(name)
        rest = [variable.value for variable in model.non_trainable_variables]

        def mean_loss(weights: list[Any]) -> tuple[Any, tuple[()]]:
            outputs, _ = model.stateless_call(weights, rest, x, training=False)
            return keras.ops.mean(loss(y, outputs)), ()

        weights = [
            keras.ops.convert_to_tensor(variable.value) for variable in model.trainable_variables
        ]
        _, slopes = gradients(mean_loss, weights)
        return [_numpy(slope) for slope in slopes if len(slope.shape) >= KERNEL_AXES]


def of_activations(outputs: Sequence[tuple[str, np.ndarray]]) -> Probes:
    """Return the shares of dead units and of saturated outputs of every hidden layer.

    Args:
        outputs: For every hidden layer the name of its activation and its output, (rows, units) or
            (rows, height, width, filters).
    """
    shares: Probes = {}
    for name, output in outputs:
        if name == "relu":
            dead = np.mean(output.max(axis=tuple(range(output.ndim - 1))) <= 0)
            shares.setdefault("dead_share", []).append(float(dead))
        elif name in SATURATED:
            low, high = SATURATED[name]
            margin = (high - low) * SATURATION_MARGIN
            near = (output < low + margin) | (output > high - margin)
            shares.setdefault("saturated_share", []).append(float(near.mean()))
    return shares


def _layers(model: Any) -> list[Any]:
    """Return the layers of a network with one input, in order; [] for a subclassed model."""
    return model.layers if len(getattr(model, "inputs", None) or ()) == 1 else []


def _activation(layer: Any) -> str:
    """Return the name of a layer's activation; empty where it has none."""
    if isinstance(layer, keras.layers.ReLU):
        return "relu"
    own = getattr(layer, "activation", None)
    name = "linear" if own is None else str(keras.activations.serialize(own))
    return "" if name == "linear" else name


def _numpy(tensor: Any) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(tensor))
