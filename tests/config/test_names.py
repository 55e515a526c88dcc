"""The names that configuration knows without Keras are those of the installed Keras."""

from __future__ import annotations

import keras

from pipeline.config.choices import ACTIVATIONS, OPTIMIZERS, USE_MOMENTUM

WRAPPERS = {"optimizer", "lossscaleoptimizer", "multioptimizer", "optimizermap"}
MIX_UNITS = {"softmax", "log_softmax", "sparsemax", "glu"}


def test_optimizers_are_those_of_keras():
    """By lower-case name; wrappers around other optimizers left out."""
    base = keras.optimizers.Optimizer
    kinds = {
        name.lower(): kind
        for name, kind in vars(keras.optimizers).items()
        if isinstance(kind, type) and issubclass(kind, base)
    }
    assert kinds.keys() - WRAPPERS == OPTIMIZERS
    with_momentum = {name for name in OPTIMIZERS if hasattr(kinds[name](0.1), "momentum")}
    assert with_momentum >= USE_MOMENTUM


def test_activations_are_those_of_keras():
    """All that act on one unit at a time."""
    functions = {
        name
        for name, each in vars(keras.activations).items()
        if callable(each) and name not in {"get", "serialize", "deserialize"}
    }
    assert functions - MIX_UNITS == ACTIVATIONS
