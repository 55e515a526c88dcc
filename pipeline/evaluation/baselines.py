"""Models that a network has to beat: constant, linear and gradient boosting, on the same split."""

from __future__ import annotations

import functools
import logging
import math
import time
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.core.records import Arrays

log = logging.getLogger(__name__)

BASELINES = ("constant", "linear", "gradient_boosting")
"""In the order in which the report shows them."""

MAXIMUM_CELLS = 4_000_000
"""Training values (rows x inputs) that a baseline is fitted on at most, so that it stays a matter of
seconds beside the sweep: a larger table is thinned by a seeded sample of its rows."""


PROBED = 5
"""Iterations whose time tells how many there is time for. Ten classes of 784 pixels take boosting 15 s of
a core, a table of two classes less than one: no formula says it as well."""


@dataclass(frozen=True)
class Baseline:
    """A fitted baseline."""

    predict: Callable[[np.ndarray], np.ndarray]
    """From encoded rows (rows, *input_shape) to predictions (rows, outputs) in the units of
    `Arrays.y_train`: standardised targets, or class probabilities."""
    share: float = 1.0
    """Of its iterations that there was time for."""

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Return the predictions."""
        return self.predict(x)


def fit_baselines(arrays: Arrays, seed: int, seconds: float | None = None) -> dict[str, Baseline]:
    """Fit each baseline on the training rows.

    Args:
        arrays: The split.
        seed: Of boosting, and of the sample of a very large table.
        seconds: That they may take together, about; None: as long as they need. Where that is enough,
            they are the same.

    Returns:
        Each by its name; without one that cannot be fitted, which is said.
    """
    until = math.inf if seconds is None else time.perf_counter() + seconds
    from threadpoolctl import threadpool_limits

    rows = _sample(arrays, seed)
    inputs = arrays.x_train[rows].reshape(len(rows), -1)
    weights = None if arrays.train_weight is None else arrays.train_weight[rows]
    truth = arrays.y_train[rows]
    fitted = {}
    for name in BASELINES:
        model = _model(name, seed, regression=arrays.regression)
        target = truth[:, 0] if arrays.regression else truth.argmax(axis=1)
        is_parted = name == "gradient_boosting" and not arrays.regression
        places = _in_pairs(target) if is_parted else np.arange(len(target))
        # One thread: on a busy machine OpenMP's threads wait for each other in loops. Boosting on
        # 22,000 x 92 values took 1.3 s of processor time on one thread and 26 to 30 s on two.
        own = None if weights is None else weights[places]
        fit = functools.partial(model.fit, inputs[places], target[places], sample_weight=own)
        left = until - time.perf_counter()
        try:
            with threadpool_limits(1):
                share = _fit(model, fit, left / 2 if name == "linear" else left)
        except Exception as error:  # noqa: BLE001 - the champion must not be lost for what stands beside it
            log.warning(
                "the baseline %s could not be fitted: %s", name, str(error) or type(error).__name__
            )
            continue
        if share < 1.0:
            log.warning(
                "the baseline %s was given %.0f %% of its iterations: the budget ends",
                name,
                100 * share,
            )
        predict = _predictor(model, arrays.outputs, regression=arrays.regression)
        fitted[name] = Baseline(predict, share)
    return fitted


def _in_pairs(classes: np.ndarray) -> np.ndarray:
    """Return all places, and once more those of classes that have one row.

    Boosting of more than 10,000 rows parts each class in two, to see when to stop.
    """
    lone = np.bincount(classes)[classes] == 1
    return np.concatenate([np.arange(len(classes)), np.flatnonzero(lone)])


def _fit(model: Any, fit: Callable[[], object], seconds: float) -> float:
    """Fit a model with as many iterations as there is time for; return their share.

    Few are made first, and timed; then all that fit, from the start, as if the time had been known.
    """
    most = getattr(model, "max_iter", None)
    if not math.isfinite(seconds) or not isinstance(most, int):
        fit()
        return 1.0
    model.set_params(max_iter=PROBED)
    started = time.perf_counter()
    with warnings.catch_warnings(action="ignore"):  # of course it has not converged
        fit()
        took = time.perf_counter() - started
        if np.max(model.n_iter_) < PROBED:  # that was all
            return 1.0
        affordable = min(most, int(PROBED * (seconds - took) / took))
        if affordable <= PROBED:
            return PROBED / most
        model.set_params(max_iter=affordable)
        fit()
    return affordable / most if np.max(model.n_iter_) >= affordable else 1.0


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
