"""How the champion stands to each model beside it: on the same rows, by the objective."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pipeline.core.losses import row_losses
from pipeline.core.statistics import Difference, paired
from pipeline.evaluation.scores import BINARY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.data import Dataset

CONSTANT = "constant"


class PredictedRows(NamedTuple):
    """What a model predicts for some rows."""

    rows: np.ndarray
    """Row numbers, (rows,)."""
    outputs: np.ndarray
    """(rows, outputs), in the units of the first fold's arrays."""


def lag(
    dataset: Dataset, one: PredictedRows, champion: PredictedRows, metric: str
) -> Difference | None:
    """Return by how much a model is worse than the champion, on the rows that both predict.

    Args:
        dataset: The prepared table.
        one: The model.
        champion: The champion.
        metric: The objective, as it is logged: `val_loss`, `val_auc`, ...

    Returns:
        Its mean is in the unit of the metric, above 0 where the model is worse than the champion
        (so of an accuracy the champion's minus the model's); None where no row is shared.
    """
    rows, own, other = np.intersect1d(one.rows, champion.rows, return_indices=True)
    if not len(rows):
        return None
    truth = dataset.encoded_targets(rows)
    weights = dataset.sample_weight(rows)
    regression, scale = dataset.regression, dataset.target_scaling()[1]
    values = [
        row_values(metric, truth, outputs, weights, regression=regression) * unit(metric, scale)
        for outputs in (one.outputs[own], champion.outputs[other])
    ]
    return paired(values[0], values[1], weights=weights, clusters=dataset.clusters(rows))


def unit(metric: str, target_scale: float) -> float:
    """Return what a row's value is multiplied by to be in the metric's unit."""
    return target_scale if metric == "val_mae" else 1.0


def row_values(
    metric: str,
    truth: np.ndarray,
    predicted: np.ndarray,
    weights: np.ndarray | None,
    *,
    regression: bool,
) -> np.ndarray:
    """Return a value for each row whose weighted mean is the metric, lower is better.

    Of accuracy and AUC it is the negative. The AUC is no mean over rows, but to first order it is: of
    each row's share in it (the structural components of DeLong, DeLong and Clarke-Pearson 1988, as a
    linearised mean over all rows). A root mean squared error is compared by its square.

    Args:
        metric: As it is logged: `val_loss`, `val_auc`, ...
        truth: (rows, outputs), standardised targets or one-hot classes.
        predicted: (rows, outputs), standardised predictions or class probabilities.
        weights: (rows,) or None.
        regression: Whether targets are numbers.
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
    shares: np.ndarray = area + stretched * (placed - area)
    return shares


def lags(
    dataset: Dataset, models: Mapping[str, PredictedRows], champion: str, metric: str
) -> dict[str, Difference]:
    """Return the `lag` of every model behind the champion."""
    own = models[champion]
    found = {
        name: lag(dataset, one, own, metric) for name, one in models.items() if name != champion
    }
    return {name: one for name, one in found.items() if one is not None}
