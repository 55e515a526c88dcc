"""Raw columns to typed columns: the one step between a user's table and the encoder.

Pure, and without any import from this package: a saved model carries a copy of this file, so that a
raw row is read when it is served exactly as it was when the model was trained.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Sequence

MISSING_TEXTS = frozenset(
    ("", "?", "-", "--", ".", "na", "n/a", "#n/a", "#na", "nan", "-nan", "null", "none", "<na>")
)
"""Texts that mean "no value" in a feature, compared stripped and in lower case."""
MISSING_LEVEL = "(missing)"
"""The level of a category without a value."""
LARGEST = 1e100
SMALLEST = 1e-100
"""Magnitudes between which sums of squares and quotients stay float64 numbers."""
TRUTH = {"true": 1.0, "false": 0.0}
MICROSECONDS_A_DAY = 86_400_000_000
DATE_PARTS = ("year", "month", "weekday", "elapsed days")
"""Weekday: Monday = 0. Elapsed days: since 1970-01-01, with the time of day as a fraction."""


@dataclass(frozen=True)
class Column:
    """One feature column: what it is called and how it is read."""

    name: str
    kind: str
    """number, boolean, category, date, pixel or image."""
    used: bool = True
    """False: left out; `Dataset.dropped` says why."""
    parts: tuple[str, ...] = ()
    """Dates only: which of DATE_PARTS the network sees."""
    format: str = ""
    """Dates only: how the text is parsed (`strptime` format or ISO8601)."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the typed columns that this column becomes."""
        if self.kind == "date":
            return tuple(f"{self.name} ({part})" for part in self.parts)
        return (self.name,)


def typed(frame: pd.DataFrame, columns: Sequence[Column]) -> pd.DataFrame:
    """Return the typed columns of raw rows.

    Numbers and booleans become float64 (missing, infinite and unreadable values become NaN),
    categories text (a missing value becomes MISSING_LEVEL), a date its parts as float64.

    Args:
        frame: Raw rows with at least the used columns, under their own names, in any order.
        columns: How each column is read; those not `used` are ignored.

    Returns:
        The same rows in the same order, with the columns' `outputs`.

    Raises:
        ValueError: A used column is missing.
    """
    used = [column for column in columns if column.used]
    absent = [column.name for column in used if column.name not in frame.columns]
    if absent:
        raise ValueError(f"the rows lack the column {', '.join(map(repr, absent))}")
    values: dict[str, np.ndarray] = {}
    for column in used:
        series = frame[column.name]
        if column.kind == "category":
            values[column.name] = levels(series)
        elif column.kind == "date":
            values.update(zip(column.outputs, date_parts(series, column), strict=True))
        else:
            values[column.name] = numbers(series)
    return pd.DataFrame(values, index=frame.index)


def numbers(series: pd.Series) -> np.ndarray:
    """Return a column as float64: no number, or one beyond LARGEST, is NaN; one below SMALLEST is 0."""
    result = unchecked_numbers(series)
    size = np.abs(result)
    with np.errstate(invalid="ignore"):
        return np.where(size <= LARGEST, np.where(size >= SMALLEST, result, 0.0), np.nan)


def unchecked_numbers(series: pd.Series) -> np.ndarray:
    """Return a column as float64 with its infinities; what is not a number becomes NaN."""
    if pd.api.types.is_timedelta64_dtype(series):
        series = series.dt.total_seconds()
    if pd.api.types.is_numeric_dtype(series) and not pd.api.types.is_complex_dtype(series):
        return series.to_numpy(dtype=np.float64, na_value=np.nan)
    codes, uniques = pd.factorize(series)
    return np.append(_parsed(pd.Series(uniques, dtype=object)), np.nan)[codes]


def _parsed(values: pd.Series) -> np.ndarray:
    """Return the numbers that texts and mixed objects spell."""
    text = values.astype(str).str.strip()
    parsed = pd.to_numeric(text, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    truth = text.str.lower().map(TRUTH).to_numpy(dtype=np.float64)
    return np.where(np.isnan(truth), parsed, truth)


def levels(series: pd.Series) -> np.ndarray:
    """Return a column as an object array of text, stripped; missing becomes MISSING_LEVEL."""
    codes, uniques = pd.factorize(series)
    texts = [level_text(value) for value in uniques]
    return np.array([*texts, MISSING_LEVEL], dtype=object)[codes]


def level_text(value: object) -> str:
    """Return one category as text: 3.0 and 3 are one level, whatever type the file gave them."""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        value = int(value)
    text = str(value).strip()
    return MISSING_LEVEL if text.lower() in MISSING_TEXTS else text


def dates(series: pd.Series, format_: str) -> pd.Series:
    """Return a column as datetimes without zone (UTC); what is no date becomes NaT."""
    if not pd.api.types.is_datetime64_any_dtype(series):
        text = series.astype(object).where(series.notna(), None)
        text = text.map(lambda value: None if value is None else str(value).strip())
        series = pd.to_datetime(text, format=format_, errors="coerce", utc=True)
    zone = getattr(series.dtype, "tz", None)
    return series if zone is None else series.dt.tz_convert("UTC").dt.tz_localize(None)


def date_parts(series: pd.Series, column: Column) -> list[np.ndarray]:
    """Return the column's parts, each float64 with NaN where there is no date."""
    when = dates(series, column.format)
    calendar = {"year": when.dt.year, "month": when.dt.month, "weekday": when.dt.day_of_week}
    return [
        calendar[part].to_numpy(dtype=np.float64, na_value=np.nan)
        if part in calendar
        else elapsed_days(when)
        for part in column.parts
    ]


def elapsed_days(when: pd.Series) -> np.ndarray:
    """Return datetimes as days since 1970-01-01, float64; NaN for NaT."""
    # In microseconds, whose int64 reaches every date that Python knows: nanoseconds end in 2262.
    days = when.astype("datetime64[us]").astype("int64").to_numpy() / MICROSECONDS_A_DAY
    return np.where(when.isna(), np.nan, days)
