"""Write a DataFrame of a notebook as a Parquet file that a sweep reads; unsupported dtypes are refused.

Parquet keeps numbers, booleans, dates, texts and (ordered) categories; everything else is converted to one
of them, as `typed` reads the raw cells when the same frame is predicted. The file is kept with the sweep.
"""

from __future__ import annotations

import datetime as dt
import difflib
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from pipeline.core.errors import DataError
from pipeline.data.typed import tidy

SHOWN = 10
"""Most names that a message lists."""
LARGEST_WHOLE = 2**63
"""Whole numbers below it are kept as such."""


def check_frame(frame: object) -> pd.DataFrame:
    """Return a DataFrame with its column names as text.

    Raises:
        DataError: No DataFrame, several levels of names, or duplicate names.
    """
    if not isinstance(frame, pd.DataFrame):
        kind = f"{type(frame).__module__}.{type(frame).__name__}"
        raise DataError(
            f"the table is a {kind}, not a pandas DataFrame; convert it, for example with "
            "pandas.DataFrame(...) or .to_pandas()"
        )
    if isinstance(frame.columns, pd.MultiIndex):
        raise DataError(
            f"the DataFrame's columns have {frame.columns.nlevels} levels; give each column one name, for"
            " example frame.columns = ['_'.join(map(str, name)) for name in frame.columns]"
        )
    names = [tidy(name) for name in frame.columns]
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        shown = ", ".join(map(repr, twice[:SHOWN]))
        raise DataError(
            f"the DataFrame has columns of the same name: {shown}; rename them (names are compared as"
            " text, without the blanks around them)"
        )
    return frame.set_axis(names, axis=1)


def find_target(frame: pd.DataFrame, target: object) -> str:
    """Return the name of the column to predict, of a frame from `check_frame`; DataError for none."""
    names = list(frame.columns)
    if target is None:
        raise DataError("target=None: say which column of the DataFrame is to be predicted")
    name = tidy(target)
    if name not in names:
        close = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"it has {', '.join(names[:SHOWN])}"
        raise DataError(f"target={target!r}: the DataFrame has no such column; {hint}")
    return name


def with_plain_target(frame: pd.DataFrame, name: str) -> tuple[pd.DataFrame, bool]:
    """Return the frame with its target as plain values, and whether it was declared to be classes.

    A category's labels are its categories as they are: whole numbers stay whole numbers.

    Raises:
        DataError: Nested or complex values.
    """
    target = frame[name]
    dtype = target.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        kind = dtype.categories.dtype
        whole = pd.api.types.is_integer_dtype(kind) and not pd.api.types.is_bool_dtype(kind)
        values = target.astype(object).astype("Int64") if whole else target.astype(object)
        return frame.assign(**{name: values}), True
    if pd.api.types.is_complex_dtype(dtype) or (
        isinstance(dtype, np.dtype) and dtype.kind == "O" and bytes in map(_kind, target)
    ):
        raise DataError(
            f"target {name!r} holds values like {target.dropna().iloc[0]!r}; predict a number or a class"
        )
    return frame, False


def plain_frame(frame: object) -> pd.DataFrame:
    """Return rows to predict as `write_frame` would store them; columns it refuses stay unchanged."""
    rows = check_frame(frame)
    columns = {}
    for name in rows.columns:
        try:
            plain = plain_column(rows[name])
        except (TypeError, ValueError, OverflowError, DataError):  # the model may not need it
            plain = rows[name]
        is_nested = pd.api.types.infer_dtype(plain) == "bytes"  # images given as arrays
        columns[name] = rows[name] if is_nested else plain
    return pd.DataFrame(columns, index=rows.index)


def write_frame(frame: pd.DataFrame, path: Path, left_out: Collection[str] = ()) -> None:
    """Write a frame that `check_frame` returned as a Parquet file, without its index.

    Columns `left_out` (`data.drop`) may hold anything.

    Raises:
        DataError: A column cannot be converted; the message names it and what to do.
    """
    if frame.empty:
        raise DataError("the DataFrame has no rows, or no columns")
    columns = {}
    for name in frame.columns:
        series = frame[name]
        try:
            columns[name] = pa.array(plain_column(series), from_pandas=True)
        except (pa.ArrowException, TypeError, ValueError, OverflowError, DataError) as error:
            if name not in left_out:
                raise DataError(_refusal(series, error)) from error
            columns[name] = pa.array(["(left out)"] * len(series))
    parquet.write_table(pa.table(columns), path)


def _refusal(series: pd.Series, error: Exception) -> str:
    """Return the message on a column that cannot be converted, with what to do about it."""
    why = str(error) if isinstance(error, DataError) else " ".join(str(error).split())[:200]
    return (
        f"column {series.name!r} of the DataFrame ({series.dtype}) cannot be swept: {why}; convert it,"
        f" for example with frame[{series.name!r}].astype(str), or leave it out with data.drop"
    )


def plain_column(series: pd.Series) -> pd.Series:
    """Return a column in a dtype that Parquet keeps: numbers, booleans, dates, text or categories.

    Nested values, bytes and other objects become bytes, which are left out of the features with a reason,
    like those of a file.

    Raises:
        DataError: Complex numbers.
    """
    dtype = series.dtype
    by_kind = _BY_KIND.get(dtype.kind) if isinstance(dtype, np.dtype) else None
    convert = by_kind or next((own for kind, own in _BY_TYPE if isinstance(dtype, kind)), None)
    return series if convert is None else convert(series)


def _of_complex(series: pd.Series) -> pd.Series:
    raise DataError(
        f"{series.iloc[0]} is a complex number; give the real and the imaginary part a column each"
    )


def _of_categories(series: pd.Series) -> pd.Series:
    """Return a categorical column with its categories as text; an order stays."""
    dtype = series.dtype
    assert isinstance(dtype, pd.CategoricalDtype)  # noqa: S101 - by _BY_TYPE
    levels = [_text(value) for value in dtype.categories]
    texts = [None if code < 0 else levels[code] for code in series.cat.codes]
    order = pd.CategoricalDtype(list(dict.fromkeys(levels)), ordered=bool(dtype.ordered))
    return pd.Series(texts, series.index, dtype=object).astype(order)


def _of_arrow(series: pd.Series) -> pd.Series:
    """Return a column of Arrow's types in one of pandas' own; whole numbers stay whole beside gaps."""
    values = pa.chunked_array(pa.array(series.array))
    if pa.types.is_integer(values.type):
        unsigned = pa.types.is_unsigned_integer(values.type)
        return series.astype("UInt64" if unsigned else "Int64")
    if pa.types.is_boolean(values.type):
        return series.astype("boolean")
    column: pd.Series = values.to_pandas()
    return plain_column(column.set_axis(series.index))


def _of_objects(series: pd.Series) -> pd.Series:
    """Return a column of Python objects as numbers or booleans where all are, else text; nested as bytes."""
    if pd.api.types.infer_dtype(series, skipna=True) == "string":
        return series  # by far the most frequent, and fast to detect
    kinds = set(map(_kind, series))
    if bytes in kinds:
        return series.map(lambda cell: repr(cell).encode())
    kinds.discard(None)
    if kinds == {int}:
        return series.astype("Int64")
    if kinds and kinds <= {int, float}:
        return pd.Series(
            [np.nan if pd.isna(cell) else float(cell) for cell in series], series.index, np.float64
        )
    if kinds == {bool}:
        return series.astype("boolean")
    return series.map(lambda cell: None if pd.isna(cell) else _text(cell)).astype(object)


def _kind(cell: Any) -> type | None:
    """Return the type that a cell is read as: bool, int (64 bits), float, str or bytes; None: missing.

    Dates, intervals and enums are read as str. Bytes stand for nested values: lists, arrays and objects of
    other libraries.
    """
    is_one = pd.api.types.is_scalar(cell) or isinstance(cell, Enum | UUID)
    if not is_one or isinstance(cell, bytes | complex | np.complexfloating):
        return bytes
    if pd.isna(cell):
        return None
    if isinstance(cell, bool | np.bool_):
        return bool
    if isinstance(cell, int | np.integer) and -LARGEST_WHOLE <= cell < LARGEST_WHOLE:
        return int
    return float if isinstance(cell, int | float | np.number | Decimal) else str


def _text(value: Any) -> str:
    """Return a value as `typed` reads it: 3.0 as 3, a date as ISO writes it."""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return value.isoformat() if isinstance(value, dt.date) else str(value)


_BY_KIND: Mapping[str, Callable[[pd.Series], pd.Series]] = {
    "c": _of_complex,
    "m": lambda series: series.dt.total_seconds(),
    "f": lambda series: series.astype(np.float64),
    "O": _of_objects,
}
"""Conversion of a column by the kind of its NumPy dtype."""
_BY_TYPE: Sequence[tuple[type, Callable[[pd.Series], pd.Series]]] = (
    (pd.ArrowDtype, _of_arrow),
    (pd.SparseDtype, lambda series: plain_column(pd.Series(np.asarray(series), series.index))),
    (pd.CategoricalDtype, _of_categories),
    (pd.PeriodDtype, lambda series: series.dt.to_timestamp()),
    (pd.DatetimeTZDtype, lambda series: series.dt.tz_convert("UTC").dt.tz_localize(None)),
    (pd.IntervalDtype, lambda series: _of_objects(series.astype(object))),
)
"""Conversion of a column by the type of its extension dtype."""
