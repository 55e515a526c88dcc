"""What is measured of a finished fit for its diagnosis: once, on a sample of training rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pipeline.training.blueprint import blueprint
from pipeline.training.diagnose import chain
from pipeline.training.diagnose.activations import RELU, SATURATED
from pipeline.training.diagnose.background import row_losses
from pipeline.training.diagnose.thresholds import SATURATION_MARGIN
from pipeline.training.models import initial_weights

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.core.family import Family
    from pipeline.core.records import Fit
    from pipeline.training.blueprint import Step
    from pipeline.training.diagnose.background import Background
    from pipeline.training.settings import Settings

Probes = dict[str, list[float]]

KERNEL_AXES = 2
"""Arrays with fewer axes are biases and statistics, which probes leave out."""


def probe(
    fit: Fit,
    weights: Sequence[np.ndarray],
    family: Family,
    settings: Settings,
    background: Background,
) -> Probes:
    """Measure a fit at its best weights.

    Returns:
        `train_loss` and `train_loss_se`: loss of the sample in evaluation mode, where dropout is
        off and the weights stand still; `initial_loss`: the same before training; `moved`: distance
        of all kernels from their initial values, relative to their norm. One value per layer:
        `gradient_norm`, `weight_norm` and `update_ratio` (size of a step relative to the weights)
        of every kernel, `dead_share` of ReLU units and `saturated_share` of tanh and sigmoid
        outputs of every hidden layer. Networks that are no chain of Dense layers are measured
        through Keras.
    """
    first = initial_weights(family, fit.trial, fit.seed)
    steps = blueprint(family, fit.trial).chain
    if steps is not None and chain.is_known(steps):
        before, gradients, outputs, losses = _by_numpy(steps, first, weights, background)
    else:
        from pipeline.training.diagnose.keras_probes import measure

        before, gradients, outputs, losses = measure(family, fit.trial, first, weights, background)
    return {
        "train_loss": [float(losses.mean())],
        "train_loss_se": [float(losses.std() / np.sqrt(losses.size))],
        "initial_loss": [before],
        **_of_kernels(first, weights, gradients, fit.trial.learning_rate, settings),
        **of_activations(outputs),
    }


def of_activations(outputs: Sequence[tuple[str, np.ndarray]]) -> Probes:
    """Return the shares of dead units and of saturated outputs of every hidden layer.

    Args:
        outputs: For every hidden layer the name of its activation and its output, (rows, units) or
            (rows, height, width, filters).
    """
    found: Probes = {}
    for name, output in outputs:
        if name == RELU:
            rows = tuple(range(output.ndim - 1))
            dead = float(np.mean(output.max(axis=rows) <= 0))
            found.setdefault("dead_share", []).append(dead)
        elif name in SATURATED:
            low, high = SATURATED[name]
            margin = (high - low) * SATURATION_MARGIN
            near = (output < low + margin) | (output > high - margin)
            found.setdefault("saturated_share", []).append(float(near.mean()))
    return found


def _by_numpy(
    steps: Sequence[Step],
    first: Sequence[np.ndarray],
    weights: Sequence[np.ndarray],
    background: Background,
) -> tuple[float, list[np.ndarray], list[tuple[str, np.ndarray]], np.ndarray]:
    x, y, regression = background.x, background.y, background.regression
    untrained = chain.forward(steps, first, x).prediction
    before = float(row_losses(untrained, y, regression=regression).mean())
    passed = chain.forward(steps, weights, x)
    losses = row_losses(passed.prediction, y, regression=regression)
    gradients = chain.kernel_gradients(passed, y, regression=regression)
    return before, gradients, passed.activations, losses


def _of_kernels(
    first: Sequence[np.ndarray],
    weights: Sequence[np.ndarray],
    gradients: Sequence[np.ndarray],
    learning_rate: float,
    settings: Settings,
) -> Probes:
    kernels = [array for array in weights if array.ndim >= KERNEL_AXES]
    starts = [array for array in first if array.ndim >= KERNEL_AXES]
    moved = np.sqrt(sum(float(((a - b) ** 2).sum()) for a, b in zip(kernels, starts, strict=True)))
    length = np.sqrt(sum(float((b**2).sum()) for b in starts))
    slopes = [float(np.linalg.norm(gradient)) for gradient in gradients]
    norms = [float(np.linalg.norm(kernel)) for kernel in kernels]
    # SGD moves by rate x gradient; adaptive optimizers move every weight by about the rate.
    plain = settings.optimizer.lower() == "sgd"
    lengths = slopes if plain else [float(np.sqrt(kernel.size)) for kernel in kernels]
    return {
        "gradient_norm": slopes,
        "weight_norm": norms,
        "update_ratio": [
            learning_rate * step / norm if norm > 0 else 0.0
            for step, norm in zip(lengths, norms, strict=True)
        ],
        "moved": [float(moved / length) if length > 0 else 0.0],
    }
