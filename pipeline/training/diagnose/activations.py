"""Activations and their slopes in NumPy, for the probes of chains of Dense layers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

_Function = Callable[[np.ndarray], np.ndarray]

SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805
LEAK = 0.2
"""Keras' slope of leaky ReLU below 0."""

RELU = "relu"
SATURATED = {"tanh": (-1.0, 1.0), "sigmoid": (0.0, 1.0)}
"""Activations that flatten out, with the values that they approach."""


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(x / 2))


def _elu(x: np.ndarray) -> np.ndarray:
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


def _elu_slope(x: np.ndarray) -> np.ndarray:
    return np.where(x > 0, 1.0, np.exp(np.minimum(x, 0)))


def _selu(x: np.ndarray) -> np.ndarray:
    return SELU_SCALE * np.where(x > 0, x, SELU_ALPHA * np.expm1(np.minimum(x, 0)))


def _selu_slope(x: np.ndarray) -> np.ndarray:
    return SELU_SCALE * np.where(x > 0, 1.0, SELU_ALPHA * np.exp(np.minimum(x, 0)))


def _silu_slope(x: np.ndarray) -> np.ndarray:
    gate = _sigmoid(x)
    return gate * (1 + x * (1 - gate))


def softmax(x: np.ndarray) -> np.ndarray:
    """Return class probabilities from logits, (rows, classes)."""
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


KNOWN: dict[str, tuple[_Function, _Function]] = {
    "linear": (lambda x: x, np.ones_like),
    RELU: (lambda x: np.maximum(x, 0), lambda x: (x > 0).astype(x.dtype)),
    "leaky_relu": (lambda x: np.where(x > 0, x, LEAK * x), lambda x: np.where(x > 0, 1.0, LEAK)),
    "elu": (_elu, _elu_slope),
    "selu": (_selu, _selu_slope),
    "silu": (lambda x: x * _sigmoid(x), _silu_slope),
    "tanh": (np.tanh, lambda x: 1 - np.tanh(x) ** 2),
    "sigmoid": (_sigmoid, lambda x: _sigmoid(x) * (1 - _sigmoid(x))),
}
"""By Keras' name: the activation, and its slope at the same input."""
