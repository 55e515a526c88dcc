"""What each input of a network is called: by the column that it comes from, never by its position."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from pipeline.config.choices import encoding_parts
from pipeline.core.names import Grid, Input
from pipeline.data.encode import embedded_columns, level_limits, quantile_edges, spread
from pipeline.data.typed import Column, Kind

RARE_LEVELS = "(rare)"
"""The level that all rare and all unknown ones share."""


def inputs_of(known: pd.DataFrame, columns: Sequence[Column], encoding: str) -> tuple[Input, ...]:
    """Return the inputs that `encode.fit_encoder` makes of `known`, in its order; imports no scikit-learn."""
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
    """Yield what numbers become: `robust` puts narrow columns last, intervals come one by one."""
    name, bins = encoding_parts(encoding)
    if name not in {"robust", "piecewise", "embedded"} or not numbers:
        yield from numbers
        return
    values = known[[one.name for one in numbers]].to_numpy()
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
    slots = [one.slot for one in inputs if one.slot is not None]
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
    if rare.sum() == 1:  # with its name, which says more; unknown ones share its input
        levels.append(str(counted.index[rare][0]))
    return [*levels, RARE_LEVELS] if rare.sum() > 1 else levels
