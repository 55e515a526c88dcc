"""Scores of predictions: the same definitions for networks, ensembles, baselines and incumbents."""

from __future__ import annotations

import numpy as np

BINARY = 2
"""Classes of a task that has an ROC curve."""

PROBABILITY_FLOOR = 1e-7
"""Keras' epsilon: below it a probability counts as this, in training and here alike."""


def row_losses(truth: np.ndarray, predicted: np.ndarray, *, regression: bool) -> np.ndarray:
    """Return the loss of each row, float64 of shape (rows,).

    Args:
        truth: (rows, outputs), standardised targets or one-hot classes.
        predicted: (rows, outputs), standardised predictions or class probabilities.
        regression: squared error if true, else categorical cross-entropy (natural logarithm).
    """
    truth64, predicted64 = truth.astype(np.float64), predicted.astype(np.float64)
    if regression:
        return np.mean((truth64 - predicted64) ** 2, axis=1)
    share = predicted64 / np.maximum(predicted64.sum(axis=1, keepdims=True), PROBABILITY_FLOOR)
    return -np.sum(truth64 * np.log(np.clip(share, PROBABILITY_FLOOR, 1.0)), axis=1)


def weighted(losses: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """Return losses times their weights scaled to mean 1: their plain mean is the weighted loss.

    Args:
        losses: float64 (rows,).
        weights: (rows,), above 0; None = all 1.
    """
    return losses if weights is None else losses * _relative(weights)


def standard_error(losses: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Return the standard error of the (weighted) mean of losses; 0 for fewer than two rows.

    The weighted mean is a ratio of two sums that both vary with the rows drawn: this is its error
    to first order (linearised ratio estimator). With equal weights it is that of a plain mean.

    Args:
        losses: float64 (rows,).
        weights: (rows,), above 0; None = all 1.
    """
    if losses.size <= 1:
        return 0.0
    away = weighted(losses - np.average(losses, weights=weights), weights)
    return float(np.sqrt(np.sum(away**2) / (away.size - 1)) / np.sqrt(away.size))


def _relative(weights: np.ndarray) -> np.ndarray:
    """Return weights as float64 with mean 1."""
    weights64 = weights.astype(np.float64)
    relative: np.ndarray = weights64 / weights64.mean()
    return relative


def all_scores(
    truth: np.ndarray,
    predicted: np.ndarray,
    *,
    regression: bool,
    target_scale: float = 1.0,
    weights: np.ndarray | None = None,
) -> dict[str, float]:
    """Return every metric by name: `loss`, `loss_se` and what the task has, all of them weighted.

    Regression: `rmse` and `mae` in the target's own unit, `r2`. Classification: `accuracy`, and
    `auc` for two classes that both occur.
    """
    losses = row_losses(truth, predicted, regression=regression)
    found = {
        "loss": float(np.average(losses, weights=weights)),
        "loss_se": standard_error(losses, weights),
    }
    task = _regression_scores if regression else _classification_scores
    found |= task(truth, predicted, weights)
    if regression:
        found["rmse"] *= target_scale
        found["mae"] *= target_scale
    return found


def _regression_scores(
    truth: np.ndarray, predicted: np.ndarray, weights: np.ndarray | None
) -> dict[str, float]:
    """Return rmse, mae and r2 in standardised units."""
    error = truth.astype(np.float64) - predicted.astype(np.float64)
    squared = float(np.average(error**2, axis=0, weights=weights).mean())
    centre = np.average(truth, axis=0, weights=weights)
    spread = float(np.average((truth - centre) ** 2, axis=0, weights=weights).mean())
    found = {
        "rmse": float(np.sqrt(squared)),
        "mae": float(np.average(np.abs(error), axis=0, weights=weights).mean()),
    }
    if spread > 0:
        found["r2"] = 1 - squared / spread
    return found


def _classification_scores(
    truth: np.ndarray, predicted: np.ndarray, weights: np.ndarray | None
) -> dict[str, float]:
    """Return accuracy, and the exact area under the ROC curve for two classes."""
    actual, chosen = truth.argmax(axis=1), predicted.argmax(axis=1)
    found = {"accuracy": float(np.average(actual == chosen, weights=weights))}
    if truth.shape[1] == BINARY and 0 < actual.mean() < 1:
        from sklearn.metrics import roc_auc_score

        auc = roc_auc_score(actual, predicted[:, 1], sample_weight=weights)
        found["auc"] = float(auc)
    return found
