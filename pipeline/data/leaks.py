"""Find features that predict the target alone: probably copies of it, or known only after it.

Raw columns are used, so that it holds for every encoding and network; test rows are not. A regression
target is compared by value and by rank, to find copies that are scaled, rounded or logarithms; classes by
the share of rows that the levels of one column predict right, or by how well its numbers separate them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pandas as pd

from pipeline.data.typed import Column, typed

UNEXPLAINED = 0.001
"""Share of unexplained variance of the target up to which a feature is reported; the best honest feature of
the shipped tables leaves 0.85 unexplained (own runs)."""
MISNAMED = 0.005
"""Share of wrongly predicted rows up to which a feature is reported; an honest one, the odor of the mushrooms
(UCI), has 0.015."""
FEWEST = 30
"""Least number of rows, and of rows outside the largest class: with fewer a coincidence is too likely."""
MOST_ROWS = 5000
MOST_CELLS = 4_000_000
"""Most rows, and rows times columns, that are used."""
KNOWN = 0.9
"""Least share of rows whose level occurs in the other half, too: rare levels are no evidence."""
CANDIDATE = 0.99
"""Least area under the ROC curve of one class for a number to be examined."""


def leaks(
    frame: pd.DataFrame, columns: Sequence[Column], target: np.ndarray, *, regression: bool
) -> dict[str, str]:
    """Return the columns that predict the target (numbers, or class codes) alone, with the evidence."""
    rows = np.arange(len(frame))
    most = max(FEWEST, min(MOST_ROWS, MOST_CELLS // len(columns)))
    if len(rows) > most:
        rows = np.sort(np.random.default_rng(0).choice(rows, most, replace=False))
    if len(rows) < FEWEST or (regression and not np.ptp(target[rows])):
        return {}
    values = typed(frame.iloc[rows], columns).reset_index(drop=True)
    look = _of_numbers if regression else _of_classes
    most_open = UNEXPLAINED if regression else MISNAMED
    unexplained = {name: share for name, share in look(values, target[rows]) if share <= most_open}
    what = "target's variance" if regression else "classes"
    return {
        column.name: f"alone it tells {100 * (1 - unexplained[name]):.4g} % of the {what} in {len(rows)} rows"
        for column in columns
        for name in column.outputs
        if name in unexplained
    }


def _of_numbers(values: pd.DataFrame, target: np.ndarray) -> Iterator[tuple[str, float]]:
    """Yield each typed column with the share of the target's variance that it leaves unexplained."""
    numbers = values.select_dtypes("number")
    ranks = pd.Series(target).rank().to_numpy()
    explained = np.fmax(
        *(_explained(*pair) for pair in ((numbers, target), (numbers.rank(), ranks)))
    )
    given = numbers.notna().sum().to_numpy()
    for name, share, count in zip(numbers.columns, explained, given, strict=True):
        if count >= max(FEWEST, len(values) / 2):
            yield str(name), 1.0 - share
    spread = target.var()
    for name in values.columns.difference(numbers.columns):
        codes = pd.factorize(values[name])[0]
        guessed = _crossed(codes, target, lambda part: part.groupby("code")["target"].mean())
        known = ~np.isnan(guessed)
        if known.mean() >= KNOWN:
            yield str(name), float(np.mean((guessed - target)[known] ** 2) / spread)


def _explained(numbers: pd.DataFrame, target: np.ndarray) -> np.ndarray:
    """Return the squared correlation of each column with the target, over the rows that have a value."""
    beside = np.broadcast_to(target[:, None], numbers.shape)
    with np.errstate(all="ignore"):
        shared = numbers.corrwith(pd.DataFrame(beside, numbers.index, numbers.columns))
    return np.nan_to_num(shared.to_numpy() ** 2)


def _of_classes(values: pd.DataFrame, target: np.ndarray) -> Iterator[tuple[str, float]]:
    """Yield typed columns that may predict the class, with the share of wrongly predicted rows.

    The share is 1 where it exceeds a tenth of the error of always predicting the largest class.
    """
    counts = np.bincount(target)
    others = len(target) - int(counts.max())
    if others < FEWEST:
        return
    numbers = values.select_dtypes("number")
    telling = numbers.columns[_best_area(numbers, target) >= CANDIDATE]
    for name in [*telling, *values.columns.difference(numbers.columns)]:
        rows = len(target)
        if name in numbers:
            wrong = _strays(values[name].fillna(-np.inf).to_numpy(), target)
        else:
            guessed = _crossed(pd.factorize(values[name])[0], target, _largest)
            known = ~np.isnan(guessed)
            rows = int(known.sum())
            wrong = int(np.count_nonzero(guessed[known] != target[known]))
        is_shown = rows >= KNOWN * len(target) and wrong <= others / 10
        yield str(name), wrong / rows if is_shown else 1.0


def _strays(values: np.ndarray, target: np.ndarray) -> float:
    """Return the number of rows that lie among rows of another class when sorted by a number."""
    ordered = target[np.lexsort((target, values))]
    runs = 1 + int(np.count_nonzero(np.diff(ordered)))
    return max(0, runs - len(np.unique(target))) / 2


def _best_area(numbers: pd.DataFrame, target: np.ndarray) -> np.ndarray:
    """Return for each column the largest area under the ROC curve of one class against the others."""
    if numbers.empty:
        return np.zeros(numbers.shape[1])
    ranks = numbers.fillna(-np.inf).rank().to_numpy()
    own = np.eye(target.max() + 1)[target]
    rows = own.sum(axis=0)[:, None]
    pairs = np.maximum(rows * (len(target) - rows), 1)
    area = (own.T @ ranks - rows * (rows + 1) / 2) / pairs
    return np.asarray(np.where(rows > 0, np.maximum(area, 1 - area), 0).max(axis=0))


def _largest(part: pd.DataFrame) -> pd.Series:
    """Return the most frequent class of each code."""
    counted = part.value_counts(["code", "target"], sort=True).reset_index()
    return counted.drop_duplicates("code").set_index("code")["target"]


def _crossed(
    codes: np.ndarray, target: np.ndarray, learn: Callable[[pd.DataFrame], pd.Series]
) -> np.ndarray:
    """Return a prediction for each row, learned by code from the other half of the rows; NaN: unseen code."""
    rows = pd.DataFrame({"code": codes, "target": target})
    even = np.arange(len(rows)) % 2 == 0
    guessed = np.full(len(rows), np.nan)
    for half in (even, ~even):
        guessed[half] = rows["code"][half].map(learn(rows[~half])).to_numpy(dtype=np.float64)
    return guessed
