"""The loss of rows as Keras computes it, for predictions of any model."""

from __future__ import annotations

import numpy as np

PROBABILITY_FLOOR = 1e-7
"""Keras' epsilon: smaller probabilities are clipped to it, as in training."""


def row_losses(truth: np.ndarray, predicted: np.ndarray, *, regression: bool) -> np.ndarray:
    """Return the loss of each row, float64 of shape (rows,).

    Args:
        truth: (rows, outputs), standardised targets or one-hot classes.
        predicted: (rows, outputs), or (1, outputs) for all rows: standardised predictions or class
            probabilities.
        regression: Squared error if true, else categorical cross-entropy (natural logarithm).
    """
    truth64, predicted64 = truth.astype(np.float64), predicted.astype(np.float64)
    if regression:
        return np.asarray(np.mean((truth64 - predicted64) ** 2, axis=1))
    share = predicted64 / np.maximum(predicted64.sum(axis=1, keepdims=True), PROBABILITY_FLOOR)
    return np.asarray(-np.sum(truth64 * np.log(np.clip(share, PROBABILITY_FLOOR, 1.0)), axis=1))
