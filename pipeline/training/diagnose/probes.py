"""What is measured inside a finished fit: through Keras, on a sample of training rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from pipeline.core.losses import row_losses
from pipeline.core.statistics import mean_error
from pipeline.training.diagnose.thresholds import SATURATION_MARGIN
from pipeline.training.models import initial_weights, rebuild
from pipeline.training.pooling import members_of, targets_of_members

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.core.family import Family
    from pipeline.core.records import Fit
    from pipeline.training.diagnose.background import Background

Probes = dict[str, list[float]]

KERNEL_AXES = 2
"""Arrays with fewer axes are biases and statistics, which probes leave out."""
SATURATED = {"tanh": (-1.0, 1.0), "sigmoid": (0.0, 1.0)}
"""Activations that flatten out, with the values that they approach."""


class Probe:
    """Measures the fits of one trial, whatever their rate and seed."""

    def __init__(self, family: Family, fit: Fit, background: Background) -> None:
        """Build the network of a fit, which is that of all."""
        first = initial_weights(family, fit.trial, fit.seed)
        self._family, self._background = family, background
        self._model = rebuild(family, fit.trial, first)
        self._trained = members_of(self._model)
        layers = [layer for layer in _layers(self._model)[:-1] if _activation(layer)]
        self._names = [_activation(layer) for layer in layers]
        outputs = {str(at): layer.output for at, layer in enumerate(layers)}
        self._hidden = keras.Model(self._model.inputs[0], outputs) if outputs else None

    def measure(self, fit: Fit, weights: Sequence[np.ndarray]) -> Probes:
        """Measure a fit at its best weights.

        Returns:
            `train_loss` and `train_loss_se`: loss of the sample in evaluation mode, where dropout is
            off and the weights stand still; `initial_loss`: the same before training; `moved`: distance
            of all kernels from their initial values, relative to their norm. One value per layer:
            `gradient_norm` of every kernel, `dead_share` of ReLU units and `saturated_share` of tanh
            and sigmoid outputs of every hidden layer.
        """
        first = initial_weights(self._family, fit.trial, fit.seed)
        before = self._losses(first)
        after = mean_error(self._losses(weights))  # these weights stay, for what follows
        kernels = [pair for pair in zip(first, weights, strict=True) if pair[0].ndim >= KERNEL_AXES]
        moved = sum(float(np.square(b - a).sum()) for a, b in kernels)
        length = sum(float(np.square(a).sum()) for a, _ in kernels)
        return {
            "train_loss": [after.mean],
            "train_loss_se": [after.se],
            "initial_loss": [float(before.mean())],
            "moved": [float(np.sqrt(moved / length)) if length else 0.0],
            "gradient_norm": [float(np.linalg.norm(one.ravel())) for one in self._gradients()],
            **of_activations(list(zip(self._names, self._outputs(), strict=True))),
        }

    def _losses(self, weights: Sequence[np.ndarray]) -> np.ndarray:
        self._model.set_weights(weights)
        x, y, regression = self._background.x, self._background.y, self._background.regression
        return row_losses(y, _numpy(self._model(x, training=False)), regression=regression)

    def _outputs(self) -> list[np.ndarray]:
        """Return what every hidden layer with an activation puts out."""
        if self._hidden is None:
            return []
        outputs = self._hidden(
            self._background.x, training=False
        )  # named: a list of one is unwrapped
        return [_numpy(output) for output in outputs.values()]

    def _gradients(self) -> list[np.ndarray]:
        """Return the gradient of the loss that was trained on for every kernel."""
        model, x, y = self._trained, self._background.x, self._background.y
        if model is not self._model:
            y = targets_of_members(y, model.output_shape[1])
        name = "mean_squared_error" if self._background.regression else "categorical_crossentropy"
        loss, variables = keras.losses.get(name), [v.value for v in model.trainable_variables]
        if keras.backend.backend() == "jax":
            import jax

            rest = [v.value for v in model.non_trainable_variables]

            def mean_loss(trainable: list[Any]) -> Any:
                outputs, _ = model.stateless_call(trainable, rest, x, training=False)
                return keras.ops.mean(loss(y, outputs))

            found = jax.grad(mean_loss)(variables)
        else:
            import tensorflow as tf

            with tf.GradientTape() as tape:
                value = keras.ops.mean(loss(y, model(x, training=False)))
            found = tape.gradient(value, variables, unconnected_gradients="zero")
        return [_numpy(one) for one in found if len(one.shape) >= KERNEL_AXES]


def of_activations(outputs: Sequence[tuple[str, np.ndarray]]) -> Probes:
    """Return the shares of dead units and of saturated outputs of every hidden layer.

    Args:
        outputs: For every hidden layer the name of its activation and its output, (rows, units) or
            (rows, height, width, filters).
    """
    found: Probes = {}
    for name, output in outputs:
        if name == "relu":
            dead = np.mean(output.max(axis=tuple(range(output.ndim - 1))) <= 0)
            found.setdefault("dead_share", []).append(float(dead))
        elif name in SATURATED:
            low, high = SATURATED[name]
            margin = (high - low) * SATURATION_MARGIN
            near = (output < low + margin) | (output > high - margin)
            found.setdefault("saturated_share", []).append(float(near.mean()))
    return found


def _layers(model: Any) -> list[Any]:
    """Return the layers of a network with one input, in order; none of a subclass."""
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
