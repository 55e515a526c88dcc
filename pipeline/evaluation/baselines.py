"""Models that a network has to beat: constant, linear and gradient boosting, on the same split."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.records import Arrays

log = logging.getLogger(__name__)

BASELINES = ("constant", "linear", "gradient_boosting")
"""In the order in which the report shows them."""

MAXIMUM_CELLS = 4_000_000
"""Training values (rows x inputs) that a baseline is fitted on at most, so that it stays a matter of
seconds beside the sweep: a larger table is thinned by a seeded sample of its rows."""


def fit_baselines(arrays: Arrays, seed: int) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """Fit each baseline on the training rows.

    Returns:
        By name, a function from encoded rows (rows, *input_shape) to predictions (rows, outputs) in
        the units of `Arrays.y_train`: standardised targets, or class probabilities.
    """
    from threadpoolctl import threadpool_limits

    rows = _sample(arrays, seed)
    inputs = arrays.x_train[rows].reshape(len(rows), -1)
    weights = None if arrays.train_weight is None else arrays.train_weight[rows]
    truth = arrays.y_train[rows]
    fitted = {}
    for name in BASELINES:
        model = _model(name, seed, regression=arrays.regression)
        target = truth[:, 0] if arrays.regression else truth.argmax(axis=1)
        # One thread: on a busy machine OpenMP's threads wait for each other in loops. Boosting on
        # 22,000 x 92 values took 1.3 s of processor time on one thread and 26 to 30 s on two.
        with threadpool_limits(1):
            model.fit(inputs, target, sample_weight=weights)
        fitted[name] = _predictor(model, arrays.outputs, regression=arrays.regression)
    return fitted


def _sample(arrays: Arrays, seed: int) -> np.ndarray:
    """Return the training rows to fit on, all of them unless the table is very large."""
    rows = len(arrays.x_train)
    width = max(1, int(np.prod(arrays.input_shape)))
    most = max(1000, MAXIMUM_CELLS // width)
    if rows <= most:
        return np.arange(rows)
    log.info("baselines are fitted on a sample of %d of %d training rows", most, rows)
    return np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))


def _model(name: str, seed: int, *, regression: bool) -> Any:
    """Return the unfitted scikit-learn estimator of a baseline."""
    from sklearn import dummy, ensemble, linear_model

    if name == "constant":
        return dummy.DummyRegressor() if regression else dummy.DummyClassifier(strategy="prior")
    if name == "linear":
        # A little ridge: one-hot columns are collinear, and plain least squares may then explode.
        return (
            linear_model.Ridge(alpha=1.0)
            if regression
            else linear_model.LogisticRegression(max_iter=500)
        )
    boosted = (
        ensemble.HistGradientBoostingRegressor
        if regression
        else ensemble.HistGradientBoostingClassifier
    )
    return boosted(random_state=seed)


def _predictor(
    model: Any,
    outputs: int,
    *,
    regression: bool,
) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function from encoded rows to predictions in the units of the arrays."""
    from threadpoolctl import threadpool_limits

    def predict(x: np.ndarray) -> np.ndarray:
        flat = x.reshape(len(x), -1)
        with threadpool_limits(1):
            if regression:
                return np.asarray(model.predict(flat), dtype=np.float64).reshape(-1, 1)
            shares = np.zeros((len(x), outputs))
            shares[:, model.classes_] = model.predict_proba(flat)
        return shares

    return predict
