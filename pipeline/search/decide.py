"""Statistics of a decision: paired differences, their standard error, and whom they choose.

Every order has one tie-break: score, then parameters, then name; so the same fits give the same
answer in any process.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pipeline.records import Scored, Trial


STRAIGHT = 1e-9
"""Share of a front's range below which a point lies on the line between its ends."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """The usable executions of one trial."""

    trial: Trial
    results: Mapping[int, Scored]
    """By execution; at least one, all usable."""

    @cached_property
    def order(self) -> tuple[float, int, str]:
        """The one order of trials: score, then parameters, then name."""
        return self.score, self.trial.parameters, self.trial.name

    @cached_property
    def score(self) -> float:
        """Mean over the executions, lower is better."""
        return float(self.scores.mean())

    @cached_property
    def sign(self) -> int:
        """-1 where the objective is better when higher."""
        return next(iter(self.results.values())).sign

    @property
    def shown(self) -> float:
        """The mean in the objective's own direction, as people read it."""
        return self.sign * self.score

    @cached_property
    def executions(self) -> int:
        """How many executions there are."""
        return len(self.results)

    @cached_property
    def scores(self) -> np.ndarray:
        """Scores in the order of executions, shape (executions,)."""
        return np.array([self.results[i].score for i in sorted(self.results)])

    @cached_property
    def mean_rows(self) -> np.ndarray | None:
        """Loss per validation row, mean over executions; None unless all have the same rows."""
        rows = self._rows()
        if not rows or any(row.shape != rows[0].shape for row in rows):
            return None
        mean: np.ndarray = np.add.reduce(np.array(rows, np.float64)) / len(rows)
        return mean

    @cached_property
    def fold_rows(self) -> np.ndarray | None:
        """Loss per validation row of every fold, one after another; None without row losses."""
        rows = self._rows()
        return np.concatenate(rows, dtype=np.float64) if rows else None

    def only(self, executions: Sequence[int]) -> Evidence:
        """Return the evidence of some of the executions."""
        if len(executions) == self.executions:
            return self
        return Evidence(self.trial, {i: self.results[i] for i in executions})

    def _rows(self) -> list[np.ndarray]:
        """Return the row losses in the order of executions; empty if any has none."""
        rows = [self.results[i].row_losses for i in sorted(self.results)]
        known = [row for row in rows if row is not None]
        return known if len(known) == len(rows) else []


@dataclass(frozen=True)
class Difference:
    """How much one trial's loss exceeds another's (negative: it is better), and how sure that is."""

    mean: float
    se: float
    """Standard error; 0 where nothing tells of noise."""
    seed_share: float
    """Share of the squared standard error that more executions would reduce, 0 to 1."""

    def within(self, errors: float) -> bool:
        """Return whether it is no more than so many standard errors above zero."""
        return self.mean <= errors * self.se


def difference(one: Evidence, other: Evidence, *, splits: int = 0) -> Difference:
    """Compare two trials on the executions they share, each paired by seed and validation row.

    The squared standard error is the variance of the per-seed means / seeds + the variance of the
    per-row means / rows (docs/architecture.md). One execution: rows only. No row losses: seeds only.
    k-fold validates every row once a split: rows only. Without a shared execution the scores are
    compared as they are, with an infinite standard error.

    Args:
        one: A trial.
        other: The trial that it is compared with.
        splits: k-fold splits of which the executions are the folds; 0: they are seeds.
    """
    shared = paired(one, other)
    if shared is None:
        return Difference(one.score - other.score, math.inf, 1.0)
    one, other = shared
    rows = _rows_of(one, splits=splits), _rows_of(other, splits=splits)
    per_row = None
    if rows[0] is not None and rows[1] is not None and rows[0].shape == rows[1].shape:
        per_row = rows[0] - rows[1]
    return _difference(one.scores - other.scores, per_row, splits=splits)


def paired(one: Evidence, other: Evidence) -> tuple[Evidence, Evidence] | None:
    """Return both with the executions that they share, or None where they share none."""
    if one.results.keys() == other.results.keys():
        return one, other
    shared = sorted(one.results.keys() & other.results.keys())
    return (one.only(shared), other.only(shared)) if shared else None


def standard_error(evidence: Evidence, *, splits: int = 0) -> float:
    """Return the standard error of a trial's own score, over seeds and validation rows."""
    return _difference(evidence.scores, _rows_of(evidence, splits=splits), splits=splits).se


def _rows_of(evidence: Evidence, *, splits: int) -> np.ndarray | None:
    return evidence.fold_rows if splits else evidence.mean_rows


def _difference(per_seed: np.ndarray, per_row: np.ndarray | None, *, splits: int) -> Difference:
    # Every split validates each row once more: that makes its loss surer, not the rows more.
    from_rows = 0.0 if per_row is None else max(splits, 1) * _squared_error(per_row)
    from_seeds = 0.0 if splits and per_row is not None else _squared_error(per_seed)
    variance = from_rows + from_seeds
    share = from_seeds / variance if variance > 0.0 else 0.0
    if len(per_seed) == 1 and not splits:
        share = 1.0  # one seed says nothing about seeds: more would
    return Difference(float(per_seed.sum()) / len(per_seed), math.sqrt(variance), share)


def _squared_error(values: np.ndarray) -> float:
    """Return the squared standard error of a mean; 0 where one value tells nothing of it."""
    size = values.size
    if size <= 1:
        return 0.0
    centred = values - values.sum() / size
    squared = float(centred @ centred) / (size * (size - 1))
    return squared if math.isfinite(squared) else 0.0


def smallest_within(
    candidates: Iterable[Evidence], errors: float, *, splits: int = 0
) -> tuple[Evidence, Evidence, Difference]:
    """Return the smallest trial within so many standard errors of the best, the best, and how far."""
    ordered = sorted(candidates, key=lambda evidence: evidence.order)
    best = ordered[0]
    for candidate in sorted(ordered, key=lambda one: (one.trial.parameters, one.order)):
        gap = difference(candidate, best, splits=splits)
        if math.isfinite(gap.se) and gap.within(errors):
            return candidate, best, gap
    return best, best, Difference(0.0, 0.0, 0.0)


def median_execution(evidence: Evidence) -> int:
    """Return the execution with the median score; of an even number the worse of the middle two."""
    ordered = sorted(evidence.results, key=lambda i: (evidence.results[i].score, i))
    return ordered[len(ordered) // 2]


def parameters(trial: Trial) -> float:
    """Return the size that counts unless another is asked for."""
    return trial.parameters


def pareto(
    candidates: Iterable[Evidence], size: Callable[[Trial], float] = parameters
) -> tuple[Evidence, ...]:
    """Return the candidates than which no smaller or equal one is as good, smallest first."""
    front: list[Evidence] = []
    for candidate in sorted(candidates, key=lambda one: (size(one.trial), one.order)):
        if not front or candidate.score < front[-1].score:
            front.append(candidate)
    return tuple(front)


def knee(front: Sequence[Evidence]) -> Evidence:
    """Return the point of a front that lies farthest below the line between its ends.

    Size counts by its logarithm, as capacities grow by factors. A front that has no point below that
    line has no knee: its best point is returned.
    """
    if len(front) <= 2:  # noqa: PLR2004 - a line has two ends
        return front[-1]
    size = np.log([max(point.trial.parameters, 1) for point in front])
    loss = np.array([point.score for point in front])
    x = (size - size[0]) / (size[-1] - size[0])
    y = (loss - loss[-1]) / (loss[0] - loss[-1])
    below = 1.0 - x - y
    at = int(np.argmax(below))
    return front[at] if below[at] > STRAIGHT else front[-1]
