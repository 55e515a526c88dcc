"""The logged metrics of every epoch, with one definition for all engines. Pure NumPy.

An engine measures the raw curves: `loss`, then `mae` (regression, in standardised units) or
`accuracy`, each also with the prefix `val_`. Training values are Keras' running means over the epoch;
validation values are exact. Both are weighted where there are weights. `finished_curves` turns them
into the logged curves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pipeline.core.records import Arrays

VAL_AUC = "val_auc"
"""Area under the ROC curve, for two classes; only where it is the objective, as it sorts all validation
rows in every epoch."""


def raw_metric(regression: bool) -> str:
    """Return the metric that engines measure beside the loss."""
    return "mae" if regression else "accuracy"


def finished_curves(
    raw: Mapping[str, Sequence[float] | np.ndarray], arrays: Arrays
) -> dict[str, np.ndarray]:
    """Return the curves as logged, float64: errors of a regression in the target's own unit.

    Args:
        raw: The raw curves; `mse` and `val_mse` where the loss is more than the squared error (a
            builder's model with a penalty), and `val_auc` where it is the objective.
        arrays: Task and scale of the target.
    """
    curves = {name: np.asarray(values, dtype=np.float64) for name, values in raw.items()}
    if arrays.regression:
        for prefix in ("", "val_"):
            squared = curves.pop(f"{prefix}mse", curves[f"{prefix}loss"])
            curves[f"{prefix}rmse"] = np.sqrt(squared) * arrays.target_scale
            curves[f"{prefix}mae"] = curves[f"{prefix}mae"] * arrays.target_scale
    return curves


def normalised(weight: np.ndarray | None) -> np.ndarray | None:
    """Return weights with mean 1, float32, so that Keras' mean over rows is the weighted mean."""
    if weight is None:
        return None
    return (weight / weight.mean(dtype=np.float64)).astype(np.float32)


def weighted(row_losses: np.ndarray | None, weight: np.ndarray | None) -> np.ndarray | None:
    """Return the losses of rows times their weights of mean 1, float32: their mean is the loss."""
    if row_losses is None or weight is None:
        return row_losses
    product: np.ndarray = row_losses * normalised(weight)
    return product


def auc(scores: np.ndarray, positive: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Return the exact area under the ROC curve: the share of pairs whose positive row scores higher.

    Args:
        scores: Probability of the positive class, (rows,); equal scores count one half.
        positive: True for rows of the positive class, (rows,).
        weight: Sample weights, (rows,).

    Returns:
        0 to 1; NaN when one of the classes is absent or a score is not finite.
    """
    rows = np.ones(len(scores)) if weight is None else np.asarray(weight, dtype=np.float64)
    if not np.isfinite(scores).all():
        return float("nan")
    _, group = np.unique(scores, return_inverse=True)
    ups = np.bincount(group, weights=rows * positive)
    downs = np.bincount(group, weights=rows * ~positive.astype(bool))
    total = ups.sum() * downs.sum()
    if total == 0:
        return float("nan")
    below = np.cumsum(downs) - downs
    return float((ups * (below + downs / 2)).sum() / total)
