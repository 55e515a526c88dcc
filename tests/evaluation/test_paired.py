"""Values of rows by which models are compared: their mean is the metric, their spread its error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from pipeline.config.schema_data import DataConfig
from pipeline.core.statistics import paired
from pipeline.data import prepare
from pipeline.evaluation.folds import Average
from pipeline.evaluation.scores import lag, row_values

if TYPE_CHECKING:
    from pathlib import Path


def predicted(rows: np.ndarray, outputs: np.ndarray) -> Average:
    """Return what a model predicts for some rows."""
    found = Average(rows, outputs.shape[1])
    found.add(rows, outputs)
    return found


def drawn(rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return truth, and the scores of two models that see the same noise in part."""
    rng = np.random.default_rng(seed)
    truth = np.eye(2)[(rng.random(rows) < 0.3).astype(int)]
    shared = rng.normal(size=rows)
    one, other = (
        truth[:, 1] + 0.8 * shared + 0.6 * rng.normal(size=rows).round(1) for _ in range(2)
    )
    return truth, one, other


def shares(score: np.ndarray) -> np.ndarray:
    """Return probabilities of two classes."""
    second = 1 / (1 + np.exp(-score))
    return np.stack([1 - second, second], axis=1)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_mean_of_the_values_is_the_metric(weighted: bool) -> None:
    """AUC with ties and weights, accuracy, absolute error: as scikit-learn has them."""
    truth, score, _ = drawn(300)
    weights = np.random.default_rng(1).uniform(0.2, 3, 300) if weighted else None
    predicted = shares(score.round(1))
    values = row_values("val_auc", truth, predicted, weights, regression=False)
    auc = metrics.roc_auc_score(truth[:, 1], predicted[:, 1], sample_weight=weights)
    assert np.average(values, weights=weights) == pytest.approx(-auc)
    hits = row_values("val_accuracy", truth, predicted, weights, regression=False)
    right = predicted.argmax(1) == truth.argmax(1)
    assert np.average(hits, weights=weights) == pytest.approx(-np.average(right, weights=weights))
    away = row_values("val_mae", truth[:, :1], predicted[:, :1], weights, regression=True)
    assert np.average(away, weights=weights) == pytest.approx(
        np.average(np.abs(truth[:, 0] - predicted[:, 0]), weights=weights)
    )


def test_the_error_of_a_difference_of_two_aucs_is_true() -> None:
    """DeLong's, against the spread over 400 samples of rows; unpaired it would be far too wide."""
    found = []
    for seed in range(400):
        truth, one, other = drawn(200, seed)
        values = [
            row_values("val_auc", truth, shares(s), None, regression=False) for s in (one, other)
        ]
        found.append((paired(values[0], values[1]), paired(values[0], np.zeros(200))))
    spread = np.std([gap.mean for gap, _ in found])
    assert np.mean([gap.root for gap, _ in found]) == pytest.approx(spread, rel=0.1)
    assert np.mean([own.root for _, own in found]) > 1.1 * spread


STORMS, EACH = 40, 15


@pytest.mark.parametrize(
    ("options", "units"), [({}, None), ({"group": "storm"}, "storm"), ({"time": "hour"}, "block")]
)
def test_rows_that_vary_together_count_as_one(
    options: dict[str, str], units: str | None, tmp_path: Path
) -> None:
    """The gap of two models, whose errors are shared within a storm, is as sure as its storms are many."""
    rng = np.random.default_rng(0)
    storm = np.repeat(np.arange(STORMS), EACH)
    table = pd.DataFrame(
        {
            "storm": [f"s{one}" for one in storm],
            "hour": pd.date_range("2024-01-01", periods=len(storm), freq="h"),
            "x": rng.normal(size=len(storm)),
            "y": rng.normal(size=len(storm)) + rng.normal(size=STORMS)[storm],
        }
    )
    table.to_csv(tmp_path / "storms.csv", index=False)
    config = DataConfig(
        name="t", path=str(tmp_path / "storms.csv"), target="y", test_fraction=0.5, **options
    )
    dataset = prepare(config, 0)
    test = dataset.split.test
    clusters = dataset.clusters(test)
    if units is None:
        assert clusters is None
    else:
        assert clusters is not None
        counted = len(np.unique(clusters))
        assert counted == (table["storm"].iloc[test].nunique() if units == "storm" else 17)
    zero, level = np.zeros((len(test), 1)), np.full((len(test), 1), 0.8)
    found = lag(dataset, predicted(test, level), predicted(test, zero), "val_loss")
    assert found is not None
    truth = dataset.encoded_targets(test).astype(np.float64)
    losses = [row_values("val_loss", truth, p, None, regression=True) for p in (level, zero)]
    alone = paired(losses[0], losses[1])
    assert found.mean == pytest.approx(alone.mean)
    if units is None:
        assert found.se == pytest.approx(alone.se)
    else:
        assert found.root > 1.5 * alone.root
