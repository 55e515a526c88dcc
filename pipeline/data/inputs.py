"""What each input of a network is called: by the column that it comes from, never by its position."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pipeline.config.choices import encoding_parts
from pipeline.core.names import Input
from pipeline.data.encode import level_limits, quantile_edges, spread
from pipeline.data.typed import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd

    from pipeline.data.typed import Column

RARE_LEVELS = "(rare)"
"""The level that all rare and all unknown ones share."""


def inputs_of(known: pd.DataFrame, columns: Sequence[Column], encoding: str) -> tuple[Input, ...]:
    """Return the inputs that `encode.fit_encoder` makes, in its order; imports no scikit-learn.

    Args:
        known: Typed rows that decide which inputs there are, as `fit_encoder` takes them.
        columns: The used columns.
        encoding: A name of `config.choices.Encoding`.
    """
    numbers = [
        Input(column.name, name)
        for column in columns
        if column.kind is not Kind.category
        for name in column.outputs
    ]
    categories = [column.name for column in columns if column.kind is Kind.category]
    missing = known[[one.name for one in numbers]].isna().any().to_numpy()
    return (
        *_scaled(known, numbers, encoding),
        *(one.part("missing") for one, some in zip(numbers, missing, strict=True) if some),
        *(
            Input(name, f"{name} = {level}")
            for name in categories
            for level in _levels(known[name], len(categories))
        ),
    )


def _scaled(known: pd.DataFrame, numbers: list[Input], encoding: str) -> Iterator[Input]:
    """Yield what numbers become: `robust` puts narrow columns last, `piecewise` goes by interval."""
    name, bins = encoding_parts(encoding)
    if name not in {"robust", "piecewise"} or not numbers:
        yield from numbers
        return
    values = known[[one.name for one in numbers]].to_numpy()
    if name == "robust":
        wide = spread(values)
        yield from (numbers[place] for place in (*np.flatnonzero(wide), *np.flatnonzero(~wide)))
        return
    intervals = [len(ends) - 1 for ends in quantile_edges(values, bins)]
    for interval in range(max(intervals)):
        for one, most in zip(numbers, intervals, strict=True):
            if interval < most:
                yield one.part(f"interval {interval + 1}")


def _levels(series: pd.Series, categories: int) -> list[str]:
    """Return the levels of a category that have an input, by the rule of scikit-learn's OneHotEncoder."""
    fewest, most = level_limits(len(series), categories)
    counted = series.value_counts().sort_index()
    counts = counted.to_numpy()
    rare = counts < fewest
    if most < (~rare).sum() + 1:
        rare[np.argsort(counts, kind="stable")[: 1 - most]] = True
    levels = [str(level) for level in counted.index[~rare]]
    return [*levels, RARE_LEVELS] if rare.any() else levels
