"""Scores of predictions: the same definitions for networks, ensembles, baselines and incumbents."""

from __future__ import annotations

import numpy as np

from pipeline.core.losses import row_losses
from pipeline.core.statistics import mean_error

BINARY = 2
"""Classes of a task that has an ROC curve."""


def all_scores(
    truth: np.ndarray,
    predicted: np.ndarray,
    *,
    regression: bool,
    target_scale: float = 1.0,
    weights: np.ndarray | None = None,
    clusters: np.ndarray | None = None,
) -> dict[str, float]:
    """Return every metric by name: `loss`, `loss_se` and what the task has, all of them weighted.

    Regression: `rmse` and `mae` in the target's own unit, `r2`. Classification: `accuracy`,
    `base_rate` (that of always naming the most frequent class), and `auc` for two classes that both
    occur.
    """
    losses = row_losses(truth, predicted, regression=regression)
    found = {
        "loss": float(np.average(losses, weights=weights)),
        "loss_se": mean_error(losses, weights=weights, clusters=clusters).se,
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
    """Return accuracy and base rate, and the exact area under the ROC curve for two classes."""
    actual, chosen = truth.argmax(axis=1), predicted.argmax(axis=1)
    shares = np.average(truth.astype(np.float64), axis=0, weights=weights)
    found = {
        "accuracy": float(np.average(actual == chosen, weights=weights)),
        "base_rate": float(shares.max()),
    }
    if truth.shape[1] == BINARY and 0 < actual.mean() < 1:
        from sklearn.metrics import roc_auc_score

        auc = roc_auc_score(actual, predicted[:, 1], sample_weight=weights)
        found["auc"] = float(auc)
    return found
