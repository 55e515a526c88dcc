"""Assign every row to training, validation or test: once, seeded, the same for all trials."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pipeline.config.choices import SplitKind
from pipeline.config.schema_data import DataConfig
from pipeline.core.errors import DataError
from pipeline.data.assign import Grouped, Hashed, Last, Shuffled, Timed
from pipeline.data.target import Target

FEWEST = 2
"""Least number of rows of every part: one row has no variance."""
ALL_ROWS = 1
"""Number of the fold that is trained on all known rows, after a search on a single split."""
MOST_FOLDS = 10
"""Most folds of a champion, the search's own included."""


@dataclass(frozen=True)
class Split:
    """Row numbers of each part, int64 and ascending (by time where `data.time` orders the rows)."""

    train: np.ndarray
    """Rows of the first fold's training part."""
    validation: np.ndarray
    test: np.ndarray
    """Rows kept for the one test at the end; may be empty."""
    folds: tuple[tuple[np.ndarray, np.ndarray], ...]
    """(train, validation) of each fold, repeat after repeat; one fold where there is no k-fold."""
    assignment: Shuffled | Grouped | Hashed | Last | Timed | None = None
    """The assignment, for further folds; None: there are none."""

    @property
    def known(self) -> np.ndarray:
        """Return the rows that are not test rows, ascending."""
        return np.union1d(self.train, np.concatenate([fold[1] for fold in self.folds]))

    @property
    def largest(self) -> tuple[int, int]:
        """The most training rows and the most validation rows that a fold of the search has."""
        train, validation = zip(*self.folds, strict=True)
        return max(map(len, train)), max(map(len, validation))

    @property
    def describing(self) -> np.ndarray:
        """Return the rows that determine the inputs, the same for every fold."""
        return self.train if len(self.folds) == 1 else self.known

    def fold(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Return (train, validation) of a fold of the search, or of the champion's behind them."""
        return (*self.folds, *(self.further if number >= len(self.folds) else ()))[number]

    @cached_property
    def further(self) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
        """Further (train, validation) folds for a champion after a search on a single split; else empty.

        First (`ALL_ROWS`) all known rows, with validation rows among them. Then, unless time orders the
        rows, folds that together with the search's own validate every known row once, with as many
        training rows as it, so that the choice of the search still holds.
        """
        if len(self.folds) > 1 or self.assignment is None:
            return ()
        whole = (self.known, self.validation)
        if isinstance(self.assignment, Timed):
            return (whole,)
        count = round(len(self.train) / len(self.validation))
        dealt = self.assignment.folds(self.train, min(max(count, 1), MOST_FOLDS - 1))
        rest = [(np.union1d(train, self.validation), held) for train, held in dealt if len(held)]
        return (whole, *rest)


@dataclass(frozen=True)
class Keys:
    """The keys that rows may be assigned by."""

    groups: np.ndarray | None = None
    """int64 code of each row's group."""
    times: np.ndarray | None = None
    """Sortable float64 of each row's time."""
    hashes: np.ndarray | None = None
    """uint64 hash of each row's content, id or group."""


def split_rows(
    config: DataConfig, target: Target, keys: Keys, seed: int, given_test: int = 0
) -> Split:
    """Split the rows of a table as the configuration says.

    Args:
        target: Target of every row; its classes are the strata of a random split.
        keys: Groups, times or hashes, where the configuration requires them.
        given_test: Number of rows at the end that come from `data.test_path` and are the test rows.

    Raises:
        DataError: Too few rows (or groups) for a part.
    """
    count = len(target.numbers) - given_test
    strata = target.strata[:count]
    assignment: Shuffled | Grouped | Hashed | Last | Timed = Shuffled(strata, seed)
    if keys.hashes is not None:
        assignment = Hashed(keys.hashes)
    elif keys.times is not None:
        assignment = Timed(keys.times)
    elif keys.groups is not None:
        assignment = Grouped(keys.groups, strata, seed)
    elif config.split is SplitKind.last:
        assignment = Last()
    rows = np.arange(count)
    test = np.arange(count, count + given_test)
    if config.test_fraction > 0 and config.test_path is None:
        rows, test = assignment.holdout(rows, config.test_fraction, "test")
        _check("test", test, count, "data.test_fraction", config.test_fraction)
    if config.folds is None:
        folds = [assignment.holdout(rows, config.validation_fraction, "validation")]
    else:
        dealt = (assignment.folds(rows, config.folds, n) for n in range(config.repeats))
        folds = [fold for repeat in dealt for fold in repeat]
    for train, validation in folds:
        _check_fold(config, target, train, validation, count)
    return Split(*folds[0], test, tuple(folds), assignment)


def _check_fold(
    config: DataConfig, target: Target, train: np.ndarray, validation: np.ndarray, count: int
) -> None:
    """Refuse a fold that cannot be trained or validated."""
    key, value = "data.validation_fraction", config.validation_fraction
    if config.folds is not None:
        key, value = "data.folds", config.folds
    _check("validation", validation, count, key, value)
    _check("training", train, count, key, value)
    if np.ptp(target.numbers[train]) == 0:
        what = "value" if target.regression else "class"
        raise DataError(
            f"all training rows have the same {what} of {target.name!r}; use "
            + ("data.split=random, or " * (config.split is not SplitKind.random))
            + f"more rows with another {what}"
        )


def _check(part: str, rows: np.ndarray, count: int, key: str, value: float) -> None:
    if len(rows) < FEWEST:
        raise DataError(
            f"too few rows: {len(rows)} of {count} would be {part} rows ({key}={value:g}), at "
            f"least {FEWEST} are needed; use more rows or another {key}"
        )
