"""Statistics of a decision: paired differences, their standard error, and the choices they lead to.

Every order has one tie-break: score, then parameters, then name; so the same fits give the same
decision in any process.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pipeline.core.records import Scored, Trial
from pipeline.core.statistics import (
    NO_POOL,
    Difference,
    Pool,
    Units,
    of_folds,
    own_luck,
    pooled,
    two_way,
)

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
        return self.any.sign

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
    def table(self) -> np.ndarray | None:
        """Loss of every unit, float64 (executions, units); None unless all have the same units."""
        rows = [self.results[i].row_losses for i in sorted(self.results)]
        known = [row for row in rows if row is not None]
        if len(known) < len(rows) or any(row.shape != known[0].shape for row in known):
            return None
        return np.array(known, np.float64)

    @cached_property
    def luck(self) -> Pool:
        """The variation over its seeds, two or more."""
        return own_luck(self.scores, self.table, self.any.units or Units())

    @cached_property
    def any(self) -> Scored:
        """One of the executions, for the values that all of them share."""
        return next(iter(self.results.values()))

    def only(self, executions: Sequence[int]) -> Evidence:
        """Return the evidence of some of the executions."""
        if len(executions) == self.executions:
            return self
        return Evidence(self.trial, {i: self.results[i] for i in executions})


def difference(
    candidate: Evidence, reference: Evidence, *, folds: int = 0, pool: Pool = NO_POOL
) -> Difference:
    """Return candidate minus reference on the executions they share, paired by seed and validation row.

    By `pipeline/core/statistics.py`: two-way over seeds and units (rows, groups, blocks of time), or over
    folds as replicates. One execution: units only. No row losses: seeds only. Without a shared
    execution the scores are compared as they are, with an infinite standard error.

    Args:
        folds: As of `choose.Rule`.
        pool: The variation over seeds of all trials (`luck`).
    """
    if candidate is reference:
        return Difference(0.0, 0.0, 0.0)
    shared = paired(candidate, reference)
    if shared is None:
        return Difference(candidate.score - reference.score, math.inf, 1.0)
    candidate, reference = shared
    first, second, table = candidate.table, reference.table, None
    if first is not None and second is not None and first.shape == second.shape:
        table = first - second
    gaps = candidate.scores - reference.scores
    return _error(gaps, table, candidate.any, folds, pool.of_difference)


def paired(candidate: Evidence, reference: Evidence) -> tuple[Evidence, Evidence] | None:
    """Return both with the executions that they share, or None where they share none."""
    if candidate.results.keys() == reference.results.keys():
        return candidate, reference
    shared = sorted(candidate.results.keys() & reference.results.keys())
    return (candidate.only(shared), reference.only(shared)) if shared else None


def luck(known: Iterable[Evidence], *, folds: int = 0) -> Pool:
    """Return the variation over seeds, pooled over all trials with several; none with folds."""
    several = [] if folds else [evidence.luck for evidence in known if evidence.executions > 1]
    return pooled(several)


def standard_error(evidence: Evidence, *, folds: int = 0, pool: Pool = NO_POOL) -> float:
    """Return the standard error of a trial's own score, over seeds and units, or over folds."""
    return _error(evidence.scores, evidence.table, evidence.any, folds, pool).se


def _error(
    means: np.ndarray, table: np.ndarray | None, of: Scored, folds: int, pool: Pool
) -> Difference:
    if folds:
        return of_folds(means, folds)
    return two_way(means, table, of.units or Units(), pool)


def median_execution(evidence: Evidence) -> int:
    """Return the execution with the median score; of an even number the worse of the middle two."""
    ordered = sorted(evidence.results, key=lambda i: (evidence.results[i].score, i))
    return ordered[len(ordered) // 2]


def pareto(
    candidates: Iterable[Evidence], size: Callable[[Trial], float] = lambda trial: trial.parameters
) -> tuple[Evidence, ...]:
    """Return the candidates that are better than all smaller ones, smallest first."""
    front: list[Evidence] = []
    for candidate in sorted(
        candidates, key=lambda evidence: (size(evidence.trial), evidence.order)
    ):
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
