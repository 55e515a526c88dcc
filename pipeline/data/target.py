"""The column to predict: its task and its numeric form.

Rows without a target: `missing.py`. Labels: `labels.py`.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.config.choices import Task
from pipeline.core.errors import DataError
from pipeline.data.infer import example_of, kind_of, rows_text
from pipeline.data.labels import Label, codes_of, labels_of, shown
from pipeline.data.numberforms import currencies
from pipeline.data.typed import LARGEST, Kind, unchecked_numbers

MOST_CODES = 15
"""Most different whole numbers that `task=auto` takes for class codes."""
NEARLY_ALL = 0.95
"""Share of texts that look like amounts from which a target is not accepted as classes."""
SCARCE = 0.5
"""Distinct texts per row above which a target identifies rows instead of classes."""
STRAY = 0.5
"""Share of rows with numbers from which other texts count as strays."""
LEADING_ZERO = re.compile(r"[-+]?0\d")
AMOUNT = re.compile(
    r"[-+(]?\s*[^\w\s.,()+-]{0,2}\s*[-+]?\d[\d.,'\u2019\s\u00a0\u202f]*(?:[^\w\s.,()]|[^\W\d]{1,4})?\)?"
)
"""An amount of money, a percentage or a measure: $1,200, 12 %, 1.234,56 EUR, 5kg."""


@dataclass(frozen=True)
class Target:
    """The target of every row, judged."""

    name: str
    classes: tuple[Label, ...] | None
    """Sorted labels; None for a regression."""
    numbers: np.ndarray
    """float64 values, or int64 positions in `classes`; one a row."""
    notes: tuple[str, ...] = ()
    """Sentences for the log."""

    @property
    def regression(self) -> bool:
        """Whether numbers are predicted."""
        return self.classes is None

    @property
    def strata(self) -> np.ndarray:
        """Return the class of each row for stratified splits; one stratum for a regression."""
        return np.zeros(len(self.numbers), np.int64) if self.regression else self.numbers

    def scaling(self, train: np.ndarray) -> tuple[float, float]:
        """Return mean and standard deviation of a regression target over its training rows."""
        values = self.numbers[train]
        return float(values.mean()), float(values.std())

    def encode(self, series: pd.Series, where: str = "") -> np.ndarray:
        """Return raw targets as in `numbers`; a regression in its own unit.

        Args:
            series: Raw values, in any type.
            where: Prefix of messages: the key of the file that the rows are from.

        Raises:
            DataError: An unknown label, a missing value, or no number.
        """
        if self.classes is None:
            return _numbers(series, where)
        codes, strange = codes_of(series, self.classes)
        if strange or (codes < 0).any():
            what = shown(strange) if strange else "a missing value"
            verb = "are" if len(strange) > 1 else "is"
            raise DataError(
                f"{where}target {self.name!r}: {what} in {rows_text(series, codes < 0)} {verb} none "
                f"of the classes {shown(self.classes)}"
            )
        return codes

    def label(self, codes: np.ndarray) -> pd.Series:
        """Return the labels at positions in `classes`, in their common type."""
        return pd.Series(np.asarray(self.classes, dtype=object)[codes]).infer_objects()


def read_target(series: pd.Series, task: Task) -> Target:
    """Return the judged target of a table whose rows all have one.

    `auto` is classification for text, booleans, at most MOST_CODES different whole numbers, and
    numbers that are spelled like codes (01, or both 1.1 and 1.10); all other numbers are a regression.

    Raises:
        DataError: There is one class only, texts identify rows instead of classes, or the target of a
            regression is constant or not numeric.
    """
    name = str(series.name)
    if pd.api.types.is_datetime64_any_dtype(series) or is_nested(series):
        raise DataError(
            f"target {name!r} holds values like {series.iloc[0]!r}; predict a number or a class"
        )
    if (detect(series) if task is Task.auto else task) is Task.regression:
        values = _numbers(series)
        if np.ptp(values) == 0:
            raise DataError(f"target {name!r} is constant: every value is {values[0]:g}")
        is_time = pd.api.types.is_timedelta64_dtype(series)
        return Target(name, None, values, (f"The target {name!r} is in seconds.",) * is_time)
    classes = tuple(sorted(set(labels_of(series.unique()))))
    codes, _ = codes_of(series, classes)
    _check_classes(name, classes, len(codes))
    lone = [classes[code] for code in np.flatnonzero(np.bincount(codes) == 1)]
    return Target(name, classes, codes, (*_alike(name, classes), *_lone(name, lone, task)))


def is_text(series: pd.Series) -> bool:
    """Return whether a column holds texts or objects."""
    return series.dtype == object or pd.api.types.is_string_dtype(series)


def is_nested(series: pd.Series) -> bool:
    """Return whether a column holds lists, bytes and the like."""
    return not isinstance(series.dtype, pd.StringDtype) and bool(kind_of(series).reason)


def detect(series: pd.Series) -> Task:
    """Return the task of a target's values by the rule of `read_target`.

    Raises:
        DataError: Numbers with a few other texts among them, or amounts written as text.
    """
    if is_text(series):
        return _task_of_texts(series)
    types = pd.api.types
    if types.is_timedelta64_dtype(series):
        return Task.regression
    if types.is_bool_dtype(series) or not types.is_numeric_dtype(series):
        return Task.classification
    return _task_of_numbers(series.unique())


def _task_of_texts(series: pd.Series) -> Task:
    """Return regression where all texts are numbers and none is spelled like a code; else classification."""
    different = series.drop_duplicates()
    values = unchecked_numbers(different)
    strange = np.isnan(values)
    if _task_of_numbers(values[~strange]) is Task.regression:
        if not strange.any():
            texts = different.astype(str)
            twice = len(texts) <= MOST_CODES and len(np.unique(values)) < len(texts)
            coded = twice or bool(texts.str.match(LEADING_ZERO).any())
            return Task.classification if coded else Task.regression
        _refuse_strays(series)
    if strange.any() and len(different) > MOST_CODES:
        _refuse_amounts(series, different)
        _refuse_dates(series)
    return Task.classification


def _task_of_numbers(different: np.ndarray) -> Task:
    """Return the task of distinct numbers: few integers are codes of classes."""
    codes = len(different) <= MOST_CODES and bool((different == np.round(different)).all())
    return Task.classification if codes else Task.regression


def _refuse_strays(series: pd.Series) -> None:
    """Refuse numbers with a few other texts among them: neither numbers nor classes."""
    strange = np.isnan(unchecked_numbers(series))
    if strange.mean() > 1 - STRAY:
        return
    raise DataError(
        f"target {str(series.name)!r} holds numbers in {int((~strange).sum())} of {len(series)} rows, "
        f"but also {_counted(series[strange])}, {rows_text(series, strange)}; correct those rows or "
        "leave them out, or set data.task=classification if every value is a class"
    )


def _refuse_amounts(series: pd.Series, different: pd.Series) -> None:
    """Refuse many distinct texts that look like amounts and would be as many classes."""
    several = currencies(different)
    if len(several) > 1:
        raise DataError(
            f"target {str(series.name)!r} holds amounts in several currencies ({', '.join(several)}), which "
            "are no one number; convert them to one"
        )
    like = different[different.astype(str).str.strip().str.fullmatch(AMOUNT).to_numpy(dtype=bool)]
    if series.isin(like).mean() < NEARLY_ALL:
        return
    plain = ~np.isnan(unchecked_numbers(like))
    example = like[~plain].iloc[0] if not plain.all() else like.iloc[0]
    raise DataError(
        f"target {str(series.name)!r} holds {len(different)} different texts like {str(example)!r}: "
        "they look like numbers but are not written as such; write plain numbers (1234.5), or set "
        "data.task=classification if they are classes"
    )


def _refuse_dates(series: pd.Series) -> None:
    """Refuse many distinct texts that are dates."""
    if kind_of(series).column.kind is Kind.date:
        raise DataError(
            f"target {str(series.name)!r} holds dates like {str(series.iloc[0])!r}; predict a number or "
            "a class, for example the days up to it, or set data.task=classification if they are classes"
        )


def _counted(texts: pd.Series, most: int = 5) -> str:
    """Return texts for a message, the most frequent first, with their counts."""
    counts = Counter(map(str, texts))
    listed = ", ".join(f"{text!r} ({count}x)" for text, count in counts.most_common(most))
    return listed + (", ..." if len(counts) > most else "")


def _numbers(series: pd.Series, where: str = "") -> np.ndarray:
    """Return a regression target as float64, all finite."""
    name = str(series.name)
    values = unchecked_numbers(series)
    strange = np.isnan(values)
    if strange.any():
        few = f" ({_counted(series[strange])})" if strange.sum() > 1 else ""
        raise DataError(
            f"{where}target {name!r} is not numeric: {example_of(series, strange)}{few}; "
            "use data.task=classification, or correct the column"
        )
    bad = np.abs(values) > LARGEST
    if bad.any():
        raise DataError(
            f"{where}target {name!r} is infinite or larger than {LARGEST:g} in "
            f"{rows_text(series, bad)}"
        )
    return values


def _check_classes(name: str, classes: Sequence[Label], rows: int) -> None:
    """Refuse classes that cannot be learned."""
    endless = [label for label in classes if isinstance(label, float) and math.isinf(label)]
    if endless:
        raise DataError(
            f"target {name!r} holds the label {endless[0]!r}, which is no class; correct it"
        )
    if len(classes) == 1:
        raise DataError(f"target {name!r} has one class only: {classes[0]!r}")
    if len(classes) > max(MOST_CODES, SCARCE * rows):
        what = "texts" if isinstance(classes[0], str) else "values"
        are_texts = np.isnan(unchecked_numbers(pd.Series(classes, dtype=object))).any()
        advice = "" if are_texts else "set data.task=regression, "
        raise DataError(
            f"target {name!r} holds {len(classes)} different {what} in {rows} rows, such as "
            f"{shown(classes, 3)}: they name rows, not classes that repeat; {advice}predict another "
            "column, or put values together into classes"
        )


def _lone(name: str, lone: Sequence[Label], task: Task) -> Iterator[str]:
    """Yield a note on classes with a single row: typing errors, or no classes at all."""
    if lone:
        advice = "correct it, leave it out or merge the classes"
        if task is Task.auto and not isinstance(lone[0], str):
            advice += ", or set data.task=regression"
        yield (
            f"Target {name!r}: {'class' if len(lone) == 1 else 'each of the classes'} {shown(lone)} has "
            f"one row only: a random split trains on it, and no score tells how well it is known; {advice}."
        )


def _alike(name: str, classes: Sequence[Label]) -> list[str]:
    """Return a note where classes differ only in case, in invisible characters, or as 1 and 1.0 do."""
    forms = [_seen(label) for label in classes]
    times = Counter(forms)
    twice = [label for label, form in zip(classes, forms, strict=True) if times[form] > 1]
    if not twice:
        return []
    return [
        f"Classes of {name!r} that differ only in how they are written stay apart: {shown(twice)}."
    ]


def _seen(label: Label) -> str:
    """Return a normal form of a label: without case, invisible characters, trailing `.0` and full stop.

    Blanks, dashes and underscores between words become one blank.
    """
    if not isinstance(label, str):
        return repr(label)
    text = unicodedata.normalize("NFKC", label).casefold()
    text = "".join(sign for sign in text if unicodedata.category(sign) != "Cf").strip()
    text = re.sub(r"(?<=[^\W\d_])[\s_-]+(?=[^\W\d_])", " ", text)
    return re.sub(r"(?<=\d)\.0+$|(?<=\w)\.$", "", text)
