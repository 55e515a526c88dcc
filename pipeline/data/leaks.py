"""Finds features that tell the target alone: most likely the target itself, or known only after it.

On raw columns, so that it holds for every encoding and every network; test rows are not looked at. A
regression target is compared by value and by rank, so that a copy on another scale, rounded or as a
logarithm is found; classes by how many rows the levels of one column name right, or how cleanly its
numbers part them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pandas as pd

from pipeline.data.typed import Column, typed

UNEXPLAINED = 0.001
"""Share of the target's variance that a feature leaves open, from which it is in doubt; the best honest one
of the shipped tables leaves 0.85 open (own runs)."""
MISNAMED = 0.005
"""Share of the rows whose class it names wrong; the one telling column of the mushrooms (UCI, odor) has
0.015, and is honest."""
FEWEST = 30
"""Rows, and rows beside the largest class, below which a coincidence is too likely."""
MOST_ROWS = 5000
MOST_CELLS = 4_000_000
"""Rows, and rows times columns, that are looked at."""
KNOWN = 0.9
"""Share of the rows whose level stands in the other half too; those of rare levels show nothing."""
CANDIDATE = 0.99
"""Area under the curve of some class, of numbers that are looked at more closely."""


def leaks(
    frame: pd.DataFrame, columns: Sequence[Column], target: np.ndarray, *, regression: bool
) -> dict[str, str]:
    """Return the columns that tell the target (numbers, or positions of classes) alone, and what was seen."""
    rows = np.arange(len(frame))
    most = max(FEWEST, min(MOST_ROWS, MOST_CELLS // len(columns)))
    if len(rows) > most:
        rows = np.sort(np.random.default_rng(0).choice(rows, most, replace=False))
    if len(rows) < FEWEST or (regression and not np.ptp(target[rows])):
        return {}
    values = typed(frame.iloc[rows], columns).reset_index(drop=True)
    look = _of_numbers if regression else _of_classes
    most_open = UNEXPLAINED if regression else MISNAMED
    found = {name: share for name, share in look(values, target[rows]) if share <= most_open}
    what = "target's variance" if regression else "classes"
    return {
        column.name: f"alone it tells {100 * (1 - found[name]):.4g} % of the {what} in {len(rows)} rows"
        for column in columns
        for name in column.outputs
        if name in found
    }


def _of_numbers(values: pd.DataFrame, target: np.ndarray) -> Iterator[tuple[str, float]]:
    """Yield each typed column with the share of the target's variance that it leaves open."""
    numbers = values.select_dtypes("number")
    ranks = pd.Series(target).rank().to_numpy()
    told = np.fmax(*(_explained(*pair) for pair in ((numbers, target), (numbers.rank(), ranks))))
    given = numbers.notna().sum().to_numpy()
    for name, share, count in zip(numbers.columns, told, given, strict=True):
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
    """Yield the typed columns that may name the class, with the share of rows that they name wrong.

    A share is at most a tenth of what always naming the largest class would get wrong, else 1.
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
    """Return how many rows stand among those of another class when rows are sorted by a number."""
    ordered = target[np.lexsort((target, values))]
    runs = 1 + int(np.count_nonzero(np.diff(ordered)))
    return max(0, runs - len(np.unique(target))) / 2


def _best_area(numbers: pd.DataFrame, target: np.ndarray) -> np.ndarray:
    """Return for each column the largest area under the curve of one class against the others."""
    if numbers.empty:
        return np.zeros(numbers.shape[1])
    ranks = numbers.fillna(-np.inf).rank().to_numpy()
    own = np.eye(target.max() + 1)[target]
    mine = own.sum(axis=0)[:, None]
    pairs = np.maximum(mine * (len(target) - mine), 1)
    area = (own.T @ ranks - mine * (mine + 1) / 2) / pairs
    return np.asarray(np.where(mine > 0, np.maximum(area, 1 - area), 0).max(axis=0))


def _largest(part: pd.DataFrame) -> pd.Series:
    """Return the most frequent class of each code."""
    counted = part.value_counts(["code", "target"], sort=True).reset_index()
    return counted.drop_duplicates("code").set_index("code")["target"]


def _crossed(
    codes: np.ndarray, target: np.ndarray, learn: Callable[[pd.DataFrame], pd.Series]
) -> np.ndarray:
    """Return a guess for each row, learned by code from the other half of the rows; NaN: never seen."""
    rows = pd.DataFrame({"code": codes, "target": target})
    even = np.arange(len(rows)) % 2 == 0
    guessed = np.full(len(rows), np.nan)
    for mine in (even, ~even):
        guessed[mine] = rows["code"][mine].map(learn(rows[~mine])).to_numpy(dtype=np.float64)
    return guessed
