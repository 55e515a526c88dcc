"""Judges what each feature column is, and which columns cannot help a network.

The judgement sees only rows that are not test rows. Rules, in this order:

- a column named in the configuration for another job (`drop`, `group`, `id`, ...) is no feature;
- nested values (lists, bytes) are dropped;
- true/false is a boolean, and a number for the network;
- text of which at least 95 % of the rows are numbers, with at most 3 different other texts, is a
  number; the others count as missing;
- text that parses as dates is a date;
- everything else is a category;
- unless `data.keep` names it, a column is dropped where it is constant, an identifier (whole numbers
  or text, different in at least 95 % of rows) or free text (different in more than half of them).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from pipeline.data.typed import (
    DATE_PARTS,
    LARGEST,
    MISSING_TEXTS,
    TRUTH,
    Column,
    Kind,
    numbers,
    unchecked_numbers,
)
from pipeline.errors import DataError

MOSTLY = 0.95
"""Share of rows from which a column counts as numbers, dates or an identifier."""
FREE_TEXT = 0.5
"""Share of different values above which text is no category."""
STRAY_TEXTS = 3
"""Most different texts that may stand among numbers."""
DATE_FORMATS = ("ISO8601", "%d.%m.%Y", "%d.%m.%Y %H:%M", "%m/%d/%Y", "%d/%m/%Y", "%Y/%m/%d")
"""Tried in this order. Month first wins over day first only where every row allows it."""
EXAMPLES = 3


@dataclass(frozen=True)
class Judged:
    """One column with what there is to say about it."""

    column: Column
    reason: str = ""
    """Why it is left out."""
    note: str = ""
    """A sentence for the log."""


def judge(series: pd.Series, *, keep: bool = False) -> Judged:
    """Return kind and use of one feature column.

    Args:
        series: The column's rows that are not test rows.
        keep: Whether the configuration forbids to drop it by rule.
    """
    judged = kind_of(series)
    if judged.reason or keep:
        return judged
    reason = _useless(series, judged.column.kind)
    if reason:
        return replace(judged, column=replace(judged.column, used=False), reason=reason)
    return judged


def kind_of(series: pd.Series) -> Judged:
    """Return the column's kind by its stored type, or by its texts."""
    name = str(series.name)
    types = pd.api.types
    if types.is_bool_dtype(series):
        return Judged(Column(name, Kind.boolean))
    if types.is_datetime64_any_dtype(series):
        return Judged(Column(name, Kind.date, parts=DATE_PARTS))
    plain = types.is_numeric_dtype(series) and not types.is_complex_dtype(series)
    if plain or types.is_timedelta64_dtype(series):
        return Judged(Column(name, Kind.number))
    counts = _counts(series)
    if counts is None:
        return Judged(
            Column(name, Kind.category, used=False),
            "not plain values (lists, bytes or complex numbers)",
        )
    return _text_kind(counts, name)


def _counts(series: pd.Series) -> pd.Series | None:
    """Return how often each value stands in a column; None where a value is no plain one."""
    if series.dtype == object and not series.map(_is_plain).all():
        return None
    if pd.api.types.is_complex_dtype(series):
        return None
    counts = series.value_counts()
    return counts[counts > 0]  # a categorical column also counts the categories it does not hold


def _is_plain(value: object) -> bool:
    """Return whether a cell holds one number, text, date or nothing."""
    return pd.api.types.is_scalar(value) and not isinstance(value, bytes | complex)


def _text_kind(counts: pd.Series, name: str) -> Judged:
    """Return the kind of a column of texts (or mixed values), given how often each stands there."""
    texts = pd.Series(counts.index.astype(str), dtype=object).str.strip()
    here = ~texts.str.lower().isin(MISSING_TEXTS).to_numpy()
    texts, times = texts[here], counts.to_numpy()[here]
    if not len(texts):
        return Judged(Column(name, Kind.number))
    if texts.str.lower().isin(TRUTH).all():
        return Judged(Column(name, Kind.boolean))
    strange = pd.to_numeric(texts, errors="coerce").isna().to_numpy()
    share = times[~strange].sum() / times.sum()
    if not strange.any():
        return Judged(Column(name, Kind.number))
    if share >= MOSTLY and strange.sum() <= STRAY_TEXTS:
        shown = ", ".join(repr(text) for text in texts[strange])
        note = f"Column {name!r} holds numbers; {times[strange].sum()} rows with {shown} count as missing."
        return Judged(Column(name, Kind.number), note=note)
    return _date(texts, times, name) or Judged(Column(name, Kind.category))


def _date(texts: pd.Series, times: np.ndarray, name: str) -> Judged | None:
    """Return a date column where nearly all texts parse in one format."""
    head = texts.iloc[:200]
    if not head.str.match(r"\d{1,4}[-./]\d{1,2}[-./]\d{1,4}").mean() >= MOSTLY:
        return None
    likely = [form for form in DATE_FORMATS if _parses(head, times[: len(head)], form)]
    fitting = [form for form in likely if _parses(texts, times, form)]
    if not fitting:
        return None
    column = Column(name, Kind.date, parts=DATE_PARTS, format=fitting[0])
    both = {"%m/%d/%Y", "%d/%m/%Y"} <= set(fitting)
    note = (
        f"Column {name!r}: dates could be read month or day first; taken as month first."
        if both
        else ""
    )
    return Judged(column, note=note)


def _parses(texts: pd.Series, times: np.ndarray, form: str) -> bool:
    """Return whether at least MOSTLY of the rows are dates in one format."""
    parsed = pd.to_datetime(texts, format=form, errors="coerce", utc=True).notna().to_numpy()
    return bool(times[parsed].sum() / times.sum() >= MOSTLY)


def refuse_infinite(series: pd.Series, judged: Judged) -> None:
    """Refuse a number column that cannot be scaled.

    Raises:
        DataError: A value is infinite or beyond LARGEST.
    """
    if not judged.column.used or judged.column.kind is not Kind.number:
        return
    name = judged.column.name
    values = unchecked_numbers(series)
    with np.errstate(invalid="ignore"):
        bad = np.abs(values) > LARGEST
    if bad.any():
        what = "infinite" if np.isinf(values[bad]).any() else f"larger than {LARGEST:g}"
        raise DataError(
            f"column {name!r} has {int(bad.sum())} values that are {what}, {rows_text(series, bad)}; "
            f"correct them or leave the column out with data.drop=[{name}]"
        )


def rows_text(series: pd.Series, bad: np.ndarray) -> str:
    """Return which rows of a table are meant, counted from 1 behind the header."""
    labels = [str(int(label) + 1) for label in series.index[bad][:EXAMPLES]]
    more = ", ..." if bad.sum() > EXAMPLES else ""
    return f"row{'s' if bad.sum() > 1 else ''} {', '.join(labels)}{more} (counted below the header)"


def found(series: pd.Series, bad: np.ndarray) -> str:
    """Return an example of the values that are meant, and their rows."""
    value = series[bad].iloc[0]
    return (
        f"{value.item() if isinstance(value, np.generic) else value!r} in {rows_text(series, bad)}"
    )


def _useless(series: pd.Series, kind: Kind) -> str:
    """Return why a column cannot help, or an empty string."""
    values = pd.Series(numbers(series)) if kind is Kind.number else series
    here = values.dropna()
    different = here.nunique()
    if different == 0:
        return "constant: no values"
    if different == 1 and len(here) == len(values):
        return f"constant: every value is {series.iloc[0]!s:.40}"
    share = different / len(here)
    counted = f"{different} different values in {len(here)} rows"
    if kind is Kind.number and share >= MOSTLY and (here == here.round()).all():
        return f"identifier: whole numbers, {counted}"
    if kind is Kind.category and share >= MOSTLY:
        return f"identifier or free text: {counted}"
    if kind is Kind.category and share > FREE_TEXT:
        return f"free text: {counted}"
    return ""
