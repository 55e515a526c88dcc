"""Initial weights of a fit, from its seed alone, and plain models from finished weights.

Keras draws initial weights from Python's global random state, so that they depend on how many
layers were built before. Here every array has a generator of its own, made from the fit's seed and
the array's position, and every engine starts from the same numbers.
"""

from __future__ import annotations

import math
import random
import threading
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from typing import Any, cast

import numpy as np

from pipeline.core.family import Family
from pipeline.core.records import Trial
from pipeline.training.families.base import EMBEDDING, SIGNS
from pipeline.training.order import Stream, generator

Draw = Callable[[np.random.Generator], np.ndarray]

_CUT = 2.0
"""Standard deviations at which Keras cuts normal distributions off."""
_CUT_DEVIATION = 0.87962566103423978
"""Standard deviation of a unit normal cut off there; Keras' VarianceScaling divides by it."""


def draws_of(family: Family, trial: Trial) -> tuple[Draw, ...] | None:
    """Return how each weight array of a trial's network is drawn, in the order of `get_weights()`.

    None where the initializer of a layer cannot be read. Built once for each architecture.
    """
    return _draws(cast("Any", family), trial.with_rate(1.0))  # a protocol is not Hashable


def all_layers(model: Any) -> Iterator[Any]:
    """Yield every layer of a model, those of models inside it included, in a fixed order."""
    for layer in model.layers:
        yield layer
        if hasattr(layer, "layers"):
            yield from all_layers(layer)


@lru_cache(maxsize=1024)  # entries hold shapes and names, no model
def _draws(family: Any, trial: Trial) -> tuple[Draw, ...] | None:
    model = family.build(trial)
    draws: dict[int, Draw] = {}
    for layer in all_layers(model):
        for variable in layer.weights:
            shape = tuple(variable.shape)
            initializer = getattr(layer, f"{variable.name}_initializer", None)
            if layer.name == SIGNS:
                draws[id(variable)] = partial(signs, shape=shape)
            elif layer.name == EMBEDDING:
                draws[id(variable)] = partial(linear_in_numbers, shape=shape)
            elif initializer is not None:
                draws[id(variable)] = draw_of(initializer, shape)
    if any(id(variable) not in draws for variable in model.weights):
        return None
    return tuple(draws[id(variable)] for variable in model.weights)


def draw_of(initializer: Any, shape: tuple[int, ...]) -> Draw:
    """Return the draw of one array: variance scaling by NumPy, anything else by Keras, seeded.

    Variance scaling (Glorot, He and LeCun are cases of it) is what every Keras layer starts from;
    its numbers are the same on every backend.
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


def linear_in_numbers(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return the kernel (slots, numbers, width) or bias (numbers, width) of embedded numbers.

    Uniform within 1 / sqrt(width), as published (Gorishniy et al. 2022); in a kernel all slots but the
    first, the number itself, start at 0.
    """
    limit = 1.0 / math.sqrt(shape[-1])
    drawn = rng.uniform(-limit, limit, shape[-2:]).astype(np.float32)
    if len(shape) == 2:  # noqa: PLR2004 - the bias
        return drawn
    kernel = np.zeros(shape, np.float32)
    kernel[0] = drawn
    return kernel


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


_building = threading.Lock()
"""Keras' seeds are global: it draws the weights of one model at a time."""


def initial_weights(family: Family, trial: Trial, seed: int) -> list[np.ndarray]:
    """Return the initial weights of a fit, from Keras' distributions; independent of the learning rate.

    An architecture is built only once, so that thousands of fits are cheap.

    Returns:
        float32 arrays in the order of `keras.Model.get_weights()`.
    """
    draws = draws_of(family, trial)
    if draws is None:
        return _drawn_by_keras(family, trial, seed)
    return [draw(generator(seed, Stream.weights, index)) for index, draw in enumerate(draws)]


def rebuild(family: Family, trial: Trial, weights: list[np.ndarray]) -> Any:
    """Return a plain, uncompiled keras.Model of a trial with these weights."""
    with _building:
        model = family.build(trial)
    model.set_weights(weights)
    return model


def seed_layers(model: Any, seed: int) -> None:
    """Set the random state of Dropout and augmentation layers from the fit's seed."""
    for index, state in enumerate(random_states(model)):
        state.assign(layer_seed(seed, index))


def random_states(model: Any) -> list[Any]:
    """Return the random state variables of Dropout and augmentation layers, in a fixed order."""
    owned = (_generator_of(layer) for layer in all_layers(model))
    return [own.state for own in owned if own is not None]


def _generator_of(layer: Any) -> Any:
    """Return the seed generator of a layer, whose name differs in Keras' augmentation layers."""
    return getattr(layer, "seed_generator", None) or getattr(layer, "generator", None)


def layer_seed(seed: int, index: int) -> np.ndarray:
    """Return the initial random state of the n-th layer that draws: a key, and a counter at 0."""
    key = generator(seed, Stream.layers, index).integers(2**31)
    return np.array([key, 0], dtype=np.uint32)


def _drawn_by_keras(family: Family, trial: Trial, seed: int) -> list[np.ndarray]:
    """Return the weights of a model built under its own seed, where initializers cannot be read.

    Keras draws the seeds of its initializers from Python's `random`, which other threads of a notebook
    may use meanwhile: here they come from a separate generator, in the same order.
    """
    import keras
    from keras.src.random import seed_generator

    number = int(generator(seed, Stream.weights).integers(2**31))
    with _building:
        keras.utils.set_random_seed(number)
        seed_generator.python_random = random.Random(number)  # noqa: S311 - not for secrets
        try:
            weights: list[np.ndarray] = family.build(trial).get_weights()
        finally:
            seed_generator.python_random = random
    return weights
