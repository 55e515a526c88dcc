"""Models that a network has to beat: constant, linear and gradient boosting, on the same split."""

from __future__ import annotations

import functools
import logging
import math
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.core.records import Arrays

log = logging.getLogger(__name__)

BASELINES = ("constant", "linear", "gradient_boosting")
"""In the order in which the report shows them."""

MAXIMUM_CELLS = 4_000_000
"""Training values (rows x inputs) that a baseline is fitted on at most, so that it stays a matter of
seconds beside the sweep: a larger table is thinned by a seeded sample of its rows."""


PROBED = 5
"""Iterations that are timed to find how many fit into the time left: boosting takes 15 s of a core for ten
classes of 784 pixels, less than 1 s for a table of two classes."""


@dataclass(frozen=True)
class Baseline:
    """A fitted baseline."""

    model: Any
    """An estimator of scikit-learn."""
    outputs: int
    share: float = 1.0
    """Share of its iterations that there was time for."""

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Return the predictions for encoded rows, (rows, *input_shape).

        Returns:
            Float64 (rows, outputs), as `Arrays.y_train`: standardised targets, or class probabilities.
        """
        from threadpoolctl import threadpool_limits

        flat = x.reshape(len(x), -1)
        with threadpool_limits(1):
            if not hasattr(self.model, "classes_"):
                return np.asarray(self.model.predict(flat), dtype=np.float64).reshape(-1, 1)
            shares = np.zeros((len(x), self.outputs))
            shares[:, self.model.classes_] = self.model.predict_proba(flat)
        return shares


def fit_baselines(arrays: Arrays, seed: int, seconds: float | None = None) -> dict[str, Baseline]:
    """Fit each baseline on the training rows; one that cannot be fitted is left out with a warning.

    Args:
        seed: For boosting, and for the sample of a very large table.
        seconds: Time limit for all of them together, approximate; None: no limit. A limit that is not
            reached changes no result.
    """
    until = math.inf if seconds is None else time.perf_counter() + seconds
    from threadpoolctl import threadpool_limits

    rows = _sample(arrays, seed)
    inputs = arrays.x_train[rows].reshape(len(rows), -1)
    weights = None if arrays.train_weight is None else arrays.train_weight[rows]
    truth = arrays.y_train[rows]
    fitted = {}
    for name, model in _models(seed, regression=arrays.regression).items():
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
        fitted[name] = Baseline(model, arrays.outputs, share)
    return fitted


def _in_pairs(classes: np.ndarray) -> np.ndarray:
    """Return all row numbers, and again those of classes with a single row.

    Boosting of more than 10,000 rows splits each class in two for early stopping.
    """
    lone = np.bincount(classes)[classes] == 1
    return np.concatenate([np.arange(len(classes)), np.flatnonzero(lone)])


def _fit(model: Any, fit: Callable[[], object], seconds: float) -> float:
    """Fit a model with as many iterations as fit into `seconds`; return their share of all.

    A few iterations are timed first; then the model is fitted anew with the number that is affordable.
    """
    most = getattr(model, "max_iter", None)
    if not math.isfinite(seconds) or not isinstance(most, int):
        fit()
        return 1.0
    model.set_params(max_iter=PROBED)
    started = time.perf_counter()
    with warnings.catch_warnings(action="ignore"):  # it has not converged yet
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


def _models(seed: int, *, regression: bool) -> dict[str, Any]:
    """Return the unfitted estimators of the baselines, by name."""
    from sklearn import dummy, ensemble, linear_model

    if regression:
        # A little ridge: one-hot columns are collinear, and plain least squares may then explode.
        linear, constant = linear_model.Ridge(alpha=1.0), dummy.DummyRegressor()
        boosted = ensemble.HistGradientBoostingRegressor(random_state=seed)
    else:
        linear = linear_model.LogisticRegression(max_iter=500)
        constant = dummy.DummyClassifier(strategy="prior")
        boosted = ensemble.HistGradientBoostingClassifier(random_state=seed)
    return dict(zip(BASELINES, (constant, linear, boosted), strict=True))
