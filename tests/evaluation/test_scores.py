"""Scores agree with scikit-learn and with Keras' definition of cross-entropy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from pipeline.core.losses import row_losses
from pipeline.core.statistics import mean_error
from pipeline.evaluation.scores import all_scores


def standard_error(losses: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Return the root of the variance of the mean, by the one statistics module."""
    return mean_error(losses, weights=weights).root


def _classes(rows: int, outputs: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.r_[np.arange(outputs), rng.integers(outputs, size=rows - outputs)]
    truth = np.eye(outputs, dtype=np.float32)[labels]
    shares = rng.dirichlet(np.ones(outputs), size=rows)
    return truth, shares


@given(st.integers(6, 60), st.integers(2, 5), st.integers(0, 10_000))
def test_classification_scores_agree_with_scikit_learn(rows: int, outputs: int, seed: int) -> None:
    """Log-loss, accuracy and AUC are the textbook ones."""
    truth, shares = _classes(rows, outputs, seed)
    found = all_scores(truth, shares, regression=False)
    actual = truth.argmax(axis=1)
    labels = list(range(outputs))
    expected = metrics.log_loss(actual, np.clip(shares, 1e-7, 1), labels=labels)
    assert found["loss"] == pytest.approx(expected, rel=1e-4)
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(actual, shares.argmax(axis=1)))
    if outputs == 2:
        assert found["auc"] == pytest.approx(metrics.roc_auc_score(actual, shares[:, 1]))


@given(st.integers(3, 60), st.floats(0.1, 100), st.integers(0, 10_000))
def test_regression_scores_are_in_the_targets_own_unit(rows: int, scale: float, seed: int) -> None:
    """RMSE and MAE are those of the unscaled values; the loss stays standardised."""
    rng = np.random.default_rng(seed)
    truth, guess = rng.normal(size=(rows, 1)), rng.normal(size=(rows, 1))
    found = all_scores(truth, guess, regression=True, target_scale=scale)
    raw_truth, raw_guess = truth * scale + 7, guess * scale + 7
    assert found["rmse"] == pytest.approx(metrics.root_mean_squared_error(raw_truth, raw_guess))
    assert found["mae"] == pytest.approx(metrics.mean_absolute_error(raw_truth, raw_guess))
    assert found["r2"] == pytest.approx(metrics.r2_score(raw_truth, raw_guess), abs=1e-6)
    assert found["loss"] == pytest.approx(metrics.mean_squared_error(truth, guess))


def test_weights_count_rows_as_often_as_they_say() -> None:
    """A row of weight 2 counts like the same row twice."""
    truth = np.array([[0.0], [1.0], [3.0]])
    guess = np.array([[0.5], [0.0], [2.0]])
    weighted = all_scores(truth, guess, regression=True, weights=np.array([1.0, 2.0, 1.0]))
    repeated = all_scores(truth[[0, 1, 1, 2]], guess[[0, 1, 1, 2]], regression=True)
    for name in ("loss", "rmse", "mae", "r2"):
        assert weighted[name] == pytest.approx(repeated[name]), name


def test_a_certain_wrong_class_costs_a_finite_loss() -> None:
    """Probability 0 for the true class counts as Keras' epsilon."""
    loss = row_losses(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]]), regression=False)
    assert loss == pytest.approx([-np.log(1e-7)])


def test_the_standard_error_of_one_row_is_zero() -> None:
    """One row says nothing about spread."""
    assert standard_error(np.array([3.0])) == 0.0
    assert standard_error(np.array([1.0, 3.0])) == pytest.approx(1.0)


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=50), st.sampled_from([0.25, 1.0, 3.0]))
def test_equal_weights_are_no_weights(losses: list[float], weight: float) -> None:
    """The standard error is exactly the textbook's of a plain mean."""
    rows = np.array(losses)
    plain = float(rows.std(ddof=1) / np.sqrt(rows.size))
    assert standard_error(rows) == pytest.approx(plain, rel=1e-9, abs=1e-9)
    equal = standard_error(rows, np.full(rows.size, weight))
    assert equal == pytest.approx(plain, rel=1e-9, abs=1e-9)


@given(st.integers(2, 50), st.floats(0.01, 100), st.integers(0, 10_000))
def test_the_weighted_standard_error_has_its_closed_form(rows: int, unit: float, seed: int) -> None:
    """Of w (loss - mean) / mean w, whatever the unit of the weights; a heavy row draws the mean to itself."""
    rng = np.random.default_rng(seed)
    losses, weights = rng.gamma(2.0, size=rows), rng.uniform(0.2, 5.0, rows)
    away = weights * (losses - np.average(losses, weights=weights)) / weights.mean()
    drawn = (1 - 1 / rows) / (1 - weights / weights.sum())
    expected = np.sqrt((away * np.sqrt(drawn)).var(ddof=1) / rows)
    assert standard_error(losses, weights * unit) == pytest.approx(expected)


def test_the_weighted_standard_error_is_that_of_a_bootstrap() -> None:
    """Rows are drawn with their weights; the plain formula is far off here."""
    rng = np.random.default_rng(0)
    weights = rng.gamma(0.5, size=2000) + 0.01
    losses = rng.gamma(1.0, size=2000) * (1 + weights)
    drawn = rng.integers(2000, size=(2000, 2000))
    means = (weights[drawn] * losses[drawn]).sum(axis=1) / weights[drawn].sum(axis=1)
    assert standard_error(losses, weights) == pytest.approx(means.std(), rel=0.06)
    assert standard_error(losses) < 0.6 * means.std()


def test_scores_tell_the_error_of_the_weighted_loss() -> None:
    """`loss` and `loss_se` are of the same mean."""
    truth, guess = np.array([[0.0], [0.0], [0.0]]), np.array([[1.0], [2.0], [0.0]])
    weights = np.array([1.0, 4.0, 1.0])
    found = all_scores(truth, guess, regression=True, weights=weights)
    losses = row_losses(truth, guess, regression=True)
    assert found["loss"] == pytest.approx(17 / 6)
    assert found["loss_se"] == mean_error(losses, weights=weights).se


def test_the_base_rate_is_that_of_the_most_frequent_class() -> None:
    """An accuracy of 95 % is nothing where 95 % of the weight is in one class."""
    truth = np.eye(2)[[0] * 19 + [1]]
    shares = np.tile([0.9, 0.1], (20, 1))
    found = all_scores(truth, shares, regression=False)
    assert (found["accuracy"], found["base_rate"]) == (0.95, 0.95)
    heavy = all_scores(truth, shares, regression=False, weights=np.array([1.0] * 19 + [19.0]))
    assert heavy["base_rate"] == pytest.approx(0.5)
