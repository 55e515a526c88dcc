"""The column to predict: which task it means, which rows lack it, and its float32 form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.config.schema import DataConfig, MissingTarget, Task
from pipeline.data.infer import LARGEST, kind_of, rows_text
from pipeline.data.typed import MISSING_TEXTS, TRUTH, unchecked_numbers
from pipeline.errors import DataError

MOST_CODES = 15
"""Most different whole numbers that `task=auto` takes for class codes."""

Label = bool | int | float | str


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

    def encode(self, series: pd.Series) -> np.ndarray:
        """Return raw targets as in `numbers`; a regression in its own unit.

        Raises:
            DataError: A label that no row of the table had, or no number.
        """
        if self.classes is None:
            return _numbers(series)
        position = {label: code for code, label in enumerate(self.classes)}
        codes, uniques = pd.factorize(series)
        labels = labels_of(uniques, self.classes)
        unknown = [label for label in labels if label not in position]
        if unknown or (codes < 0).any():
            raise DataError(
                f"target {self.name!r}: {unknown[0] if unknown else 'a missing value'!r} is none of "
                f"the classes {shown(self.classes)}"
            )
        return np.array([position[label] for label in labels], dtype=np.int64)[codes]


def with_target(frame: pd.DataFrame, config: DataConfig, notes: list[str]) -> pd.DataFrame:
    """Return the rows that have a target; texts that spell numbers have become numbers.

    Raises:
        DataError: Rows lack a target and `missing_target` is `error`, or all do.
    """
    name = str(config.target)
    frame = frame.assign(**{name: _spelled_out(frame[name])})
    series = frame[name]
    missing = series.isna().to_numpy()
    if not missing.any():
        return frame
    if missing.all():
        raise DataError(f"target {name!r} is missing in every row")
    count = int(missing.sum())
    if config.missing_target is MissingTarget.error:
        raise DataError(
            f"target {name!r} is missing in {count} of {len(frame)} rows, "
            f"{rows_text(series, missing)}; leave them out with data.missing_target=drop"
        )
    notes.append(f"{count} rows without a target are left out (data.missing_target=drop).")
    return frame[~missing]


def _spelled_out(series: pd.Series) -> pd.Series:
    """Return a target whose texts are all numbers or missing marks as numbers, any other as it is."""
    if series.dtype != object and not pd.api.types.is_string_dtype(series):
        return series
    if kind_of(series).column.kind != "number":
        return series
    texts = series.dropna().astype(str).str.strip().str.lower()
    unread = np.isnan(unchecked_numbers(texts))
    if set(texts[unread]) <= MISSING_TEXTS:
        return pd.Series(unchecked_numbers(series), index=series.index, name=series.name)
    return series


def read_target(series: pd.Series, task: Task) -> Target:
    """Return the judged target of a table whose rows all have one.

    `auto` is classification for text, booleans and at most MOST_CODES different whole numbers;
    every other number is a regression.

    Args:
        series: The raw target column, without missing values.
        task: What the configuration says.

    Raises:
        DataError: One class only, a class with one row, a target that is not numeric or constant
            where a regression is wanted.
    """
    name = str(series.name)
    if pd.api.types.is_datetime64_any_dtype(series):
        raise DataError(f"target {name!r} is a date; predict a number or a class")
    codes, uniques = pd.factorize(series)
    labels = labels_of(uniques)
    kind = detect(labels) if task is Task.auto else task
    if kind is Task.regression:
        values = _numbers(series)
        if np.ptp(values) == 0:
            raise DataError(f"target {name!r} is constant: every value is {values[0]:g}")
        return Target(name, None, values)
    classes = tuple(sorted(set(labels)))
    position = {label: code for code, label in enumerate(classes)}
    values = np.array([position[label] for label in labels], dtype=np.int64)[codes]
    _check_classes(name, classes, np.bincount(values, minlength=len(classes)), task)
    return Target(name, classes, values)


def detect(labels: list[Label]) -> Task:
    """Return the task that the different values of a target mean."""
    if all(isinstance(label, int | float) and not isinstance(label, bool) for label in labels):
        whole = all(isinstance(label, int) for label in labels)
        return Task.classification if whole and len(labels) <= MOST_CODES else Task.regression
    return Task.classification


def labels_of(uniques: object, classes: tuple[Label, ...] | None = None) -> list[Label]:
    """Return different raw values as Python labels.

    Whole floats are ints (a missing value elsewhere made them floats), true/false texts are
    booleans when all are, and mixed types are text.
    """
    values = [_label(value) for value in np.asarray(uniques, dtype=object)]
    if classes is not None:
        return [_as(value, type(classes[0])) for value in values]
    if all(isinstance(value, str) and value.lower() in TRUTH for value in values):
        return [value.lower() == "true" for value in values]  # type: ignore[union-attr]
    if (
        len(
            {
                str if isinstance(value, str) else bool if isinstance(value, bool) else float
                for value in values
            }
        )
        > 1
    ):
        return [str(value) for value in values]
    return values


def _label(value: object) -> Label:
    """Return one raw value as a plain Python label."""
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, bool | int | float) else str(value)


def _as(value: Label, kind: type) -> Label:
    """Return a label in the type that the classes have, where it can be read so."""
    if kind is bool and str(value).lower() in TRUTH:
        return str(value).lower() == "true"
    if kind is str:
        return str(value)
    if isinstance(value, str):
        try:
            return _label(float(value))
        except ValueError:
            return value
    return value


def shown(labels: tuple[Label, ...], most: int = 8) -> str:
    """Return labels for a message."""
    return ", ".join(map(repr, labels[:most])) + (", ..." if len(labels) > most else "")


def _numbers(series: pd.Series) -> np.ndarray:
    """Return a regression target as float64, all finite."""
    name = str(series.name)
    values = unchecked_numbers(series)
    strange = np.isnan(values)
    if strange.any():
        example = series[strange].iloc[0]
        raise DataError(
            f"target {name!r} is not numeric: {example!r} in {rows_text(series, strange)}; "
            "use data.task=classification, or correct the column"
        )
    bad = np.abs(values) > LARGEST
    if bad.any():
        raise DataError(
            f"target {name!r} is infinite or larger than {LARGEST:g} in {rows_text(series, bad)}"
        )
    return values


def _check_classes(name: str, classes: tuple[Label, ...], counts: np.ndarray, task: Task) -> None:
    """Refuse classes that cannot be learned or split."""
    if len(classes) == 1:
        raise DataError(f"target {name!r} has one class only: {classes[0]!r}")
    if counts.min() > 1:
        return
    alone = tuple(label for label, count in zip(classes, counts, strict=True) if count == 1)
    advice = "leave those rows out or merge the classes"
    if task is Task.auto and not isinstance(classes[0], str):
        advice += ", or use data.task=regression"
    raise DataError(
        f"target {name!r}: class {shown(alone)} has one row only, so it cannot be both trained and "
        f"validated; {advice}"
    )
