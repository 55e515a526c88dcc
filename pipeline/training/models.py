"""Initial weights of a fit, from its seed alone, and plain models from finished weights.

Keras draws initial weights from Python's global random state, so that they depend on how many
layers were built before. Here every array has a generator of its own, made from the fit's seed and
the array's position; the numbers come from NumPy and are the same on every backend and engine.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from pipeline.training.streams import Stream, generator

if TYPE_CHECKING:
    from pipeline.records import Family, Trial

_Draw = Callable[[np.random.Generator], np.ndarray]

_CUT = 2.0
"""Standard deviations at which Keras cuts normal distributions off."""
_CUT_DEVIATION = 0.87962566103423978
"""Standard deviation of a unit normal cut off there; Keras' VarianceScaling divides by it."""


def initial_weights(family: Family, trial: Trial, seed: int) -> list[np.ndarray]:
    """Return the first weights of a fit, distributed as Keras would draw them.

    An architecture is built once and then only drawn for: thousands of fits are cheap.

    Args:
        family: Builds the architecture.
        trial: Its capacity, encoding and other values; the learning rate plays no part.
        seed: The fit's seed, 0 included.

    Returns:
        float32 arrays in the order of `keras.Model.get_weights()`.
    """
    draws = _draws(cast("Any", family), trial.with_rate(1.0))  # a protocol is not Hashable
    if draws is None:
        return _drawn_by_keras(family, trial, seed)
    return [draw(generator(seed, Stream.weights, index)) for index, draw in enumerate(draws)]


def rebuild(family: Family, trial: Trial, weights: list[np.ndarray]) -> Any:
    """Return a plain, uncompiled keras.Model of a trial with these weights."""
    model = family.build(trial)
    model.set_weights(weights)
    return model


def seed_layers(model: Any, seed: int) -> None:
    """Set the random state of Dropout and augmentation layers from the fit's seed.

    Args:
        model: A built keras.Model.
        seed: The fit's seed, 0 included.
    """
    for index, layer in enumerate(_layers(model)):
        own = getattr(layer, "seed_generator", None)
        if own is not None:
            own.state.assign(layer_seed(seed, index))


def random_states(model: Any) -> list[Any]:
    """Return the random state variables of Dropout and augmentation layers, in a fixed order."""
    owned = (getattr(layer, "seed_generator", None) for layer in _layers(model))
    return [own.state for own in owned if own is not None]


def layer_seed(seed: int, index: int) -> np.ndarray:
    """Return the random state of one layer at the start of a fit: a key, and a counter at 0.

    Args:
        seed: The fit's seed.
        index: The layer's position in the model.
    """
    key = generator(seed, Stream.layers, index).integers(2**31)
    return np.array([key, 0], dtype=np.uint32)


@lru_cache(maxsize=1024)  # entries hold shapes and initializers, no model
def _draws(family: Any, trial: Trial) -> tuple[_Draw, ...] | None:
    """Return how each array is drawn; None where a layer keeps its initializer to itself."""
    model = family.build(trial)
    initializers = {}
    for layer in _layers(model):
        for variable in layer.weights:
            found = getattr(layer, f"{variable.name}_initializer", None)
            if found is not None:
                initializers[id(variable)] = found
    if any(id(variable) not in initializers for variable in model.weights):
        return None
    return tuple(
        _draw_of(initializers[id(variable)], tuple(variable.shape)) for variable in model.weights
    )


def _drawn_by_keras(family: Family, trial: Trial, seed: int) -> list[np.ndarray]:
    """Build the model under a seed of its own: for layers whose initializers cannot be read."""
    import keras

    keras.utils.set_random_seed(int(generator(seed, Stream.weights).integers(2**31)))
    weights: list[np.ndarray] = family.build(trial).get_weights()
    return weights


def _draw_of(initializer: Any, shape: tuple[int, ...]) -> _Draw:
    """Return the draw of one array: variance scaling by NumPy, anything else by Keras, seeded."""
    import keras

    if isinstance(initializer, keras.initializers.VarianceScaling):
        scale, mode = initializer.scale, initializer.mode
        kind = initializer.distribution
        return lambda rng: _variance_scaling(rng, shape, scale, mode, kind)
    make, config = type(initializer).from_config, initializer.get_config()

    def draw(rng: np.random.Generator) -> np.ndarray:
        seeded = config | {"seed": int(rng.integers(2**31))} if "seed" in config else config
        return np.asarray(keras.ops.convert_to_numpy(make(seeded)(shape)), dtype=np.float32)

    return draw


def _variance_scaling(
    rng: np.random.Generator, shape: tuple[int, ...], scale: float, mode: str, kind: str
) -> np.ndarray:
    """Draw as keras.initializers.VarianceScaling does (Glorot, He and LeCun are cases of it)."""
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


def _layers(model: Any) -> Iterator[Any]:
    """Yield every layer of a model, those of models inside it included, in a fixed order."""
    for layer in model.layers:
        yield layer
        if hasattr(layer, "layers"):
            yield from _layers(layer)
