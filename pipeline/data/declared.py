"""Columns whose kind is configured, and cells that cannot be read as their column's kind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from pipeline.config.schema_data import DataConfig
from pipeline.core.errors import DataError
from pipeline.data import dateforms, numberforms
from pipeline.data.infer import different, example_of, kind_of
from pipeline.data.judged import Judged
from pipeline.data.typed import CANONICAL, Column, Kind, dates, is_given, unreadable

MOST_UNREADABLE = 0.05
"""Share of given cells of a file of test rows that may be unreadable in a column."""
FAR = 10.0
"""Standard deviations beyond which lies at most 1 % of the rows of any table (Chebyshev)."""
MOSTLY_UNREADABLE = 0.5
"""Share of unreadable cells above which a declared kind is refused."""


def declared(config: DataConfig, series: pd.Series) -> Judged | None:
    """Return the judgement of a column by the configuration; None where no key names it.

    Raises:
        DataError: Most of its cells cannot be read so.
    """
    name = str(series.name)
    if name in config.categories:
        return Judged(Column(name, Kind.category, format=CANONICAL))
    if name in config.ordered:
        levels = tuple(map(str, config.ordered[name]))
        return _checked(series, Column(name, Kind.ordered, parts=levels), f"data.ordered.{name}")
    if name in config.dates:
        form = config.dates[name]
        try:  # a directive that strptime does not know, or one without another that it needs
            parts = dateforms.parts_of(dates(series, form))
        except ValueError as error:
            raise DataError(f"data.dates.{name}={form}: {error}") from error
        return _checked(
            series, Column(name, Kind.date, parts=parts, format=form), f"data.dates.{name}={form}"
        )
    if name in config.numbers:
        return _checked(
            series, Column(name, Kind.number, format=_form(series)), f"data.numbers=[{name}]"
        )
    return None


def _form(series: pd.Series) -> str:
    """Return the form of most numbers in a column that is declared to hold numbers."""
    if kind_of(series).column.kind is Kind.number:
        return kind_of(series).column.format
    texts, times = different(series.value_counts())
    form = numberforms.find_form(texts, times, series.attrs)
    return "" if form is None else form.form


def _checked(series: pd.Series, column: Column, key: str) -> Judged:
    """Return a declared column with a note on cells that count as missing."""
    bad, given = unreadable(series, column), is_given(series)
    if not bad.any():
        return Judged(column)
    if bad.sum() > MOSTLY_UNREADABLE * given.sum():
        raise DataError(
            f"{key}: {int(bad.sum())} of {int(given.sum())} values of column {column.name!r} cannot be "
            f"read so, for example {example_of(series, bad)}"
        )
    return Judged(column, note=f"Column {column.name!r}: {_count(series, bad, column)}.")


def _count(series: pd.Series, bad: np.ndarray, column: Column) -> str:
    """Return a clause on the number of unreadable cells, with an example."""
    what = f"no {column.kind}" if column.kind is not Kind.ordered else "no level that is named"
    rows, counts = (
        (f"{int(bad.sum())} rows hold", "count") if bad.sum() > 1 else ("1 row holds", "counts")
    )
    return f"{rows} {what} ({example_of(series, bad)}) and {counts} as missing"


def unread_elsewhere(
    frame: pd.DataFrame, columns: Sequence[Column], known: np.ndarray, given_test: int
) -> Iterator[str]:
    """Yield sentences on cells of test rows that are given but cannot be read.

    Args:
        columns: How they are read, judged from the known rows.
        known: Numbers of the rows that were judged; of the others nothing is known yet.
        given_test: Rows at the end that came from `data.test_path`.

    Raises:
        DataError: More than MOST_UNREADABLE of them in the file of test rows.
    """
    is_other = np.ones(len(frame), dtype=bool)
    is_other[known] = False
    others = np.flatnonzero(is_other)
    for column in columns:
        if column.used and given_test:
            yield from _new_in_test(frame[column.name], column, known, given_test)
        if not column.used or not column.kind.is_numeric or not len(others):
            continue
        series = frame[column.name].iloc[others]
        bad = unreadable(series, column)
        if not bad.any():
            continue
        given = int(is_given(series).sum())
        if given_test and bad.sum() > MOST_UNREADABLE * given:
            written = f"written like {column.format}" if column.format else f"a plain {column.kind}"
            raise DataError(
                f"data.test_path: {int(bad.sum())} of {given} values of column {column.name!r} cannot "
                f"be read as the {column.kind} that the table ({written}) has there, for "
                f"example {example_of(series, bad)}"
            )
        yield f"Column {column.name!r}, test rows: {_count(series, bad, column)}."


def _new_in_test(
    series: pd.Series, column: Column, known: np.ndarray, given_test: int
) -> Iterator[str]:
    """Yield sentences where many rows of the file of test rows lack a value, or have levels of their own."""
    table, test = series.iloc[known], series.iloc[-given_test:]
    absent = ~is_given(test, column.strays)
    if absent.mean() > MOST_UNREADABLE and is_given(table, column.strays).all():
        yield (
            f"Column {column.name!r} is empty in {absent.sum():,} of {given_test:,} rows of data.test_path, "
            "and never in the table."
        )
    if column.kind is Kind.number:
        known_values, values = column.measure(table), column.measure(test)
        far = np.abs(values - np.nanmean(known_values)) > FAR * np.nanstd(known_values)
        if far.mean() > MOST_UNREADABLE:
            yield (
                f"Column {column.name!r}: {far.sum():,} of {given_test:,} rows of data.test_path are more "
                f"than {FAR:g} standard deviations from the mean of the table, such as {values[far][0]:.6g}; "
                "is it in the same unit?"
            )
    if column.kind is not Kind.category:
        return
    levels, own = (pd.Series(column.read(cells)[0]) for cells in (table, test))
    strange = ~own.isin(levels).to_numpy() & ~absent
    if strange.mean() > MOST_UNREADABLE:
        yield (
            f"Column {column.name!r}: {strange.sum():,} of {given_test:,} rows of data.test_path have levels "
            f"that the table does not know, such as {own[strange].iloc[0]!r}."
        )
