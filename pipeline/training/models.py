"""Initial weights of a fit, from its seed alone, and plain models from finished weights.

Keras draws initial weights from Python's global random state, so that they depend on how many
layers were built before. Here every array has a generator of its own, made from the fit's seed and
the array's position, and every engine starts from the same numbers.
"""

from __future__ import annotations

import random
import threading
from typing import Any

import numpy as np

from pipeline.core.family import Family
from pipeline.core.records import Trial
from pipeline.training.draws import all_layers, draws_of
from pipeline.training.streams import Stream, generator

_building = threading.Lock()
"""Keras' seeds are global: one model at a time is drawn by it."""


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
    """Set the random state of Dropout and augmentation layers from the fit's seed.

    Args:
        model: A built keras.Model.
        seed: The fit's seed, 0 included.
    """
    for index, state in enumerate(random_states(model)):
        state.assign(layer_seed(seed, index))


def random_states(model: Any) -> list[Any]:
    """Return the random state variables of Dropout and augmentation layers, in a fixed order."""
    owned = (_generator_of(layer) for layer in all_layers(model))
    return [own.state for own in owned if own is not None]


def _generator_of(layer: Any) -> Any:
    """Return what a layer draws from: Keras names it differently in its augmentation layers."""
    return getattr(layer, "seed_generator", None) or getattr(layer, "generator", None)


def layer_seed(seed: int, index: int) -> np.ndarray:
    """Return the random state of one layer at the start of a fit: a key, and a counter at 0.

    Args:
        seed: The fit's seed.
        index: Position among the layers that draw.
    """
    key = generator(seed, Stream.layers, index).integers(2**31)
    return np.array([key, 0], dtype=np.uint32)


def _drawn_by_keras(family: Family, trial: Trial, seed: int) -> list[np.ndarray]:
    """Build the model under a seed of its own: for layers whose initializers cannot be read.

    Keras takes the seeds of its initializers from Python's random numbers, which other threads of a
    notebook may draw from meanwhile: here they come from numbers of their own, in the same order.
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
