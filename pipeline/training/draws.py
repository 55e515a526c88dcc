"""Initial weights as Keras' initializers distribute them, from a generator that is handed in."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

_CUT = 2.0
"""Standard deviations at which Keras cuts normal distributions off."""
_CUT_DEVIATION = 0.87962566103423978
"""Standard deviation of a unit normal cut off there; Keras' VarianceScaling divides by it."""


def draw_of(
    initializer: Any, shape: tuple[int, ...]
) -> Callable[[np.random.Generator], np.ndarray]:
    """Return the draw of one array: variance scaling by NumPy, anything else by Keras, seeded.

    Variance scaling (Glorot, He and LeCun are cases of it) is what every Keras layer starts from;
    its numbers are the same on every backend.

    Args:
        initializer: A Keras initializer.
        shape: Of the array.
    """
    import keras

    if isinstance(initializer, keras.initializers.VarianceScaling):
        scale, mode, kind = initializer.scale, initializer.mode, initializer.distribution
        return lambda rng: _variance_scaling(rng, shape, scale, mode, kind)
    make, config = type(initializer).from_config, initializer.get_config()

    def draw(rng: np.random.Generator) -> np.ndarray:
        seeded = config | {"seed": int(rng.integers(2**31))} if "seed" in config else config
        return np.asarray(keras.ops.convert_to_numpy(make(seeded)(shape)), dtype=np.float32)

    return draw


def signs(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return an array of -1 and 1, each as likely."""
    return (2.0 * rng.integers(0, 2, shape) - 1.0).astype(np.float32)


def _variance_scaling(
    rng: np.random.Generator, shape: tuple[int, ...], scale: float, mode: str, kind: str
) -> np.ndarray:
    receptive = math.prod(shape[:-2])
    ways_in = receptive * shape[-2] if len(shape) > 1 else math.prod(shape)
    ways_out = receptive * shape[-1] if shape else 1
    fans = {"fan_in": ways_in, "fan_out": ways_out, "fan_avg": (ways_in + ways_out) / 2}
    variance = scale / max(1.0, fans[mode])
    if kind == "uniform":
        limit = math.sqrt(3 * variance)
        return rng.uniform(-limit, limit, shape).astype(np.float32)
    if kind == "untruncated_normal":
        return rng.normal(0.0, math.sqrt(variance), shape).astype(np.float32)
    return (_cut_normal(rng, shape) * (math.sqrt(variance) / _CUT_DEVIATION)).astype(np.float32)


def _cut_normal(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Draw from the unit normal distribution cut off at _CUT."""
    values = rng.standard_normal(shape)
    outside = np.abs(values) > _CUT
    while outside.any():
        values[outside] = rng.standard_normal(int(outside.sum()))
        outside = np.abs(values) > _CUT
    return values
