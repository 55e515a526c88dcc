"""scikit-learn estimators over the sweep: `fit` finds the right-sized network, `predict` uses it.

In a notebook or a Pipeline::

    from pipeline.estimators import CapacityClassifier

    network = CapacityClassifier(seconds=60, random_state=0).fit(X, y)
    network.predict_proba(X_new)
    network.answer_

Parameters and attributes follow https://scikit-learn.org/stable/developers/develop.html.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,
    check_array,
    check_consistent_length,
    check_is_fitted,
    check_random_state,
    check_X_y,
    validate_data,
)

from pipeline import api
from pipeline.core.errors import ConfigError, DataError, NoUsableTrialError
from pipeline.data.typed import tidy
from pipeline.ledger.location import resolve
from pipeline.session import results
from pipeline.session.guest import guest
from pipeline.terminal.notebook import in_notebook

if TYPE_CHECKING:
    from pipeline.figures.palette import Figure

LARGEST_SEED = 2**31 - 1
_GIVEN: dict[str, dict[str, Any]] = {
    "regression": {"data.task": "regression", "data.test_fraction": 0},
    "classification": {
        "data.task": "classification",
        "data.test_fraction": 0,
        "data.na_is_class": True,
    },
}
"""Overrides of `fit` by task: the caller holds test rows back, and no label means missing."""


class _Capacity(BaseEstimator):
    """The common part of both estimators: parameters, the sweep of `fit`, and the model that it keeps."""

    _task: ClassVar[str]

    def __init__(
        self,
        *,
        seconds: float | None = None,
        experiment: str | None = None,
        champion: str | None = None,
        random_state: int | np.random.RandomState | None = None,
        tracking_uri: str | None = None,
        overrides: Mapping[str, Any] | None = None,
        verbose: bool | None = None,
    ) -> None:
        """Keep the parameters as they are; `fit` reads them.

        Args:
            seconds: Time limit of `fit` (`budget.seconds`); None: until the search has ended.
            experiment: A recipe of `conf/experiment`, such as `thorough`.
            champion: `median` (one network), or how to combine several; None: as configured.
            random_state: Seed of splits and networks; None: the configuration's, which is fixed too.
            tracking_uri: MLflow store of the sweep; None: sqlite under `mlruns/`.
            overrides: Any other key of the command line, for example {"search.space.units_max": 64}.
            verbose: Whether `fit` shows its progress; None: only in a notebook.
        """
        self.seconds = seconds
        self.experiment = experiment
        self.champion = champion
        self.random_state = random_state
        self.tracking_uri = tracking_uri
        self.overrides = overrides
        self.verbose = verbose

    def fit(self, X: Any, y: Any, sample_weight: Any = None, groups: Any = None) -> Self:  # noqa: N803
        """Sweep over network sizes on these rows and keep the champion.

        All rows serve the search (`data.test_fraction=0`): the caller of `fit` holds test rows back.

        Args:
            X: DataFrame or array of shape (rows, columns); missing values and texts are allowed.
            y: Target of shape (rows,).
            sample_weight: Weights of shape (rows,), >= 0; rows of weight 0 are left out.
            groups: Shape (rows,); rows of one group stay on one side of the validation split.

        Raises:
            ValueError: Rows, target or parameters cannot be used; the message says what to change.
            SweepError: The store or the budget ended the sweep.
        """
        rows = self._rows(X, reset=True)
        target = self._target(rows, y)
        table, roles = _table(rows, target, sample_weight, groups)
        given = _GIVEN[self._task] | roles | self._arguments()
        verbose = in_notebook() if self.verbose is None else self.verbose
        try:
            result = api.sweep(table, target.name, verbose=verbose, **given)
        except (ConfigError, DataError, NoUsableTrialError) as error:
            raise ValueError(str(error)) from error
        self._keep(result)
        return self

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """Return the predicted targets, shape (rows,)."""
        return self._predicted(X)["prediction"].to_numpy(dtype=np.float64)

    def report(self, path: str | Path = "report.html") -> str:
        """Write the sweep's report page, which needs its store; return the path."""
        check_is_fitted(self)
        return results.report(self.sweep_id_, str(path), self.tracking_uri)

    def figure(self, name: str = "capacity") -> Figure:
        """Return a figure of the report, which needs the sweep's store."""
        check_is_fitted(self)
        return results.figure(self.sweep_id_, name, self.tracking_uri)

    def __sklearn_tags__(self) -> Any:
        """Return the tags of scikit-learn: texts, categories and missing values are allowed."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags

    def _arguments(self) -> dict[str, Any]:
        """Return the parameters as keys of the command line; `overrides` take precedence."""
        if not isinstance(self.overrides, Mapping | None):
            raise ValueError(  # noqa: TRY004 - bad input is a ValueError here
                f"overrides={self.overrides!r}: must map keys to values, {{'training.epochs': 50}}"
            )
        arguments: dict[str, Any] = {
            "budget.seconds": self.seconds,
            "experiment": self.experiment,
            "champion": self.champion,
            "tracking.uri": self.tracking_uri,
        }
        if self.random_state is not None:
            drawn = check_random_state(self.random_state).randint(LARGEST_SEED)
            whole = isinstance(self.random_state, int | np.integer)
            arguments["seed"] = self.random_state if whole else int(drawn)
        return {key: value for key, value in arguments.items() if value is not None} | dict(
            self.overrides or {}
        )

    def _rows(self, X: Any, *, reset: bool) -> pd.DataFrame:  # noqa: N803
        """Return the rows as a DataFrame with names as text; checked as scikit-learn checks them."""
        if isinstance(X, pd.DataFrame):
            validate_data(self, X, reset=reset, skip_check_array=True)
            if 0 in X.shape:
                check_array(np.empty(X.shape))  # raises scikit-learn's own error
            frame = X.reset_index(drop=True)
        else:
            checked = validate_data(self, X, reset=reset, dtype=None, ensure_all_finite="allow-nan")
            frame = pd.DataFrame(checked).infer_objects()
        names = getattr(self, "feature_names_in_", None)
        if names is None:
            names = [f"x{position}" for position in range(frame.shape[1])]
        return frame.set_axis([str(name) for name in names], axis=1)

    def _target(self, rows: pd.DataFrame, y: Any) -> pd.Series:
        """Return the target as a column with a name that no other column has."""
        name = str(getattr(y, "name", None) or "target")
        if isinstance(y, pd.Series) and not isinstance(y.dtype, np.dtype):
            if y.isna().any():
                raise ValueError("Input y contains NaN.")
            y = pd.Series(y.tolist()).to_numpy()  # labels of a nullable dtype stay whole, or truths
        _, values = check_X_y(
            np.zeros((len(rows), 1)),
            y,
            y_numeric=self._task == "regression",
            ensure_min_samples=2,
            estimator=self,
        )
        return pd.Series(self._encoded(values), name=_free(name, rows))

    def _encoded(self, values: np.ndarray) -> Any:
        """Return the target's values for the sweep."""
        return values.astype(np.float64)

    def _keep(self, result: api.SweepResult) -> None:
        """Keep the results and the model, so that the fitted estimator needs no store."""
        from pipeline.models.find_model import PortableModel

        self.sweep_id_ = result.run_id
        self.champion_: dict[str, Any] = result.summary["champion"]
        self.answer_ = result.answer
        self.results_ = results.trials(result.record)
        with guest():
            self.model_ = PortableModel.download(resolve(result.tracking_uri), result.run_id)

    def _predicted(self, X: Any) -> pd.DataFrame:  # noqa: N803
        check_is_fitted(self)
        from pipeline.data.frame import plain_frame

        with guest():
            return self.model_.predictor.predict(plain_frame(self._rows(X, reset=False)))


class CapacityRegressor(RegressorMixin, _Capacity):
    """The right-sized network for a number.

    Attributes:
        champion_: Capacity, parameters, learning rate and score of the network that was chosen.
        answer_: What was chosen and why, in three sentences.
        results_: One row a trial, best first.
        sweep_id_: The sweep's run in the MLflow store.
        model_: The saved network; pickling the estimator takes it along.
    """

    _task = "regression"


class CapacityClassifier(ClassifierMixin, _Capacity):
    """The right-sized network for classes.

    Attributes:
        classes_: Labels, sorted, in the order of the columns of `predict_proba`.
        champion_: Capacity, parameters, learning rate and score of the network that was chosen.
        answer_: What was chosen and why, in three sentences.
        results_: One row a trial, best first.
        sweep_id_: The sweep's run in the MLflow store.
        model_: The saved network; pickling the estimator takes it along.
    """

    _task = "classification"

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """Return the most probable label of each row, shape (rows,)."""
        shares = self.predict_proba(X)
        return self.classes_[shares.argmax(axis=1)]

    def predict_proba(self, X: Any) -> np.ndarray:  # noqa: N803
        """Return probabilities, float64 of shape (rows, classes), in the order of `classes_`."""
        predicted = self._predicted(X)
        return predicted[[f"probability_{name}" for name in self._labels]].to_numpy(
            dtype=np.float64
        )

    def _encoded(self, values: np.ndarray) -> Any:
        """Return the labels as unique texts, which the sweep accepts whatever the labels are."""
        if pd.isna(values).any():
            raise ValueError("Input y contains NaN.")
        try:
            check_classification_targets(values)
            self.classes_, codes = np.unique(values, return_inverse=True)
        except TypeError as error:
            raise ValueError(f"y holds labels that cannot be told apart: {error}") from error
        if len(self.classes_) < 2:  # noqa: PLR2004
            raise ValueError(
                f"y has one class, {self.classes_.tolist()[0]!r}: CapacityClassifier needs two or more"
            )
        names = [str(label).strip() for label in self.classes_]
        if len({*names} - {""}) < len(names):
            names = [f"class {position}" for position in range(len(names))]
        self._labels = names
        return np.array(names, dtype=object)[codes]


def _table(
    rows: pd.DataFrame, target: pd.Series, sample_weight: Any, groups: Any
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the table of the sweep, and the overrides that name its group and weight columns."""
    table, roles = rows.copy(), dict[str, Any]()
    table[target.name] = target
    if groups is not None:
        check_consistent_length(rows, groups)
        roles["data.group"] = _free("groups", table)
        table[roles["data.group"]] = pd.factorize(np.asarray(groups))[0]
    if sample_weight is not None:
        weights = _check_sample_weight(sample_weight, rows, ensure_non_negative=True)
        used = weights > 0
        if len(set(weights[used])) > 1:  # equal weights are none
            roles["data.weight"] = _free("sample_weight", table)
            table[roles["data.weight"]] = weights
        table = table[used]
    return table.reset_index(drop=True), roles


def _free(name: str, table: pd.DataFrame) -> str:
    """Return a column name that the table does not have yet."""
    while tidy(name) in {*map(tidy, table.columns)}:
        name += "_"
    return name
