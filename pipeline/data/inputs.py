"""The inputs that columns become, and their names, which derive from the columns.

Imports no scikit-learn: plans need this alone. `encode` makes the same inputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from pipeline.config.choices import EMBEDDED, encoding_parts
from pipeline.core.errors import DataError
from pipeline.core.names import Grid, Input
from pipeline.data.typed import Column, Kind

RARE_LEVELS = "(rare)"
"""Name of the input that all rare and unknown levels share."""
RARE = 5
"""A level with fewer training rows than this is rare; for large tables 1 row in 1,000."""
MOST_LEVELS = 64
"""Most one-hot inputs of a column; the rarer levels share one."""
MOST_ONE_HOT = 1024
"""Most one-hot inputs of a table."""


def inputs_of(known: pd.DataFrame, columns: Sequence[Column], encoding: str) -> tuple[Input, ...]:
    """Return the inputs of `encode.fit_encoder` for the typed rows `known`, in its order.

    Raises:
        DataError: No column varies.
    """
    numbers = [
        Input(column.name, name)
        for column in columns
        if column.kind is not Kind.category
        for name in column.outputs
    ]
    categories = [column.name for column in columns if column.kind is Kind.category]
    missing = known[[entry.name for entry in numbers]].isna().any().to_numpy()
    inputs = (
        *_scaled(known, numbers, encoding),
        *(entry.part("missing") for entry, some in zip(numbers, missing, strict=True) if some),
        *(
            Input(name, f"{name} = {level}")
            for name in categories
            for level in _levels(known[name], len(categories))
        ),
    )
    if not inputs:
        raise DataError("no input is left: every feature is constant in the training rows")
    return inputs


def _scaled(known: pd.DataFrame, numbers: list[Input], encoding: str) -> Iterator[Input]:
    """Yield the inputs of numbers: `robust` puts narrow columns last, intervals come one by one."""
    name, bins = encoding_parts(encoding)
    if name not in {"robust", "piecewise", "embedded"} or not numbers:
        yield from numbers
        return
    values = known[[entry.name for entry in numbers]].to_numpy()
    if name == "robust":
        wide = spread(values)
        yield from (numbers[place] for place in (*np.flatnonzero(wide), *np.flatnonzero(~wide)))
        return
    edges = quantile_edges(values, bins)
    many, few = embedded_columns(edges) if name == "embedded" else ([], list(range(len(edges))))
    yield from (numbers[at].part("embedded", 0) for at in many)
    for columns, whole in ((many, True), (few, False)):
        for interval in range(1, max((len(edges[at]) for at in columns), default=1)):
            having = (at for at in columns if whole or len(edges[at]) > interval)
            slot = interval if whole else None
            yield from (numbers[at].part(f"interval {interval}", slot) for at in having)


def grid_of(inputs: Sequence[Input]) -> Grid | None:
    """Return how many inputs at the start of a row the network embeds; None for none."""
    slots = [entry.slot for entry in inputs if entry.slot is not None]
    return Grid(max(slots) + 1, slots.count(0)) if slots else None


def _levels(series: pd.Series, categories: int) -> list[str]:
    """Return the levels of a category that have an input, by the rule of scikit-learn's OneHotEncoder."""
    fewest, most = level_limits(len(series), categories)
    counted = series.value_counts().sort_index()
    counts = counted.to_numpy()
    rare = counts < fewest
    if most < (~rare).sum() + 1:
        rare[np.argsort(counts, kind="stable")[: 1 - most]] = True
    levels = [str(level) for level in counted.index[~rare]]
    if rare.sum() == 1:  # named itself; unknown levels share its input
        levels.append(str(counted.index[rare][0]))
    return [*levels, RARE_LEVELS] if rare.sum() > 1 else levels


def level_limits(rows: int, categories: int) -> tuple[int, int]:
    """Return the least number of rows of a level with its own input, and the most inputs of a column."""
    return max(RARE, rows // 1000), max(2, min(MOST_LEVELS, MOST_ONE_HOT // categories))


def spread(known: np.ndarray) -> np.ndarray:
    """Return which columns have an interquartile range above 0."""
    return np.array([len(_quantiles(_given(column), [0.25, 0.75])) > 1 for column in known.T])


def _given(column: np.ndarray) -> np.ndarray:
    return column[~np.isnan(column)]


def _quantiles(values: np.ndarray, shares: Sequence[float]) -> np.ndarray:
    """Return the distinct quantiles of values without NaN, ascending; empty for no values."""
    return np.unique(np.quantile(values, shares, method="lower")) if len(values) else values


def quantile_edges(known: np.ndarray, bins: int) -> list[np.ndarray]:
    """Return the edges of at most `bins` intervals of every column: its distinct quantiles, ascending.

    A value with more than an interval's share of the rows is an edge by itself, and its intervals divide
    the other rows: so a column that is mostly 0 keeps its resolution elsewhere.
    """
    return [_edges(_given(column), bins) for column in known.T]


def _edges(values: np.ndarray, bins: int) -> np.ndarray:
    different, counts = np.unique(values, return_counts=True)
    if len(different) <= bins + 1:
        return different
    heavy = different[counts * bins > len(values)]
    others = values[~np.isin(values, heavy)] if len(heavy) else values
    ends = _quantiles(others, np.linspace(0, 1, bins + 1 - len(heavy)).tolist())
    return np.union1d(heavy, ends)


def embedded_columns(edges: Sequence[np.ndarray]) -> tuple[list[int], list[int]]:
    """Return the positions of columns that are embedded (with many intervals), and of the others."""
    many = [len(ends) - 1 > EMBEDDED for ends in edges]
    places = range(len(edges))
    return [at for at in places if many[at]], [at for at in places if not many[at]]
