"""What the best constant prediction loses: the yardstick of every gain."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pipeline.data.dataset import Dataset


def constant_loss(dataset: Dataset, metric: str) -> float | None:
    """Return the loss of predicting the mean, or the shares of the classes, on rows that are not test rows.

    Args:
        dataset: The prepared table.
        metric: The objective. Of accuracy and AUC, what the constant misses of 1.

    Returns:
        In the metric's own unit; None for another metric, or where the constant loses nothing.
    """
    rows = dataset.split.known
    weights = dataset.sample_weight(rows)
    values = dataset.judged.numbers[rows]
    losses = _of_numbers if dataset.regression else _of_classes
    found = losses(values, weights, dataset.target_scaling()[1]).get(metric, 0.0)
    return found if found > 0.0 else None


def _of_numbers(values: np.ndarray, weights: np.ndarray | None, scale: float) -> dict[str, float]:
    away = values - np.average(values, weights=weights)
    squared = float(np.average(away**2, weights=weights))
    return {
        "val_loss": squared / scale**2,
        "val_rmse": squared**0.5,
        "val_mae": float(np.average(np.abs(away), weights=weights)),
    }


def _of_classes(codes: np.ndarray, weights: np.ndarray | None, _scale: float) -> dict[str, float]:
    counts = np.bincount(codes, weights=weights)
    shares = counts[counts > 0] / counts.sum()
    entropy = -float(shares @ np.log(shares))
    return {"val_loss": entropy, "val_accuracy": 1.0 - float(shares.max()), "val_auc": 0.5}
