"""Hashes of rows by value: the same row has the same hash in any file, order or column type."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
import pandas as pd

MISSING_HASH = np.uint64(0x9E3779B97F4A7C15)


def row_hashes(frame: pd.DataFrame) -> np.ndarray:
    """Return a uint64 hash of each row's values under their column names.

    A value hashes by what it says, not by the type that its column happens to have: 3, 3.0 and "3"
    are equal, so that a missing value or a text which arrives tomorrow moves no other row. Neither
    does the order of the columns.
    """
    total = np.zeros(len(frame), dtype=np.uint64)
    for position, name in enumerate(frame.columns):
        salt = np.uint64(int.from_bytes(hashlib.sha256(str(name).encode()).digest()[:8], "big"))
        total += mix(_value_hashes(frame.iloc[:, position]) ^ salt)
    return mix(total)


def digest(names: Iterable[str], hashes: np.ndarray, parts: Iterable[np.ndarray]) -> str:
    """Return a hash of content, row order and split, 16 hexadecimal digits.

    Args:
        names: Columns of the table, in any order.
        hashes: Of the rows, in their order.
        parts: Row numbers of each part of the split.
    """
    total = hashlib.sha256("\0".join(sorted(map(str, names))).encode())
    total.update(hashes.tobytes())
    for rows in parts:
        total.update(len(rows).to_bytes(8, "big") + rows.astype(np.int64).tobytes())
    return total.hexdigest()[:16]


def mix(values: np.ndarray) -> np.ndarray:
    """Return uint64 values scrambled so that every bit depends on every other (splitmix64)."""
    values = values.copy()
    values ^= values >> np.uint64(30)
    values *= np.uint64(0xBF58476D1CE4E5B9)
    values ^= values >> np.uint64(27)
    values *= np.uint64(0x94D049BB133111EB)
    values ^= values >> np.uint64(31)
    return values


def uniform(hashes: np.ndarray, purpose: str) -> np.ndarray:
    """Return a number in [0, 1) for each hash, independent from purpose to purpose."""
    salt = np.uint64(int.from_bytes(hashlib.sha256(purpose.encode()).digest()[:8], "big"))
    return (mix(hashes ^ salt) >> np.uint64(11)).astype(np.float64) / float(1 << 53)


def _value_hashes(series: pd.Series) -> np.ndarray:
    """Return the hash of each value of a column."""
    if pd.api.types.is_numeric_dtype(series) and not pd.api.types.is_bool_dtype(series):
        return _number_hashes(series.to_numpy(dtype=np.float64, na_value=np.nan))
    if pd.api.types.is_bool_dtype(series) or isinstance(series.dtype, pd.CategoricalDtype):
        series = series.astype(object)
    try:
        codes, uniques = pd.factorize(series)
    except TypeError:  # lists and the like: hash what they print as
        codes, uniques = pd.factorize(series.map(repr))
    texts = pd.Series(pd.Index(uniques).astype(str), dtype=object).str.strip()
    values = pd.to_numeric(texts, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    as_text = pd.util.hash_array(texts.to_numpy(dtype=object))
    hashes = np.where(np.isnan(values), as_text, _number_hashes(values))
    return np.append(hashes, MISSING_HASH)[codes]


def _number_hashes(values: np.ndarray) -> np.ndarray:
    """Return the hash of each number; all NaN are one value, and 0 and -0 are."""
    hashes = mix((values + 0.0).view(np.uint64))
    return np.where(np.isnan(values), MISSING_HASH, hashes)
