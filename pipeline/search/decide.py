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
    from collections.abc import Iterable, Mapping, Sequence

    from pipeline.records import Scored, Trial


@dataclass(frozen=True, eq=False)
class Evidence:
    """The usable executions of one trial."""

    trial: Trial
    results: Mapping[int, Scored]
    """By execution; at least one, all usable."""

    @cached_property
    def scores(self) -> np.ndarray:
        """Scores in the order of executions, shape (executions,)."""
        return np.array([self.results[i].score for i in sorted(self.results)])

    @cached_property
    def score(self) -> float:
        """Mean over the executions, lower is better."""
        return float(self.scores.mean())

    @cached_property
    def executions(self) -> int:
        """How many executions there are."""
        return len(self.results)

    @cached_property
    def order(self) -> tuple[float, int, str]:
        """The one order of trials: score, then parameters, then name."""
        return self.score, self.trial.parameters, self.trial.name


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


def difference(one: Evidence, other: Evidence, *, folds: bool = False) -> Difference:
    """Compare two trials on the executions they share, each paired by seed and validation row.

    The squared standard error is the variance of the per-seed means / seeds + the variance of the
    per-row means / rows (docs/architecture.md). One execution: rows only. No row losses: seeds only.
    k-fold validates every row once: rows only. Without a shared execution the scores are compared
    as they are, with an infinite standard error.
    """
    shared = sorted(one.results.keys() & other.results.keys())
    if not shared:
        return Difference(one.score - other.score, math.inf, 1.0)
    if len(shared) == one.executions == other.executions:
        per_seed = one.scores - other.scores
    else:
        per_seed = np.array([one.results[i].score - other.results[i].score for i in shared])
    rows = [_row_difference(one.results[i], other.results[i]) for i in shared]
    return _difference(per_seed, rows, folds=folds)


def standard_error(evidence: Evidence, *, folds: bool = False) -> float:
    """Return the standard error of a trial's own score, over seeds and validation rows."""
    rows = [scored.row_losses for _, scored in sorted(evidence.results.items())]
    return _difference(evidence.scores, rows, folds=folds).se


def _row_difference(one: Scored, other: Scored) -> np.ndarray | None:
    if one.row_losses is None or other.row_losses is None:
        return None
    if one.row_losses.shape != other.row_losses.shape:
        return None
    paired: np.ndarray = one.row_losses - other.row_losses
    return paired


def _difference(
    per_seed: np.ndarray, rows: Sequence[np.ndarray | None], *, folds: bool
) -> Difference:
    seeds = len(per_seed)
    row_part = _row_variance([row for row in rows if row is not None], folds=folds)
    has_rows = row_part is not None and all(row is not None for row in rows)
    seed_part = float(per_seed.var(ddof=1)) / seeds if seeds > 1 else 0.0
    if folds and has_rows:
        seed_part = 0.0
    variance = seed_part + (row_part if has_rows and row_part is not None else 0.0)
    share = seed_part / variance if variance > 0.0 else 0.0
    if seeds == 1 and not folds:
        share = 1.0  # one seed says nothing about seeds: more would
    return Difference(float(per_seed.mean()), math.sqrt(variance), share)


def _row_variance(rows: Sequence[np.ndarray], *, folds: bool) -> float | None:
    """Return the variance of the per-row means / rows; None where that cannot be known."""
    if not rows:
        return None
    if folds:
        per_row = np.concatenate(rows).astype(np.float64)
    elif any(row.shape != rows[0].shape for row in rows):
        return None
    else:
        per_row = np.mean(rows, axis=0, dtype=np.float64)
    if per_row.size <= 1:
        return None
    variance = float(per_row.var(ddof=1)) / per_row.size
    return variance if math.isfinite(variance) else None


def smallest_within(
    candidates: Iterable[Evidence], errors: float, *, folds: bool = False
) -> tuple[Evidence, Evidence, Difference]:
    """Return the smallest trial within so many standard errors of the best, the best, and how far."""
    ordered = sorted(candidates, key=lambda evidence: evidence.order)
    best = ordered[0]
    for candidate in sorted(ordered, key=lambda one: (one.trial.parameters, one.order)):
        gap = difference(candidate, best, folds=folds)
        if math.isfinite(gap.se) and gap.within(errors):
            return candidate, best, gap
    return best, best, Difference(0.0, 0.0, 0.0)


def median_execution(evidence: Evidence) -> int:
    """Return the execution with the median score; of an even number the worse of the middle two."""
    ordered = sorted(evidence.results, key=lambda i: (evidence.results[i].score, i))
    return ordered[len(ordered) // 2]


def pareto(candidates: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """Return the candidates than which no smaller or equal one is as good, smallest first."""
    front: list[Evidence] = []
    for candidate in sorted(candidates, key=lambda one: (one.trial.parameters, one.order)):
        if not front or candidate.score < front[-1].score:
            front.append(candidate)
    return tuple(front)


def knee(front: Sequence[Evidence]) -> Evidence:
    """Return the point of a front that lies farthest below the line between its ends.

    Size counts by its logarithm, as capacities grow by factors. A front of one or two has no knee:
    its best point is returned.
    """
    if len(front) <= 2:  # noqa: PLR2004 - a line has two ends
        return front[-1]
    size = np.log([max(point.trial.parameters, 1) for point in front])
    loss = np.array([point.score for point in front])
    x = (size - size[0]) / (size[-1] - size[0])
    y = (loss - loss[-1]) / (loss[0] - loss[-1])
    return front[int(np.argmax(1.0 - x - y))]
