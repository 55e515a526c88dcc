"""The column to predict: which task it means, which rows lack it, and its numeric form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pipeline.config.choices import MissingTarget, Task
from pipeline.data.infer import found, kind_of, rows_text
from pipeline.data.labels import Label, codes_of, labels_of, shown
from pipeline.data.typed import LARGEST, MISSING_TEXTS, unchecked_numbers
from pipeline.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.config.schema import DataConfig

MOST_CODES = 15
"""Most different whole numbers that `task=auto` takes for class codes."""


@dataclass(frozen=True)
class Target:
    """The target of every row, judged."""

    name: str
    classes: tuple[Label, ...] | None
    """Sorted labels as they were; None for a regression."""
    numbers: np.ndarray
    """float64 values, or int64 positions in `classes`; one a row."""

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

    def encode(self, series: pd.Series) -> np.ndarray:
        """Return raw targets as in `numbers`; a regression in its own unit.

        Raises:
            DataError: A label that no row of the table had, a missing value, or no number.
        """
        if self.classes is None:
            return _numbers(series)
        codes, strange = codes_of(series, self.classes)
        if strange or (codes < 0).any():
            what = repr(strange[0]) if strange else "a missing value"
            raise DataError(
                f"target {self.name!r}: {what} is none of the classes {shown(self.classes)}"
            )
        return codes


def with_target(frame: pd.DataFrame, config: DataConfig, notes: list[str]) -> pd.DataFrame:
    """Return the rows that have a target; texts that all spell numbers have become numbers.

    Args:
        frame: Raw rows.
        config: The data group; its target is a column of the frame.
        notes: Receives a sentence where rows are left out.

    Raises:
        DataError: Rows lack a target and `missing_target` is `error`, or all do.
    """
    name = str(config.target)
    frame = frame.assign(**{name: _spelled_out(frame[name])})
    missing = frame[name].isna().to_numpy()
    if not missing.any():
        return frame
    if missing.all():
        raise DataError(f"target {name!r} is missing in every row")
    count = int(missing.sum())
    if config.missing_target is MissingTarget.error:
        raise DataError(
            f"target {name!r} is missing in {count} of {len(frame)} rows, "
            f"{rows_text(frame[name], missing)}; leave them out with data.missing_target=drop"
        )
    notes.append(f"{count} rows without a target are left out (data.missing_target=drop).")
    return frame[~missing]


def _spelled_out(series: pd.Series) -> pd.Series:
    """Return a target of texts that are numbers or missing marks as numbers, any other as it is."""
    is_text = series.dtype == object or pd.api.types.is_string_dtype(series)
    if not is_text or kind_of(series).column.kind != "number":
        return series
    texts = series.dropna().astype(str).str.strip().str.lower()
    unread = np.isnan(unchecked_numbers(texts))
    if set(texts[unread]) <= MISSING_TEXTS:
        return pd.Series(unchecked_numbers(series), index=series.index, name=series.name)
    return series


def read_target(series: pd.Series, task: Task) -> Target:
    """Return the judged target of a table whose rows all have one.

    `auto` is classification for text, booleans and at most MOST_CODES different whole numbers;
    all other numbers are a regression.

    Args:
        series: The raw target column, without missing values.
        task: What the configuration says.

    Raises:
        DataError: One class only, a class with one row, a target that is not numeric or constant
            where a regression is wanted.
    """
    name = str(series.name)
    if pd.api.types.is_datetime64_any_dtype(series) or kind_of(series).reason:
        raise DataError(
            f"target {name!r} holds values like {series.iloc[0]!r}; predict a number or a class"
        )
    if (detect(series) if task is Task.auto else task) is Task.regression:
        values = _numbers(series)
        if np.ptp(values) == 0:
            raise DataError(f"target {name!r} is constant: every value is {values[0]:g}")
        return Target(name, None, values)
    classes = tuple(sorted(set(labels_of(series.unique()))))
    codes, _ = codes_of(series, classes)
    _check_classes(name, classes, np.bincount(codes, minlength=len(classes)), task)
    return Target(name, classes, codes)


def detect(series: pd.Series) -> Task:
    """Return the task that a target's values mean, by the rule of `read_target`."""
    types = pd.api.types
    if types.is_bool_dtype(series) or not types.is_numeric_dtype(series):
        return Task.classification
    different = series.unique()
    codes = len(different) <= MOST_CODES and bool((different == np.round(different)).all())
    return Task.classification if codes else Task.regression


def _numbers(series: pd.Series) -> np.ndarray:
    """Return a regression target as float64, all finite."""
    name = str(series.name)
    values = unchecked_numbers(series)
    strange = np.isnan(values)
    if strange.any():
        raise DataError(
            f"target {name!r} is not numeric: {found(series, strange)}; "
            "use data.task=classification, or correct the column"
        )
    bad = np.abs(values) > LARGEST
    if bad.any():
        raise DataError(
            f"target {name!r} is infinite or larger than {LARGEST:g} in {rows_text(series, bad)}"
        )
    return values


def _check_classes(name: str, classes: Sequence[Label], counts: np.ndarray, task: Task) -> None:
    """Refuse classes that cannot be learned or split."""
    if len(classes) == 1:
        raise DataError(f"target {name!r} has one class only: {classes[0]!r}")
    alone = [label for label, count in zip(classes, counts, strict=True) if count == 1]
    if not alone:
        return
    advice = "leave those rows out or merge the classes"
    if task is Task.auto and not isinstance(alone[0], str):
        advice += ", or say data.task=regression"
    raise DataError(
        f"target {name!r}: class {shown(alone)} has one row only, so it cannot be both trained and "
        f"validated; {advice}"
    )
