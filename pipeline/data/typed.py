"""Raw columns to typed columns: the one step between a user's table and the encoder.

Pure, and without any import from this package: a saved model carries a copy of this file, so that a
raw row is read when it is served exactly as it was when the model was trained. A cell is read by what
was recorded of its column and by nothing else: never by the other rows of its file.
"""

from __future__ import annotations

import datetime as dt
import functools
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd

MISSING_TEXTS = frozenset((
    "", "?", "-", "--", ".", "na", "n/a", "#n/a", "#na", "nan", "-nan", "null", "none", "<na>", "0000-00-00",
    "#div/0!", "#value!", "#ref!", "#name?", "#num!", "#null!", "#nv", "#wert!", "#bezug!", "#zahl!",
))  # fmt: skip
"""Texts that mean "no value" in a feature, compared stripped and in lower case; Excel's errors, too."""
MISSING_LEVEL = "(missing)"
"""The level of a category without a value."""
LARGEST = 1e100
SMALLEST = 1e-100
"""Magnitudes between which sums of squares and quotients stay float64 numbers."""
MAGNITUDES = {"": 1.0, "K": 1e3, "M": 1e6, "B": 1e9}
"""What the letter behind a number multiplies it by, in a column whose form ends in k."""
TRUTH = {"true": 1.0, "false": 0.0}
DATE_PARTS = ("year", "month", "weekday", "elapsed days")
"""Weekday: Monday = 0. Elapsed days: since 1970-01-01, with the time of day as a fraction."""
CYCLES = {"hour": 24, "weekday": 7, "month": 12, "day of year": 365.25}
"""Sine and cosine of the place in such a cycle put December beside January."""
CYCLIC_PARTS = tuple(f"{cycle} {wave}" for cycle in CYCLES for wave in ("sin", "cos"))
ISO = "ISO8601"
WEEK = "%G-W%V-%u"  # 2024-W09 is its Monday
CANONICAL = "canonical"
"""Format of a category in which 3, 3.0 and "3.0" are one level; models of old have none: texts stay."""
_TAIL = r"(?<=\d)(?: ?(?:UTC|GMT|\+00:?00)$|(?:st|nd|rd|th)\b)"  # of times in UTC, of ordinals
_WHOLE_FLOAT = re.compile(r"[-+]?(?:0|[1-9]\d{0,14})\.0+|[-+]?[1-9](?:\.\d+)?e\+\d\d")
"""A whole number as Python and pandas write a float."""


class Kind(StrEnum):
    """What a column is, and so how a cell of it is read."""

    number = "number"
    boolean = "boolean"
    category = "category"
    ordered = "ordered"
    date = "date"
    pixel = "pixel"
    image = "image"

    @property
    def is_numeric(self) -> bool:
        """Whether its typed columns are float64, NaN where there is no value."""
        return self not in {Kind.category, Kind.image}


@dataclass(frozen=True)
class Column:
    """One feature column: what it is called and how it is read."""

    name: str
    kind: Kind
    used: bool = True
    """False: left out; `Dataset.dropped` says why."""
    parts: tuple[str, ...] = ()
    """Dates: what the network sees, of DATE_PARTS, hour, minute and CYCLIC_PARTS. Ordered: the levels,
    lowest first."""
    format: str = ""
    """Dates: how text is parsed (`strptime` format or ISO8601). Numbers: how 1234.5 is written where
    it is not written so, as in "$1,234.5" or "1.234,5 km". Categories: CANONICAL or empty."""
    strays: tuple[str, ...] = ()
    """Numbers and dates: texts beside MISSING_TEXTS that counted as missing when it was judged."""

    def __post_init__(self) -> None:
        """Take the kind as the text that a saved description holds, too."""
        object.__setattr__(self, "kind", Kind(self.kind))

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the typed columns that this column becomes."""
        if self.kind is Kind.date:
            return tuple(f"{self.name} ({part})" for part in self.parts)
        return (self.name,)

    def read(self, series: pd.Series) -> list[np.ndarray]:
        """Return its typed columns for raw cells, in the order of `outputs`."""
        match self.kind:
            case Kind.date:
                when = dates(series, self.format)
                return [date_part(when, part) for part in self.parts]
            case Kind.ordered:
                return [ranks(series, self.parts)]
            case Kind.category:
                read = functools.partial(level_text, form=self.format)
                return [_each(series, read, MISSING_LEVEL, object)]
            case _:
                values = numbers(series, self.format)
                is_truth = self.kind is not Kind.boolean or np.isin(values, (0.0, 1.0))
                return [np.where(is_truth, values, np.nan)]

    def measure(self, series: pd.Series) -> np.ndarray:
        """Return a number for each raw cell, NaN for none: of a date its days since 1970-01-01."""
        if self.kind is Kind.date:
            return date_part(dates(series, self.format), "elapsed days")
        return self.read(series)[0]


def tidy(name: object) -> str:
    """Return a column's name as it is used: no blanks around it, one for a line break, ö as one sign."""
    return unicodedata.normalize("NFC", re.sub(r"\s*[\r\n]+\s*", " ", str(name)).strip())


def typed(frame: pd.DataFrame, columns: Sequence[Column]) -> pd.DataFrame:
    """Return the typed columns (`outputs`) of raw rows, in their order.

    Numbers and booleans become float64 (NaN where missing, infinite or unreadable), categories text
    (MISSING_LEVEL where missing), ordered levels their rank from 0, a date its parts as float64.

    Args:
        frame: Raw rows with at least the used columns, under their own names, in any order.
        columns: How each column is read; those not `used` are ignored.

    Raises:
        ValueError: A used column is missing.
    """
    used = [column for column in columns if column.used]
    frame = frame.set_axis([tidy(name) for name in frame.columns], axis=1)
    absent = [column.name for column in used if column.name not in frame.columns]
    if absent:
        raise ValueError(f"the rows lack the column {', '.join(map(repr, absent))}")
    values: dict[str, np.ndarray] = {}
    for column in used:
        values.update(zip(column.outputs, column.read(frame[column.name]), strict=True))
    return pd.DataFrame(values, index=frame.index)


def unreadable(series: pd.Series, column: Column) -> np.ndarray:
    """Return which cells are given (`is_given`) but not as the column's kind; a category takes every cell."""
    if not column.kind.is_numeric:
        return np.zeros(len(series), dtype=bool)
    return np.isnan(column.measure(series)) & is_given(series, column.strays)


def is_given(series: pd.Series, strays: Sequence[str] = ()) -> np.ndarray:
    """Return which cells hold neither nothing nor a text that means nothing; bool, one a row."""
    if not (series.dtype == object or pd.api.types.is_string_dtype(series)):
        return series.notna().to_numpy(dtype=bool)
    nothing = MISSING_TEXTS.union(text.lower() for text in strays)
    return ~_each(series, lambda v: str(v).strip().lower() in nothing, missing=True, dtype=bool)


def _each(series: pd.Series, read: Callable[[Any], Any], missing: Any, dtype: type) -> np.ndarray:
    """Return what every cell is read as; each different one is read once."""
    codes, uniques = pd.factorize(series)
    return np.array([*map(read, uniques), missing], dtype=dtype)[codes]


def numbers(series: pd.Series, form: str = "") -> np.ndarray:
    """Return a column as float64: no number, or one beyond LARGEST, is NaN; one below SMALLEST is 0."""
    result = unchecked_numbers(series, form)
    size = np.abs(result)
    return np.where(size <= LARGEST, np.where(size >= SMALLEST, result, 0.0), np.nan)


def unchecked_numbers(series: pd.Series, form: str = "") -> np.ndarray:
    """Return cells as float64 with their infinities; what is no number in that form becomes NaN."""
    if series.dtype.kind == "m":
        series = series.dt.total_seconds()
    if pd.api.types.is_numeric_dtype(series) and not pd.api.types.is_complex_dtype(series):
        return series.to_numpy(dtype=np.float64, na_value=np.nan)
    if form or series.attrs.get("decimal") == "," or not isinstance(series.dtype, pd.StringDtype):
        return _parsed(series, form)
    values = pd.to_numeric(series, errors="coerce").to_numpy(np.float64, copy=True, na_value=np.nan)
    left = np.isnan(values) & series.notna().to_numpy()
    values[left] = _parsed(series[left], form)
    return values


def _parsed(series: pd.Series, form: str) -> np.ndarray:
    """Return the numbers that texts and mixed objects spell; each different one is read once."""
    codes, uniques = pd.factorize(series)
    texts = pd.Series(uniques, dtype=object).astype(str).str.strip().str.replace("\u2212", "-")
    if form:
        values = written(texts, form)
    else:
        values = pd.to_numeric(texts, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    truth = texts.str.lower().map(TRUTH).to_numpy(dtype=np.float64)
    values = np.where(np.isnan(truth), values, truth)
    if not form and series.attrs.get("decimal") == ",":
        # Nothing is recorded of marks: 1,5 is 1.5, and 1.234 is 1234 where commas part no cells.
        grouped = series.attrs.get("delimiter", ",") != ","
        own = written(texts, "1.234,5" if grouped else "1234,5")
        values = np.where(np.isnan(own) | (~np.isnan(values) & (not grouped)), values, own)
    return np.append(values, np.nan)[codes]


def written(texts: pd.Series, form: str) -> np.ndarray:
    """Return stripped texts as float64 by the form of a column's numbers; NaN for any other text."""
    pattern, thousands, decimal = _pattern(form)
    values = np.full(len(texts), np.nan)
    for place, text in enumerate(texts):
        if match := pattern.fullmatch(usual(text)):
            digits = match["number"].replace(thousands, "") if thousands else match["number"]
            signs = {match["open"], match["inner"], match["before"], match["sign"]}
            sign = 1.0 if signs.isdisjoint("(-\u2013") else -1.0
            size = float(digits.replace(decimal, ".")) * MAGNITUDES[match["magnitude"].upper()]
            values[place] = sign * size
    return values


def usual(text: str) -> str:
    """Return a number as `written` takes it: 66.49- of SAP, the price 12.-, and $ -, the zero of Excel."""
    if text.isascii() and "-" not in text:  # most are
        return text
    text = re.sub(r"^([$€£¥₹])?\s*[-\u2013]+\s*(?(1)|([$€£¥₹]))$", r"\g<1>0\2", text)
    return re.sub(r"^([\d.,]*[.,]\d\d)-$", r"-\1", re.sub(r"(\d)\.[-\u2013\u2014]+$", r"\1", text))


@functools.lru_cache(maxsize=256)
def _pattern(form: str) -> tuple[re.Pattern[str], str, str]:
    """Return what a number in a form looks like, its mark of thousands and its decimal mark."""
    shown = re.fullmatch(r"(\D*)1(\D?)234(\D)5(\D*)", form)
    if shown is None:
        raise ValueError(f"{form!r} does not show how 1234.5 is written")
    prefix, thousands, decimal, suffix = shown.groups()
    mark, group = map(re.escape, (decimal, thousands))  # two digits in India: 12,34,567
    groups = rf"\d{{1,3}}(?:{group}\d\d)*(?:{group}\d{{3}})+|\d+" if thousands else r"\d+"
    before, after = (rf"\s*{re.escape(unit.strip())}\s*" for unit in (prefix, suffix))
    after = r"\s*(?P<magnitude>[kKMB]?)" if suffix == "k" else rf"{after}(?P<magnitude>)"
    return re.compile(
        rf"(?P<open>\()?(?P<before>[-+\u2013]?){before}(?P<inner>\()?(?P<sign>[-+]?)(?P<number>(?:(?:{groups})"
        rf"(?:{mark}\d*)?|{mark}\d+)(?:[eE][-+]?\d+)?){after}(?(open)\))(?(inner)\))"
    ), thousands, decimal  # fmt: skip


def level_text(value: object, form: str = "") -> str:
    """Return one category as text: 3.0 and 3 are one level, whatever type the file gave them."""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        value = int(value)
    text = str(value).strip()
    if form == CANONICAL and _WHOLE_FLOAT.fullmatch(text):
        text = str(int(float(text)))
    return MISSING_LEVEL if text.lower() in MISSING_TEXTS else text


def ranks(series: pd.Series, order: Sequence[str]) -> np.ndarray:
    """Return the place of each cell in an order of levels, float64; NaN for any other."""
    places = {level_text(level, CANONICAL): float(place) for place, level in enumerate(order)}
    return _each(series, lambda cell: places.get(level_text(cell, CANONICAL)), np.nan, float)


def dates(series: pd.Series, format_: str) -> pd.Series:
    """Return a column as datetimes without zone (UTC), NaT for what is no date.

    Beside its own format it reads its days alone (spreadsheets leave midnight out), ISO dates and objects.
    """
    if not pd.api.types.is_datetime64_any_dtype(series) or isinstance(series.dtype, pd.ArrowDtype):
        codes, uniques = pd.factorize(series)
        cells = [v.isoformat() if isinstance(v, dt.date) else level_text(v) for v in uniques]
        texts = pd.Series([*cells, MISSING_LEVEL], dtype=object).str.replace(_TAIL, "", regex=True)
        if "%b" in format_:  # as people write it: Sept 3, Feb. 3
            texts = texts.str.replace(r"\b([A-Za-z]{3})t?\.?(?=[\s,\d-]|$)", r"\1", regex=True)
        if format_ == WEEK:
            texts = texts.str.replace(r"^(\d{4})-?W(\d\d)$", r"\1-W\2-1", regex=True)
        found = pd.to_datetime(texts, format=format_ or ISO, errors="coerce", utc=True)
        days = re.split(r"[ ,T:]+%[HI]", format_)[0]
        for form in (days, ISO) if format_ not in {"", ISO} else ():
            left = found.isna() & texts.str.match(r"\d{4}-\d{2}-\d{2}" if form == ISO else "")
            if left.any():
                also = pd.to_datetime(texts.where(left), format=form, errors="coerce", utc=True)
                found = found.where(~left, also)
        series = found.iloc[codes].set_axis(series.index)
    zone = getattr(series.dtype, "tz", None)
    return series if zone is None else series.dt.tz_convert("UTC").dt.tz_localize(None)


def date_part(when: pd.Series, part: str) -> np.ndarray:
    """Return one part of datetimes, float64; NaN for NaT."""
    if part == "elapsed days":
        # In microseconds, whose int64 reaches every date that Python knows: nanoseconds end in 2262.
        days = when.astype("datetime64[us]").astype("int64").to_numpy() / 86_400e6
        return np.where(when.isna(), np.nan, days)
    name, _, wave = part.rpartition(" ") if part in CYCLIC_PARTS else (part, "", "")
    name = {"weekday": "day_of_week", "day of year": "day_of_year"}.get(name, name)
    values: np.ndarray = getattr(when.dt, name).to_numpy(dtype=np.float64, na_value=np.nan)
    if not wave:
        return values
    if name == "hour":
        values = values + date_part(when, "minute") / 60
    turn = 2 * np.pi * values / CYCLES[part.rpartition(" ")[0]]
    return np.sin(turn) if wave == "sin" else np.cos(turn)
