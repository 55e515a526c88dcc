"""Infer the kind of each feature column, and which columns cannot help a network.

Only rows that are not test rows are used. A kind set by the configuration is taken (`declared`); else these
rules apply, in this order:

- nested values (lists, bytes) are dropped;
- a column with a stored type (Parquet, DataFrame) has the kind of its type;
- true/false is a boolean, and a number for the network;
- digits with leading zeros are codes, a category; so are 16 digits and more that repeat;
- text of which at least 95 % of the rows are numbers in one form (`numberforms`), with at most 3
  different other texts, is a number; the others count as missing, with a note. Beside more than 20
  different numbers they may stand in half of the rows;
- text that parses as dates in one format (`dateforms`) is a date, by the same shares;
- everything else is a category.

Whether a column can help is judged in `identifiers`, unless `data.keep` names it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from pipeline.data import dateforms, numberforms
from pipeline.data.identifiers import helpful, of_many_digits
from pipeline.data.judged import Judged, setting
from pipeline.data.outliers import coded_text
from pipeline.data.plain import loses_digits
from pipeline.data.typed import (
    CANONICAL,
    MISSING_TEXTS,
    TRUTH,
    Column,
    Kind,
    dates,
    unchecked_numbers,
)

MOSTLY = 0.95
"""Share of rows from which a column counts as numbers or dates."""
PARTLY = 0.5
"""Share of rows from which a note says that a column looks like numbers or dates but is not read so."""
STRAY_TEXTS = 3
"""Most different texts that may stand among numbers."""
EXAMPLES = 3
LIFE = 75
"""Longest plausible span of a column in years: beyond it two-digit years are probably misread."""
MOST_LEVELS = 20
"""Number of distinct texts above which a category that looks like numbers is doubtful, and up to which
numbers or dates may be levels."""
_EXPONENT = r"\d+[eE]\d+"
"""Exponents as in codes: programs write numbers as 1e+05."""
_NUMBER_LIKE = r"(?:\D{0,3}[^\w-])?-?(?!0\d)\d[\d.,' ]*\D{0,4}\d?"
"""A few characters around digits. Behind a letter, as in `C36` and `A-24`, or a zero they are a code."""


def judge(
    series: pd.Series,
    *,
    keep: bool = False,
    target: np.ndarray | None = None,
    rows: int | None = None,
) -> Judged:
    """Return kind and use of one feature column.

    Args:
        series: The column's rows that are not test rows.
        keep: Whether the configuration forbids dropping it by rule.
        target: Target of those rows: numbers, or codes of classes.
        rows: Number of rows of the whole table.
    """
    judged = kind_of(series)
    is_long = judged.column.kind is Kind.number and loses_digits(series)
    if is_long:
        judged = of_many_digits(judged, series)
    if judged.reason or keep:
        return judged
    values = judged.column.read(series)[0] if judged.column.kind is Kind.number else None
    if values is not None and dateforms.are_compact(values):
        note = f"Column {judged.column.name!r} looks like dates (YYYYMMDD); it is read as a number."
        hint = setting("dates", judged.column.name, "%Y%m%d")
        return replace(judged, note=note, hint=hint, is_doubted=True)
    checked = helpful(series, judged, target, rows, is_long=is_long)
    coded = "" if values is None or checked.note or checked.reason else coded_text(values)
    note = f"Column {checked.column.name!r} {coded}."
    return replace(checked, note=note, is_doubted=True) if coded else checked


def kind_of(series: pd.Series) -> Judged:
    """Return the column's kind by its stored type, or by its texts."""
    name = str(series.name)
    types = pd.api.types
    if types.is_bool_dtype(series):
        return Judged(Column(name, Kind.boolean))
    if types.is_datetime64_any_dtype(series):
        return Judged(Column(name, Kind.date, parts=dateforms.parts_of(dates(series, ""))))
    plain = types.is_numeric_dtype(series) and not types.is_complex_dtype(series)
    if plain or types.is_timedelta64_dtype(series):
        note = "" if plain else f"Column {name!r} is read in seconds."
        return Judged(Column(name, Kind.number), note=note)
    counts = _counts(series)
    if counts is None:
        return Judged(
            Column(name, Kind.category, used=False),
            "not plain values (lists, bytes or complex numbers)",
        )
    if isinstance(series.dtype, pd.CategoricalDtype):
        levels = tuple(map(str, series.dtype.categories))
        ordered = Column(name, Kind.ordered, parts=levels)
        category = Column(name, Kind.category, format=CANONICAL)
        return Judged(ordered if series.dtype.ordered else category)
    return _with_none_said(_text_kind(*different(counts), series), counts)


def _with_none_said(judged: Judged, counts: pd.Series) -> Judged:
    """Return a category with a note where the word None, which may be a level, counts as no value."""
    none = counts[[str(value).strip().lower() == "none" for value in counts.index]]
    if none.empty or judged.note or judged.column.kind is not Kind.category:
        return judged
    rows = f"{none.sum()} rows" if none.sum() > 1 else "1 row"
    note = f"Column {judged.column.name!r}: {none.index[0]!r} in {rows} is no value, as a blank cell is."
    return replace(judged, note=note)


def _counts(series: pd.Series) -> pd.Series | None:
    """Return the count of each value of a column; None where a value is nested or complex."""
    if series.dtype == object and not series.map(_is_plain).all():
        return None
    if pd.api.types.is_complex_dtype(series):
        return None
    counts = series.value_counts()
    return counts[counts > 0]  # a categorical column also counts the categories it does not hold


def _is_plain(value: object) -> bool:
    """Return whether a cell holds one number, text, date or nothing."""
    return pd.api.types.is_scalar(value) and not isinstance(value, bytes | complex)


def different(counts: pd.Series) -> tuple[pd.Series, np.ndarray]:
    """Return the distinct texts that are not missing marks, stripped, and the number of rows of each."""
    texts = pd.Series(counts.index.astype(str), dtype=object).str.strip().str.replace("\u2212", "-")
    here = ~texts.str.lower().isin(MISSING_TEXTS).to_numpy()
    return texts[here].reset_index(drop=True), counts.to_numpy()[here]


def _text_kind(texts: pd.Series, times: np.ndarray, series: pd.Series) -> Judged:
    """Return the judgement of a column of texts or mixed values, given the distinct texts and counts."""
    name = str(series.name)
    if texts.str.lower().isin(TRUTH).all():  # a column without values, too
        return Judged(Column(name, Kind.boolean if len(texts) else Kind.number))
    category = Judged(Column(name, Kind.category, format=CANONICAL))
    if texts.str.fullmatch(r"[-+]?0\d+").any():
        if not texts.str.fullmatch(r"[-+]?\d+").all():
            return category
        note = f"Column {name!r} holds digits with leading zeros; they are codes, a category."
        return replace(category, note=note, hint=setting("numbers", name))
    form = numberforms.find_form(texts, times, series.attrs)
    number = form and as_number(texts, times, name, form)
    if number:
        return number
    date = dateforms.find_format(texts, times)
    if date is not None:
        strange = dates(texts, date.format).isna().to_numpy()
        if date.share >= MOSTLY or _are_strays(strange, date.share):
            return _as_date(series, date, texts, times)
    return _doubted(category, texts, form, date)


def _are_strays(strange: np.ndarray, share: float) -> bool:
    """Return whether a few words ("unknown") stand among many different numbers or dates.

    Read so, the column loses nothing: an input says where the word stood.

    Args:
        strange: Which of the distinct texts are no number or date.
        share: Share of rows that are.
    """
    return share >= PARTLY and strange.sum() <= STRAY_TEXTS and (~strange).sum() > MOST_LEVELS


def _doubted(
    category: Judged,
    texts: pd.Series,
    form: numberforms.NumberForm | None,
    date: dateforms.DateFormat | None,
) -> Judged:
    """Return the category, with a note where most texts look like amounts, numbers or dates."""
    name = category.column.name
    several = numberforms.currencies(texts)
    if len(several) > 1:
        what = (
            f"holds amounts in several currencies ({', '.join(several)}), which are no one number"
        )
        hint = setting("drop", name)
    elif form is not None and form.share >= PARTLY:
        others = texts[np.isnan(unchecked_numbers(texts, form.form))]
        what = f"holds numbers in {form.share:.0%} of its rows, but also {_shown(others)}"
        hint = setting("numbers", name)
    elif date is not None:
        most = f" reads more than {date.share:.0%} of its rows" if date.format else " is known"
        read = texts[dates(texts, date.format).notna().to_numpy()]
        what = (
            f"looks like dates ({(texts if read.empty else read).iloc[0]!r}), but no format{most}"
        )
        hint = setting("dates", name, date.format or "FORMAT")
    elif len(texts) > MOST_LEVELS and texts.str.fullmatch(_NUMBER_LIKE).mean() >= MOSTLY:
        what = f"looks like numbers ({texts.iloc[0]!r}), but not in one form that is known"
        hint = setting("drop", name)
    else:
        return category
    note = f"Column {name!r} {what}; it is read as a category."
    return replace(category, note=note, hint=hint, is_doubted=True)


def _shown(texts: pd.Series) -> str:
    shown = ", ".join(repr(text) for text in texts[:EXAMPLES])
    return shown + (f" and {len(texts) - EXAMPLES} more" if len(texts) > EXAMPLES else "")


def as_number(
    texts: pd.Series, times: np.ndarray, name: str, form: numberforms.NumberForm
) -> Judged | None:
    """Return the judgement as numbers in a form; None where too many texts do not have it."""
    strange = np.isnan(unchecked_numbers(texts, form.form))
    column = Column(name, Kind.number, format=form.form)
    share = times[~strange].sum() / times.sum()
    if strange.sum() > STRAY_TEXTS or not (share >= MOSTLY or _are_strays(strange, share)):
        return None
    if strange.any():
        return _with_missing(column, "numbers", texts[strange], times[strange])
    if form.doubt:
        example = next(text for text in texts if form.doubt in text)
        value = f"{unchecked_numbers(pd.Series([example]), form.form)[0]:g}"
        note = (
            f"Column {name!r}: {example} is read as {value}; nothing else in it says what "
            f"{form.doubt!r} means."
        )
        other_mark = "." if form.form and form.form.partition("234")[2][0] == "," else ","
        return Judged(column, note=note, hint=f"data.decimal='{other_mark}'", is_doubted=True)
    codes = texts[texts.str.fullmatch(_EXPONENT)]
    if len(codes) and texts.str.fullmatch(rf"[-+]?\d+|{_EXPONENT}").all():
        value = unchecked_numbers(codes[:1], form.form)[0]
        note = f"Column {name!r} holds whole numbers and {codes.iloc[0]}, which is read as {value:.15g}."
        return Judged(column, note=note, hint=setting("categories", name), is_doubted=True)
    if form.unit or (form.form and "1234" not in form.form):
        note = f"Column {name!r} holds numbers written like {form.form}; they are read as numbers."
        return Judged(column, note=note)
    return Judged(column)


def _as_date(
    series: pd.Series, date: dateforms.DateFormat, texts: pd.Series, times: np.ndarray
) -> Judged:
    """Return the judgement as dates in a format."""
    name = str(series.name)
    parts = dateforms.parts_of(dates(series, date.format))
    column = Column(name, Kind.date, parts=parts, format=date.format)
    strange = dates(texts, date.format).isna().to_numpy()
    if date.swapped:
        first = "month" if date.format.find("%m") < date.format.find("%d") else "day"
        note = f"Column {name!r}: dates could be read month or day first; taken as {first} first."
        hint = setting("dates", name, date.swapped)
        return Judged(column, note=note, hint=hint, is_doubted=True)
    when = dates(texts, date.format)
    if "%y" in date.format and when.dt.year.max() - when.dt.year.min() > LIFE:
        example = texts.iloc[int(when.argmax())]
        note = (
            f"Column {name!r}: a year of two digits is read as 1969 to 2068, so that {example} is in "
            f"{when.dt.year.max()}; write years with four digits."
        )
        return Judged(column, note=note, hint=setting("drop", name), is_doubted=True)
    if strange.any():
        return _with_missing(column, "dates", texts[strange], times[strange])
    return Judged(column)


def _with_missing(column: Column, what: str, strange: pd.Series, times: np.ndarray) -> Judged:
    """Return the judgement with a note on texts that count as missing."""
    rows, shown = int(times.sum()), _shown(strange)
    said = f"1 row with {shown} counts" if rows == 1 else f"{rows} rows with {shown} count"
    note = f"Column {column.name!r} holds {what}; {said} as missing."
    return Judged(column, note=note, hint=setting("categories", column.name))


def rows_text(series: pd.Series, bad: np.ndarray) -> str:
    """Return the numbers of rows as text, counted from 1 below the header."""
    labels = [str(int(label) + 1) for label in series.index[bad][:EXAMPLES]]
    more = ", ..." if bad.sum() > EXAMPLES else ""
    return f"row{'s' if bad.sum() > 1 else ''} {', '.join(labels)}{more} (counted below the header)"


def example_of(series: pd.Series, bad: np.ndarray) -> str:
    """Return the first of the values selected by a mask, and the numbers of their rows, as text."""
    value = series[bad].iloc[0]
    value = value.item() if isinstance(value, np.generic) else value
    value = int(value) if isinstance(value, float) and value.is_integer() else value
    return f"{value!r} in {rows_text(series, bad)}"
