"""Scores of predictions, and paired differences of each model to the champion on the same rows.

The definitions are the same for networks, ensembles, baselines and incumbents.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pipeline.core.losses import row_losses
from pipeline.core.statistics import Difference, mean_error, paired
from pipeline.data.dataset import Dataset
from pipeline.evaluation.folds import Average

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
    """Return every weighted metric by name: `loss`, `loss_se` and those of the task.

    Regression: `rmse` and `mae` in the target's own unit, `r2`. Classification: `accuracy`,
    `base_rate` (that of always naming the most frequent class), and `auc` for two classes that both
    occur.
    """
    losses = row_losses(truth, predicted, regression=regression)
    scores = {
        "loss": float(np.average(losses, weights=weights)),
        "loss_se": mean_error(losses, weights=weights, clusters=clusters).se,
    }
    if regression:
        return scores | _regression_scores(truth, predicted, weights, target_scale)
    return scores | _classification_scores(truth, predicted, weights)


def _regression_scores(
    truth: np.ndarray, predicted: np.ndarray, weights: np.ndarray | None, scale: float
) -> dict[str, float]:
    """Return rmse and mae in the target's own unit, and r2."""
    error = truth.astype(np.float64) - predicted.astype(np.float64)
    squared = float(np.average(error**2, axis=0, weights=weights).mean())
    centre = np.average(truth, axis=0, weights=weights)
    spread = float(np.average((truth - centre) ** 2, axis=0, weights=weights).mean())
    scores = {
        "rmse": float(np.sqrt(squared)) * scale,
        "mae": float(np.average(np.abs(error), axis=0, weights=weights).mean()) * scale,
    }
    if spread > 0:
        scores["r2"] = 1 - squared / spread
    return scores


def _classification_scores(
    truth: np.ndarray, predicted: np.ndarray, weights: np.ndarray | None
) -> dict[str, float]:
    """Return accuracy and base rate, and the exact area under the ROC curve for two classes."""
    actual, chosen = truth.argmax(axis=1), predicted.argmax(axis=1)
    shares = np.average(truth.astype(np.float64), axis=0, weights=weights)
    scores = {
        "accuracy": float(np.average(actual == chosen, weights=weights)),
        "base_rate": float(shares.max()),
    }
    if truth.shape[1] == BINARY and 0 < actual.mean() < 1:
        from sklearn.metrics import roc_auc_score

        auc = roc_auc_score(actual, predicted[:, 1], sample_weight=weights)
        scores["auc"] = float(auc)
    return scores


def lag(dataset: Dataset, candidate: Average, reference: Average, metric: str) -> Difference | None:
    """Return by how much the candidate is worse than the reference by `metric`, on rows that both predict.

    Returns:
        Mean and standard error in the unit of the metric, positive where the candidate is worse (for an
        accuracy: the reference's minus the candidate's); None where no row is shared.
    """
    rows, at_candidate, at_reference = np.intersect1d(
        candidate.rows, reference.rows, return_indices=True
    )
    if not len(rows):
        return None
    truth = dataset.encoded_targets(rows)
    weights = dataset.sample_weight(rows)
    regression = dataset.regression
    unit = dataset.target_scaling()[1] if metric == "val_mae" else 1.0
    values = [
        row_values(metric, truth, outputs, weights, regression=regression) * unit
        for outputs in (candidate.outputs[at_candidate], reference.outputs[at_reference])
    ]
    return paired(values[0], values[1], weights=weights, clusters=dataset.clusters(rows))


def row_values(
    metric: str,
    truth: np.ndarray,
    predicted: np.ndarray,
    weights: np.ndarray | None,
    *,
    regression: bool,
) -> np.ndarray:
    """Return a value for each row whose weighted mean is the metric, lower is better.

    For accuracy and AUC it is the negative. The AUC is not a mean over rows; to first order it is the mean
    of the structural components of DeLong, DeLong and Clarke-Pearson (1988), linearised over all rows. A
    root mean squared error is compared by its square.

    Args:
        metric: As it is logged: `val_loss`, `val_auc`, ...
        truth: (rows, outputs), standardised targets or one-hot classes.
        predicted: (rows, outputs), standardised predictions or class probabilities.
    """
    if metric == "val_mae":
        return np.abs(truth.astype(np.float64) - predicted).mean(axis=1)
    if metric == "val_accuracy" and not regression:
        return -(truth.argmax(axis=1) == predicted.argmax(axis=1)).astype(np.float64)
    if metric == "val_auc" and truth.shape[1] == BINARY and 0 < truth[:, 1].mean() < 1:
        weight = np.ones(len(truth)) if weights is None else weights.astype(np.float64)
        return -_auc_shares(truth[:, 1] > 0, predicted[:, 1], weight)
    return row_losses(truth, predicted, regression=regression)


def _auc_shares(positive: np.ndarray, score: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return values of rows whose weighted mean is the area under the ROC curve."""
    placed = np.empty(len(score))
    for own in (positive, ~positive):
        others = np.sort(score[~own])
        kept = weight[~own][np.argsort(score[~own], kind="stable")]
        below = np.concatenate(([0.0], np.cumsum(kept)))
        left, right = (np.searchsorted(others, score[own], side) for side in ("left", "right"))
        share = (below[left] + below[right]) / (2 * below[-1])  # a tie counts half
        placed[own] = share
    placed[~positive] = 1.0 - placed[~positive]
    area = float(np.average(placed[positive], weights=weight[positive]))
    total = weight.sum()
    stretched = np.where(positive, total / weight[positive].sum(), total / weight[~positive].sum())
    return area + stretched * (placed - area)


def lags(
    dataset: Dataset, models: Mapping[str, Average], champion: str, metric: str
) -> dict[str, Difference]:
    """Return the `lag` of every model behind the champion, by name; of none that shares no row with it."""
    return {
        name: difference
        for name, model in models.items()
        if name != champion
        and (difference := lag(dataset, model, models[champion], metric)) is not None
    }


def constant_loss(dataset: Dataset, metric: str) -> float | None:
    """Return the loss of the best constant prediction on rows that are not test rows: mean, or class shares.

    Args:
        metric: The objective; for accuracy and AUC the loss is 1 minus the score.

    Returns:
        In the metric's own unit; None for another metric, or where the constant loses nothing.
    """
    rows = dataset.split.known
    weights, values = dataset.sample_weight(rows), dataset.judged.numbers[rows]
    if dataset.regression:
        away = values - np.average(values, weights=weights)
        squared = float(np.average(away**2, weights=weights))
        absolute = float(np.average(np.abs(away), weights=weights))
        scaled = squared / dataset.target_scaling()[1] ** 2
        losses = {"val_loss": scaled, "val_rmse": squared**0.5, "val_mae": absolute}
    else:
        counts = np.bincount(values, weights=weights)
        shares = counts[counts > 0] / counts.sum()
        entropy, missed = -float(shares @ np.log(shares)), 1.0 - float(shares.max())
        losses = {"val_loss": entropy, "val_accuracy": missed, "val_auc": 0.5}
    loss = losses.get(metric, 0.0)
    return loss if loss > 0.0 else None
