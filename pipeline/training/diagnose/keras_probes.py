"""The measurements of a network that is no chain of Dense layers: through Keras, layer by layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.training.diagnose.background import row_losses

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.core.family import Family
    from pipeline.core.records import Trial
    from pipeline.training.diagnose.background import Background

KERNEL_AXES = 2
"""Arrays with fewer axes are biases and statistics."""


def measure(
    family: Family,
    trial: Trial,
    first: Sequence[np.ndarray],
    weights: Sequence[np.ndarray],
    background: Background,
) -> tuple[float, list[np.ndarray], list[tuple[str, np.ndarray]], np.ndarray]:
    """Return initial loss, kernel gradients, hidden activations and row losses of the sample.

    Args:
        family: Builds the network.
        trial: Which one.
        first: Weights before training.
        weights: Weights at the best epoch.
        background: The sample of training rows.
    """
    x, y, regression = background.x, background.y, background.regression
    model = family.build(trial)
    model.set_weights(first)
    untrained = row_losses(_numpy(model(x, training=False)), y, regression=regression)
    model.set_weights(weights)
    prediction = _numpy(model(x, training=False))
    gradients = _gradients(model, x, y, regression=regression)
    return (
        float(untrained.mean()),
        [gradient for gradient in gradients if gradient.ndim >= KERNEL_AXES],
        _hidden(model, x),
        row_losses(prediction, y, regression=regression),
    )


def _hidden(model: Any, x: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """Return the outputs of all layers with an activation but the last; none of a subclass."""
    import keras

    if len(getattr(model, "inputs", None) or ()) != 1:
        return []
    layers = [layer for layer in model.layers[:-1] if _activation(layer)]
    if not layers:
        return []
    inner = keras.Model(model.inputs[0], {str(at): one.output for at, one in enumerate(layers)})
    outputs = inner(x, training=False).values()  # named: Keras unwraps a list of one
    return [(_activation(layer), _numpy(o)) for layer, o in zip(layers, outputs, strict=True)]


def _activation(layer: Any) -> str:
    """Return the name of a layer's activation; empty where it has none."""
    import keras

    if isinstance(layer, keras.layers.ReLU):
        return "relu"
    own = getattr(layer, "activation", None)
    name = "linear" if own is None else str(keras.activations.serialize(own))
    return "" if name == "linear" else name


def _gradients(model: Any, x: np.ndarray, y: np.ndarray, *, regression: bool) -> list[np.ndarray]:
    """Return the gradient of the loss that was trained on for every trainable variable."""
    import keras

    from pipeline.training.pooling import members_of, targets_of_members

    trained = members_of(model)
    if trained is not model:
        model, y = trained, targets_of_members(y, trained.output_shape[1])
    name = "mean_squared_error" if regression else "categorical_crossentropy"
    loss = keras.losses.get(name)
    if keras.backend.backend() == "jax":
        import jax

        def mean_loss(trainable: list[Any]) -> Any:
            outputs, _ = model.stateless_call(
                trainable, [v.value for v in model.non_trainable_variables], x, training=False
            )
            return keras.ops.mean(loss(y, outputs))

        found = jax.grad(mean_loss)([v.value for v in model.trainable_variables])
    else:
        import tensorflow as tf

        with tf.GradientTape() as tape:
            value = keras.ops.mean(loss(y, model(x, training=False)))
        found = tape.gradient(value, [v.value for v in model.trainable_variables])
    return [_numpy(gradient) for gradient in found]


def _numpy(tensor: Any) -> np.ndarray:
    import keras

    return np.asarray(keras.ops.convert_to_numpy(tensor))
