"""Find rows that belong together by the design of a study: panels of subjects, and time series.

In a panel each chick is weighed on the same days, each person answers for the same ways to travel. In a
series a row between two training rows can be interpolated, while a later one cannot.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from pipeline.data.judged import Judged
from pipeline.data.target import Target
from pipeline.data.typed import Column, Kind

FEWEST_VALUES = 20
"""Least number of distinct values of a column of subjects; with fewer it is a category."""
FEWEST_TIMES, FILLED = 5, 0.4
"""Least number of values of the column of times, and least share of all (subject, time) pairs."""
OF_ONE = 0.6
"""Largest variance of the target within a subject, after removal of means by time, as a share of the total
(own runs: sleepers 0.29, wages by year 0.48, chicks 0.49; plots of soya, too few on the grid, 0.82)."""
FEWEST_STEPS, EVEN, SMOOTH = 30, 0.8, 0.25
"""Limits for a series: least rows; largest standard deviation of its time steps over their mean (1 for random
dates, 0.63 for 60 % of an even series); largest von Neumann ratio of its target, halved."""
MOST_LEVELS = 12


class Subjects(NamedTuple):
    """A column of subjects with several rows each, or of the times of a series."""

    column: str
    seen: str
    """The evidence, as a clause."""
    key: str = "group"
    """The key of `data` that keeps the rows together: `group`, or `time` for a series."""


def panel(
    frame: pd.DataFrame,
    judged: list[Judged],
    candidates: list[tuple[str, np.ndarray]],
    truth: np.ndarray,
) -> Subjects | None:
    """Return the column of subjects that were each measured once at most values of another: chicks by day.

    After removal of the daily mean, rows of one chick must be alike, too; or they share values that identify
    them: the income of a person with one row for each way to travel.
    """
    columns = {item.column: _codes(frame, item.column) for item in judged}
    for name, codes in candidates:
        subjects = codes.max() + 1
        for column, places in columns.items():
            if places is None or column.name == name:
                continue
            times = places.max() + 1
            if times == 1 or len(codes) < FILLED * times * subjects:
                continue
            if len(np.unique(codes * times + places)) < len(codes):
                continue
            met = (
                f"each of its {subjects:,} values stands once with most of the {times:,} values of "
                f"{column.name!r}, and"
            )
            rest = truth - means_of(places, truth)[places]
            own = ((rest - means_of(codes, rest)[codes]) ** 2).sum() / (len(codes) - subjects)
            ratio = own / ((rest**2).sum() / len(codes))
            if times >= FEWEST_TIMES and column.kind is not Kind.category and ratio <= OF_ONE:
                return Subjects(
                    name,
                    f"{met} beside those the target varies {ratio:.2f} times as much within one as over all",
                )
            shared = _shared(columns, name, codes)
            if shared:
                return Subjects(
                    name, f"{met} {', '.join(map(repr, shared))} are the same in all rows of one"
                )
    return None


def _shared(
    columns: Mapping[Column, np.ndarray | None], subject: str, codes: np.ndarray
) -> list[str]:
    """Return numeric columns that are constant within subjects, if they distinguish many subjects."""
    first = np.unique(codes, return_index=True)[1]
    shared = {
        column.name: values[first]
        for column, values in columns.items()
        if values is not None and column.kind is not Kind.category and column.name != subject
        if (values == values[first][codes]).all() and np.ptp(values)
    }
    if not shared or len(np.unique(np.stack(list(shared.values())), axis=1).T) < FEWEST_VALUES:
        return []
    return list(shared)


def _codes(frame: pd.DataFrame, column: Column) -> np.ndarray | None:
    """Return the code of each number, date or text; None for other kinds, or with missing values."""
    series = frame[column.name]
    if column.kind not in {Kind.number, Kind.date, Kind.category} or series.isna().any():
        return None
    if column.kind is Kind.category:
        codes: np.ndarray = pd.factorize(series.astype(str))[0]
        return codes
    values = column.measure(series)
    return None if np.isnan(values).any() else np.unique(values, return_inverse=True)[1]


def series_in_time(
    frame: pd.DataFrame, judged: list[Judged], target: Target, train: np.ndarray
) -> Subjects | None:
    """Return the column of dates over which the target is a smooth series, if there is one.

    Args:
        frame: All rows, every column.
        judged: The judgement of every column but the target.
        target: The target of every row.
        train: Numbers of the training rows; no other rows are used.
    """
    for item in judged:
        if item.column.kind is not Kind.date or len(train) < FEWEST_STEPS:
            continue
        times = item.column.measure(frame[item.column.name].iloc[train])
        order = np.argsort(times, kind="stable")
        gaps, truth = np.diff(times[order]), truth_of(target, train[order])
        if not gaps.min() > 0 or gaps.std() > EVEN * gaps.mean():  # the minimum may be NaN
            continue
        ratio = (np.diff(truth, axis=0) ** 2).sum(axis=1).mean() / truth.var(axis=0).sum() / 2
        if ratio <= SMOOTH:
            return Subjects(
                item.column.name,
                f"from one to the next of its {len(train):,} times in training rows the target changes "
                f"{ratio:.2g} times as much as between any two",
                "time",
            )
    return None


def truth_of(target: Target, rows: np.ndarray) -> np.ndarray:
    """Return the target as columns (rows, outputs): values, or classes whose squared distance is 1."""
    if target.classes is None:
        return target.numbers[rows][:, None]
    codes = target.numbers[rows]
    common = np.argsort(-np.bincount(codes), kind="stable")[:MOST_LEVELS]
    shares: np.ndarray = (codes[:, None] == common).astype(np.float64)
    return shares / np.sqrt(2)


def means_of(codes: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the mean target of each value, (values, outputs)."""
    counts = np.bincount(codes)
    return np.stack([np.bincount(codes, column) / counts for column in truth.T], axis=1)
