"""Encoders: typed columns to float32 inputs. Only classes of scikit-learn, fitted on training rows.

So skops stores them without pickle, and a saved model needs no class of this package; beyond its own list
skops must trust `numpy.dtype` (used by SimpleImputer) and `numpy.clip`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np
import pandas as pd
import sklearn
from sklearn.compose import ColumnTransformer
from sklearn.frozen import FrozenEstimator
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from pipeline.config.choices import encoding_parts
from pipeline.data.inputs import embedded_columns, level_limits, quantile_edges, spread
from pipeline.data.typed import Column, Kind

Steps = list[tuple[str, Any]]
"""Fitted steps of a scikit-learn pipeline, by name."""
NEVER = (1e300, 2e300)
"""Ends of an interval that no number reaches: its input is always 0."""
QUANTILES = 1000
MOST_DEVIATIONS = 1e6
"""Largest input in any encoding."""
SMOOTH_LIMIT = 3.0
"""Where the smooth clip of `robust` levels off (Holzmueller et al. 2024, RealMLP)."""


def fit_encoder(
    frame: pd.DataFrame, known: pd.DataFrame, columns: Sequence[Column], encoding: str
) -> Any:
    """Return a fitted transformer from typed columns to float32 inputs.

    Numbers (dates have become numbers): the median where a value is missing, then

    - `standard`: mean 0, standard deviation 1;
    - `robust`: median 0, interquartile range 1, smoothly limited to -3 .. 3;
    - `quantile`: the normal distribution's quantiles;
    - `piecewise`: one input per interval between quantiles, 0 below it and 1 above it, linear inside
      (Gorishniy et al. 2022, "On embeddings for numerical features in tabular deep learning");
    - `embedded`: both `standard` and `piecewise` of each number, arranged as a `Grid` of which the
      network makes EMBEDDED trainable numbers each; few intervals stay as they are, behind the grid.

    Every number with missing training values gets an indicator. Categories: one-hot; rare levels
    share an input, which is also that of unknown levels (all zeros where no level is rare).

    Args:
        frame: Typed training rows, as `typed` returns them: medians, means and quantiles are theirs.
        known: Typed rows that decide which inputs there are (levels, indicators, intervals). The same
            training rows; with k-fold all rows that are not test rows, so that every fold has the
            same inputs.
        encoding: A name of `config.choices.Encoding`, or `piecewise-48` for 48 intervals a number.
    """
    numbers = [
        name for column in columns if column.kind is not Kind.category for name in column.outputs
    ]
    categories = [column.name for column in columns if column.kind is Kind.category]
    missing = [name for name in numbers if known[name].isna().any()]
    parts: list[tuple[str, Any, list[str]]] = []
    if numbers:
        scaled = _fitted_numbers(frame[numbers], known[numbers], encoding)
        parts.append(("numbers", scaled, numbers))
    if missing:
        parts.append(("missing", MissingIndicator(features="all").fit(known[missing]), missing))
    if categories:
        fewest, most = level_limits(len(known), len(categories))
        one_hot = OneHotEncoder(
            min_frequency=fewest,
            max_categories=most,
            handle_unknown="infrequent_if_exist",
            sparse_output=False,
            dtype=np.float32,
        )
        parts.append(("categories", one_hot.fit(known[categories]), categories))
    # Fitting a ColumnTransformer also transforms; with frozen parts two rows of it are enough, and
    # a large table is never encoded only to be thrown away.
    frozen = [(name, FrozenEstimator(part), names) for name, part, names in parts]
    together = ColumnTransformer(frozen, sparse_threshold=0.0).fit(frame.iloc[:2])
    limit = _clip(-MOST_DEVIATIONS, MOST_DEVIATIONS)  # a wild later row must not overflow float32
    return Pipeline([("columns", together), ("limit", limit), ("float32", to_float32())])


def _clip(low: float, high: float) -> Any:
    """Return the identity between two ends. Clipping by MinMaxScaler takes fifty times as long."""
    return FunctionTransformer(np.clip, kw_args={"a_min": low, "a_max": high})


def to_float32() -> Any:
    """Return the last step of every encoder, and all of it for pixels: the network scales those."""
    # A ufunc, because skops trusts those: np.asarray or a function of ours it does not.
    return FunctionTransformer(np.positive, kw_args={"dtype": "float32", "casting": "unsafe"})


def _fitted_numbers(frame: pd.DataFrame, known: pd.DataFrame, encoding: str) -> Any:
    """Return the fitted encoder of numbers: imputation, then the named scaling."""
    imputer = SimpleImputer(strategy="median", keep_empty_features=True)
    filled = imputer.fit_transform(frame)
    name, bins = encoding_parts(encoding)
    match name:
        case "standard":
            scaling: Steps = [("scale", StandardScaler().fit(filled))]
        case "robust":
            scaling = _robust(filled, known.to_numpy())
        case "quantile":
            most = min(QUANTILES, len(filled))
            mapping = QuantileTransformer(
                n_quantiles=most, output_distribution="normal", random_state=0
            )
            scaling = [("quantiles", mapping.fit(filled))]
        case "piecewise":
            scaling = _piecewise(filled, known.to_numpy(), bins)
        case _:
            scaling = _embedded(filled, known.to_numpy(), bins)
    return Pipeline([("impute", imputer), *scaling])


def _robust(filled: np.ndarray, known: np.ndarray) -> Steps:
    """Return robust scaling and the smooth clip x / sqrt(1 + (x / 3)^2) = 3 sin(arctan(x / 3)).

    A column whose interquartile range is 0 (mostly one value) is scaled by half its range instead.
    """
    spreads = spread(known)
    wide, narrow = np.flatnonzero(spreads), np.flatnonzero(~spreads)
    scalers = [
        ("quartiles", RobustScaler(), wide),
        ("range", RobustScaler(quantile_range=(0.0, 100.0)), narrow),
    ]
    third = 1.0 / SMOOTH_LIMIT
    weights = {"quartiles": third, "range": 2.0 * third}
    scale = ColumnTransformer(
        [part for part in scalers if len(part[2])], transformer_weights=weights
    )
    clip = FeatureUnion(
        [("sine", FunctionTransformer(np.sin))], transformer_weights={"sine": SMOOTH_LIMIT}
    )
    return [
        ("scale", scale.fit(filled)),
        ("arctan", FunctionTransformer(np.arctan)),
        ("clip", clip.fit(filled[:2])),
    ]


def _piecewise(filled: np.ndarray, known: np.ndarray, bins: int) -> Steps:
    """Return the piecewise-linear encoding: for each interval a min-max scaler, clipped.

    Interval t of every column that has so many makes one scaler, fitted to the interval's two ends.
    """
    edges = quantile_edges(known, bins)
    parts = _intervals(edges, range(len(edges)))
    return [("intervals", ColumnTransformer(parts).fit(filled[:2]))]


def _embedded(filled: np.ndarray, known: np.ndarray, bins: int) -> Steps:
    """Return the inputs of a grid, and behind it the intervals of numbers that have few."""
    edges = quantile_edges(known, bins)
    many, few = embedded_columns(edges)
    parts = _intervals(edges, few, "few, ")
    if many:
        scaled = FrozenEstimator(StandardScaler().fit(filled[:, many]))
        parts = [("scaled", scaled, many), *_intervals(edges, many, whole=True), *parts]
    return [("intervals", ColumnTransformer(parts).fit(filled[:2]))]


def _intervals(
    edges: Sequence[np.ndarray], columns: Sequence[int], prefix: str = "", *, whole: bool = False
) -> list[tuple[str, Any, list[int]]]:
    """Return one scaler for each interval of some columns; those of the same columns are one part.

    So the columns are named once: skops takes a minute to write 48 lists of 3,000.

    Args:
        edges: Ends of the intervals of all columns.
        columns: Those that are meant.
        prefix: Of the scalers' names.
        whole: Whether a column has an input for every interval that any of them has.
    """
    scalers: list[tuple[str, Any, list[int]]] = []
    for interval in range(max((len(edges[at]) for at in columns), default=1) - 1):
        having = [at for at in columns if whole or len(edges[at]) > interval + 1]
        ends = [
            edges[at][interval : interval + 2] if len(edges[at]) > interval + 1 else NEVER
            for at in having
        ]
        scaler = FrozenEstimator(MinMaxScaler().fit(np.array(ends).T))
        scalers.append((f"{prefix}interval {interval + 1}", scaler, having))
    parts = []
    for having, together in groupby(scalers, key=itemgetter(2)):
        named = [(name, scaler) for name, scaler, _ in together]
        union = FeatureUnion(named) if len(named) > 1 else named[0][1]
        clipped = Pipeline([("scale", union), ("clip", _clip(0.0, 1.0))])
        parts.append((named[0][0], clipped, having))
    return parts


def plain_sklearn() -> AbstractContextManager[None]:
    """Use scikit-learn with its own defaults, whatever `sklearn.set_config` was told."""
    return sklearn.config_context(
        assume_finite=False,
        array_api_dispatch=False,
        transform_output="default",
        enable_metadata_routing=False,
        skip_parameter_validation=False,
    )
