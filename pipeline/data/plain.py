"""Convert text columns of a training table that can only be numbers to float64 before kinds are inferred.

This is for speed: the values are those that `typed` reads from the texts. A column stays text where its text
may matter: codes with leading zeros, points that may separate thousands, other texts.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import compute

MARKS = ("#N/A", "#NA", "N/A", "NA", "NULL", "NaN", "n/a", "nan", "null", "<NA>", "-NaN", "-nan")
"""Texts of a CSV file that count as missing in every column but the target; a part of typed.MISSING_TEXTS."""
_TRUTH = frozenset(("True", "TRUE", "true", "False", "FALSE", "false"))
_HEAD = 1000
EXACT = 2**53
"""Integers up to it are exact in float64."""


def unmarked(series: pd.Series) -> pd.Series:
    """Return texts with MARKS as missing."""
    marks = series.isin(MARKS)
    return series.mask(marks) if marks.any() else series


def plain_numbers(series: pd.Series) -> np.ndarray | None:
    """Return texts as float64 where every given one is a plain number; else None."""
    if len(series) > _HEAD and plain_numbers(series.iloc[:_HEAD]) is None:
        return None
    fast = _cast(series)
    if fast is not None:
        return fast
    values = pd.to_numeric(series, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    left = series[np.isnan(values) & series.notna().to_numpy()].drop_duplicates().str.strip()
    return values if left[~left.isin(MARKS)].empty else None


def _cast(series: pd.Series) -> np.ndarray | None:
    """Return texts as float64 by Arrow, five times as fast as pandas; None where one is no number."""
    try:
        values = pa.chunked_array(pa.array(series.array)).cast(pa.float64())
    except (pa.ArrowException, TypeError, ValueError):
        return None
    return values.to_numpy()


def keeps_text(series: pd.Series, values: np.ndarray) -> bool:
    """Return whether texts that are numbers might mean something else: codes, or thousands."""
    here = values[np.isfinite(values)]
    whole = here == np.round(here)
    if whole.all():
        return _may_hold_codes(series)
    size = np.abs(here)
    thousandths = np.abs(size * 1000 - np.round(size * 1000)) < 1e-6  # noqa: PLR2004
    marked = (size >= 1) & (size < 1000) & thousandths  # noqa: PLR2004
    return bool(marked[~whole].all() and (size[whole] < 1000).all())  # noqa: PLR2004


def _may_hold_codes(series: pd.Series) -> bool:
    """Return whether a text has leading zeros, 16 digits or more, or is like 1E5."""
    codes = r"^\s*[-+]?(0\d|\d{16})|\d[eE]\d"
    matches = compute.match_substring_regex(pa.array(series.array), codes)
    return bool(compute.any(matches).as_py())


def loses_digits(series: pd.Series) -> bool:
    """Return whether float64 cannot hold all integers of a column exactly."""
    if pd.api.types.is_integer_dtype(series):
        long = series[(series > EXACT) | (series < -EXACT)]
    elif series.dtype == object or isinstance(series.dtype, pd.StringDtype):
        texts = series.astype("str").str.strip()
        long = texts[texts.str.fullmatch(r"[-+]?\d{16,100}").fillna(value=False)]
    else:
        return False
    return any(int(value) != float(value) for value in long.unique())


def as_values(series: pd.Series, values: np.ndarray | None, *, commas: bool) -> pd.Series:
    """Return a text column by value, for hashing: numbers, truths, or texts without MARKS.

    Hashes of rows assign them to parts and name a table, so they are what they were when pandas gave
    each column of a CSV file a type.

    Args:
        values: Its numbers, where all of them are plain.
        commas: The file writes decimal commas only.
    """
    if values is None and commas:
        values = plain_numbers(series.str.replace(",", ".", regex=False))
    if values is not None:
        return pd.Series(values, index=series.index, name=series.name)
    texts = unmarked(series)
    here = texts.dropna()
    if len(here) and here.isin(_TRUTH).all():
        return texts.map({text: text.lower() == "true" for text in _TRUTH}).astype(object)
    return texts
