"""Assignment of rows to parts: shuffled (stratified), grouped, hashed, by time, or the last rows.

Each has `holdout(rows, share, purpose)` -> (rows that stay, rows taken) and `folds(rows, count, repeat)`
-> (train, validation) pairs; `rows` are ascending row numbers and so are the results. Pure numpy.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from pipeline.core.errors import DataError
from pipeline.data.rowhash import uniform

Pair = tuple[np.ndarray, np.ndarray]


def _generator(seed: int, purpose: str) -> np.random.Generator:
    """Return a generator that depends on seed and purpose."""
    return np.random.default_rng([seed, zlib.crc32(purpose.encode())])


def _dealing(repeat: int) -> str:
    """Return the purpose of the random numbers of the folds, different for each repeat."""
    return f"folds {repeat}" if repeat else "folds"


def _pairs(rows: np.ndarray, fold: np.ndarray, count: int) -> list[Pair]:
    """Return each fold's (train, validation), given the fold of each row."""
    return [(rows[fold != number], rows[fold == number]) for number in range(count)]


@dataclass(frozen=True)
class Shuffled:
    """Random rows, the same share of every stratum to within one row."""

    strata: np.ndarray
    """int64 class of each row of the table; equal for a regression."""
    seed: int

    def holdout(self, rows: np.ndarray, share: float, purpose: str) -> Pair:
        """Take `share` of the rows; every stratum keeps a row (two for the test, one each part)."""
        rank, codes, _ = self._ranks(rows, purpose)
        kept = 2 if purpose == "test" else 1
        quota = quotas(np.bincount(codes), share, kept)
        taken = rank < quota[codes]
        return rows[~taken], rows[taken]

    def folds(self, rows: np.ndarray, count: int, repeat: int = 0) -> list[Pair]:
        """Deal the shuffled rows of one stratum after the other to the folds in turn.

        The row of a class that has no other in the table is in every training part, and never validates.
        """
        rank, codes, start = self._ranks(rows, _dealing(repeat))
        lone = np.bincount(self.strata)[codes] == 1
        return _pairs(rows, np.where(lone, -1, (start[codes] + rank) % count), count)

    def _ranks(self, rows: np.ndarray, purpose: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return each row's random place within its stratum, its stratum, and the rows before each."""
        codes = self.strata[rows]
        shuffled = _generator(self.seed, purpose).permutation(len(rows))
        order = shuffled[np.argsort(codes[shuffled], kind="stable")]
        counts = np.bincount(codes)
        start = np.concatenate(([0], np.cumsum(counts)[:-1]))
        rank = np.empty(len(rows), dtype=np.int64)
        rank[order] = np.arange(len(rows)) - np.repeat(start, counts)
        return rank, codes, start


def quotas(counts: np.ndarray, share: float, kept: int) -> np.ndarray:
    """Return how many rows of each stratum to take: `share` of all, by largest remainder.

    Args:
        counts: Rows of each stratum.
        share: Of all rows, in (0, 1).
        kept: Rows of each stratum that must stay.
    """
    total = max(1, round(counts.sum() * share))
    room = np.maximum(counts - kept, 0)
    ideal = counts * share
    quota: np.ndarray = np.minimum(np.floor(ideal).astype(np.int64), room)
    for stratum in np.argsort(-(ideal - quota), kind="stable"):
        if quota.sum() >= total:
            break
        quota[stratum] += int(quota[stratum] < room[stratum])
    return quota


@dataclass(frozen=True)
class Grouped:
    """Whole groups, chosen so that rows and classes are shared out as evenly as groups allow."""

    groups: np.ndarray
    """int64 code of each row's group."""
    strata: np.ndarray
    seed: int

    def holdout(self, rows: np.ndarray, share: float, purpose: str) -> Pair:
        """Take groups with about `share` of the rows of every stratum."""
        taken = self._deal(rows, [1 - share, share], purpose) == 1
        return rows[~taken], rows[taken]

    def folds(self, rows: np.ndarray, count: int, repeat: int = 0) -> list[Pair]:
        """Deal whole groups to the folds."""
        return _pairs(rows, self._deal(rows, [1 / count] * count, _dealing(repeat)), count)

    def _deal(self, rows: np.ndarray, shares: list[float], purpose: str) -> np.ndarray:
        """Return the part of each row: groups, large ones first, go where most is missing."""
        names, code = np.unique(self.groups[rows], return_inverse=True)
        if len(names) < len(shares):
            raise DataError(
                f"too few groups: {len(names)} cannot be shared out to {len(shares)} parts "
                f"({purpose}); use a data.group with more values or fewer data.folds"
            )
        pairs, counts = np.unique(np.stack([code, self.strata[rows]]), axis=1, return_counts=True)
        shares_of = counts / np.bincount(self.strata[rows])[pairs[1]]
        first = np.searchsorted(pairs[0], np.arange(len(names) + 1))
        size = np.bincount(code)
        shuffled = _generator(self.seed, purpose).permutation(len(names))
        order = shuffled[np.argsort(-np.floor(np.log2(size[shuffled])), kind="stable")]
        missing = np.array([shares] * (int(self.strata.max()) + 1)).T.tolist()
        part = np.empty(len(names), dtype=np.int64)
        members = [0] * len(shares)
        left = len(names)
        strata, weights = pairs[1].tolist(), shares_of.tolist()
        for group in order.tolist():
            inside = [(strata[at], weights[at]) for at in range(first[group], first[group + 1])]
            empty = [number for number, here in enumerate(members) if not here]
            candidates = empty if len(empty) == left else range(len(shares))
            best = max(
                candidates, key=lambda to: sum(weight * missing[to][s] for s, weight in inside)
            )
            for stratum, weight in inside:
                missing[best][stratum] -= weight
            part[group] = best
            members[best] += 1
            left -= 1
        return part[code]


@dataclass(frozen=True)
class Hashed:
    """Each row by its own hash alone: it never changes side, whatever rows come or go."""

    hashes: np.ndarray
    """uint64 hash of each row of the table."""

    def holdout(self, rows: np.ndarray, share: float, purpose: str) -> Pair:
        """Take the rows whose hash falls below `share`."""
        taken = uniform(self.hashes[rows], purpose) < share
        return rows[~taken], rows[taken]

    def folds(self, rows: np.ndarray, count: int, repeat: int = 0) -> list[Pair]:  # noqa: ARG002
        """Give each row the fold that its hash says."""
        fold = np.floor(uniform(self.hashes[rows], "validation") * count).astype(np.int64)
        return _pairs(rows, fold, count)


@dataclass(frozen=True)
class Last:
    """The last rows of the file, as `validation_split` of Keras takes them; nothing is shuffled."""

    def holdout(self, rows: np.ndarray, share: float, purpose: str) -> Pair:  # noqa: ARG002
        """Take the last `share` of the rows (keras: split_at = floor(rows * (1 - share)))."""
        at = math.floor(len(rows) * (1.0 - share))
        return rows[:at], rows[at:]

    def folds(self, rows: np.ndarray, count: int, repeat: int = 0) -> list[Pair]:  # noqa: ARG002
        """Cut the file into blocks; each validates once."""
        fold = np.arange(len(rows)) * count // max(len(rows), 1)
        return _pairs(rows, fold, count)


@dataclass(frozen=True)
class Timed:
    """The newest rows; equal times are never separated."""

    times: np.ndarray
    """float64 time of each row, finite."""

    def holdout(self, rows: np.ndarray, share: float, purpose: str) -> Pair:
        """Take about the newest `share`, at the change of time that is nearest."""
        rows = rows[np.argsort(self.times[rows], kind="stable")]
        at = self._cuts(rows, np.array([len(rows) * (1.0 - share)]), purpose)[0]
        return rows[:at], rows[at:]

    def folds(self, rows: np.ndarray, count: int, repeat: int = 0) -> list[Pair]:  # noqa: ARG002
        """Cut time into count + 1 blocks; each but the first validates what was trained before it."""
        rows = rows[np.argsort(self.times[rows], kind="stable")]
        wanted = np.arange(1, count + 1) * len(rows) / (count + 1)
        cuts = [*self._cuts(rows, wanted, "folds"), len(rows)]
        return [(rows[:start], rows[start:end]) for start, end in pairwise(cuts)]

    def _cuts(self, rows: np.ndarray, wanted: np.ndarray, purpose: str) -> list[int]:
        """Return positions near the wanted ones where the time changes."""
        changes = np.flatnonzero(np.diff(self.times[rows])) + 1
        nearest = [int(changes[np.argmin(np.abs(changes - at))]) for at in wanted if len(changes)]
        if len(set(nearest)) < len(wanted):
            raise DataError(
                f"too few different times for the {purpose} rows: {len(changes) + 1} in {len(rows)} "
                "rows of data.time"
            )
        return nearest
