"""The statistics of every decision: means of losses, paired differences, and their standard errors.

Search, evaluation, registry and report compare models with this module alone. Losses vary with the seed
of a model and with the rows it is scored on. A unit is a row; where rows belong together (a group, a block
of time) they vary together, and the unit is the group or block.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeGuard

import numpy as np

FLOOR = 0.07
"""The variance is at least this share of its part by units: subtracting may leave nothing by chance. A
higher floor covers too much with two or three seeds (benchmarks/standard_error.py)."""

POOL_FREEDOM = 6.0
"""Degrees of freedom of a pool: it steadies two or three seeds and weighs little beside fifteen."""

FEWEST_POOLED = 4
"""Fewest trials with several seeds that make a pool."""

BLOCKS = 20
"""Most blocks that rows in order of time are cut into: each must outlast what its rows share."""


@dataclass(frozen=True)
class Difference:
    """The mean difference of two losses, candidate minus reference, and its standard error."""

    mean: float
    se: float
    """Standard error, so wide that the truth lies within one in 68 % of cases: the root of the variance
    times `one_sigma(freedom)`; 0 where no noise was measured."""
    seed_share: float
    """Share of the variance that more seeds would reduce, 0 to 1."""
    freedom: float = math.inf
    """Degrees of freedom of the variance, at least 1."""

    @property
    def root(self) -> float:
        """The root of the estimated variance: the standard error without the small-sample factor."""
        return self.se / one_sigma(self.freedom)

    def within(self, errors: float, least: float = 0.0) -> bool:
        """Return whether it is at most `errors` standard errors, or at most `least`, above zero."""
        return self.mean <= max(errors * self.se, least)


@dataclass(frozen=True, eq=False)
class Units:
    """The units that a table of losses is a sample of."""

    count: int = 0
    """Number of units that the means are over; 0: those of the table."""
    weights: np.ndarray | None = None
    """Weight of each unit in the table, (units,), with mean 1 over all units; None: all are 1."""


ALONE = Units()


@dataclass(frozen=True)
class Pool:
    """The variation over seeds, pooled over trials: two or three seeds of one trial measure it badly."""

    by_seed: float = 0.0
    """Variance over seeds of a mean over units."""
    residual: float = 0.0
    """The interaction of seed and unit in it: residual mean square / units."""
    freedom: float = 0.0
    """Degrees of freedom beside a trial's own; 0: not measured."""

    @property
    def of_difference(self) -> Pool:
        """The same for the difference of two independent trials: twice the variances."""
        return Pool(2.0 * self.by_seed, 2.0 * self.residual, self.freedom)


NO_POOL = Pool()


def one_sigma(freedom: float) -> float:
    """Return the quantile of Student's t that covers what one sigma of a normal covers, 68.27 %.

    Cornish and Fisher's expansion, its last term fitted to freedom 1; within 0.001 from there on.
    """
    inverse = 1.0 / max(freedom, 1.0)
    return 1.0 + inverse * (0.5 + inverse * (0.25 + inverse * (0.0625 + inverse * 0.0248)))


def mean_error(
    losses: np.ndarray, *, weights: np.ndarray | None = None, clusters: np.ndarray | None = None
) -> Difference:
    """Return the mean of losses and its standard error; arguments as of `paired`, with a reference of 0."""
    return paired(losses, np.zeros_like(losses), weights=weights, clusters=clusters)


def paired(
    candidate: np.ndarray,
    reference: np.ndarray,
    *,
    weights: np.ndarray | None = None,
    clusters: np.ndarray | None = None,
) -> Difference:
    """Return the mean of `candidate - reference` over the same rows (and seeds), and its standard error.

    Args:
        candidate: Unweighted loss of each row, (rows,), or (seeds, rows) with equal seeds in equal places.
        reference: The same of the other model.
        weights: (rows,), above 0, of any scale; None: all are equal.
        clusters: (rows,), equal where rows belong together; None: every row is a unit.
    """
    losses = np.atleast_2d(np.asarray(candidate, np.float64) - np.asarray(reference, np.float64))
    table, unit_weights = by_unit(losses, weights, clusters)
    return two_way(table.mean(axis=1), table, Units(weights=unit_weights))


def by_unit(
    losses: np.ndarray, weights: np.ndarray | None, clusters: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the weighted losses of the units, whose plain mean is the weighted mean of the rows.

    Arguments as of `paired`, losses (..., rows). Returns loss times weight of each unit, float64
    (..., units), and the weights, mean 1; None: all are 1.
    """
    losses = np.asarray(losses, np.float64)
    if weights is not None:
        weights = np.asarray(weights, np.float64)
        weights = weights / weights.mean()
        losses = losses * weights
    return joined(losses, weights, clusters) if are_several(clusters) else (losses, weights)


def are_several(clusters: np.ndarray | None) -> TypeGuard[np.ndarray]:
    """Return whether there are two clusters or more; with one, rows are the units, a lower bound."""
    return clusters is not None and bool((clusters != clusters[:1]).any())


def joined(
    weighted: np.ndarray, weights: np.ndarray | None, clusters: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return what `by_unit` does, for losses that are weighted already: losses and weights of clusters.

    Args:
        weighted: Losses times weights of mean 1, (..., rows).
        weights: (rows,), mean 1; None: all are 1.
        clusters: (rows,), equal where rows belong together.
    """
    _, code, counts = np.unique(clusters, return_inverse=True, return_counts=True)
    starts = np.concatenate(([0], np.cumsum(counts)[:-1]))
    order = np.argsort(code, kind="stable")
    scale = len(counts) / len(code)
    table = np.add.reduceat(weighted[..., order].astype(np.float64), starts, axis=-1) * scale
    if weights is None:
        return table, counts * scale
    return table, np.add.reduceat(weights[order].astype(np.float64), starts) * scale


def blocks(rows: int) -> np.ndarray:
    """Return the block of each row in order of time, int64 (rows,): contiguous blocks of equal sizes.

    About the square root of the rows, at most `BLOCKS`.
    """
    count = max(1, min(BLOCKS, math.isqrt(max(rows, 1))))
    return np.arange(rows) * count // max(rows, 1)


def two_way(
    means: np.ndarray,
    table: np.ndarray | None,
    units: Units = ALONE,
    pool: Pool = NO_POOL,
) -> Difference:
    """Return the mean over seeds and units, and its standard error by the two-way layout.

    The variance is that of the seeds' means / seeds + that of the units' means / units, less the
    residual mean square / (seeds * units), which both of them contain. One seed: without a pool it is
    that of units only, and leaves out the variation over seeds. No table: seeds only.

    Args:
        means: Mean of each seed over all units, (seeds,).
        table: Losses of the units, times their weights, (seeds, units), or of a sample of them.
        units: The units that the table is a sample of.
        pool: The variation over seeds, pooled over all trials.
    """
    seeds = len(means)
    mean = float(means.sum()) / seeds
    freedom = seeds - 1 + pool.freedom
    spread = (seeds - 1) * _variance(means) + pool.freedom * pool.by_seed
    by_seed = spread / freedom / seeds if freedom else 0.0
    if table is None or table.shape[1] <= 1:
        return _difference(mean, by_seed, 0.0, 0.0, (freedom, 0))
    unit_means, residual = _layout(table, units.weights)
    total = max(units.count, table.shape[1])
    both = residual / total if seeds > 1 else pool.residual
    return _difference(
        mean,
        by_seed,
        _variance(unit_means) / total,
        both / seeds,
        (freedom, _worth(table, units) - 1.0),
    )


def _worth(table: np.ndarray, units: Units) -> float:
    """Return the effective number of units: of equal weights as many have this error (Kish)."""
    weights = np.ones(table.shape[1]) if units.weights is None else units.weights
    return float(weights.sum() ** 2 / np.square(weights, dtype=np.float64).sum())


def _layout(table: np.ndarray, weights: np.ndarray | None) -> tuple[np.ndarray, float]:
    """Return the units' means, (units,), and the residual mean square of a two-way table.

    With weights both are of the contributions of the units to the error of the weighted mean.
    """
    seeds, units = table.shape
    if weights is not None:
        table = table - weights * (table.sum() / (seeds * weights.sum()))
        # A heavy unit draws the mean to itself: it lies farther from it than it seems.
        table = table * np.sqrt((1.0 - 1.0 / units) / (1.0 - weights / weights.sum()))
    unit_means = np.add.reduce(table, axis=0) / seeds
    if seeds == 1:
        return unit_means, 0.0
    seed_means = np.add.reduce(table, axis=1) / units
    centre = float(seed_means.sum()) / seeds
    rest = float(np.vdot(table, table)) + seeds * units * centre * centre
    rest -= units * float(seed_means @ seed_means) + seeds * float(unit_means @ unit_means)
    return unit_means, max(rest, 0.0) / ((seeds - 1) * (units - 1))


def own_luck(means: np.ndarray, table: np.ndarray | None, units: Units = ALONE) -> Pool:
    """Return the variation over one model's seeds, two or more; arguments as of `two_way`."""
    if table is None or table.shape[1] <= 1:
        return Pool(_variance(means), 0.0, len(means) - 1.0)
    residual = _layout(table, units.weights)[1] / max(units.count, table.shape[1])
    return Pool(_variance(means), residual, len(means) - 1.0)


def pooled(trials: Sequence[Pool]) -> Pool:
    """Return the median variation over seeds of some trials, which outliers do not move.

    A median of variances with few degrees of freedom is too small by a known factor (Wilson, Hilferty).
    """
    if len(trials) < FEWEST_POOLED:
        return NO_POOL
    spreads = [pool.by_seed / (1.0 - 2.0 / (9.0 * pool.freedom)) ** 3 for pool in trials]
    residuals = [pool.residual for pool in trials]
    return Pool(float(np.median(spreads)), float(np.median(residuals)), POOL_FREEDOM)


def of_folds(differences: np.ndarray, folds: int) -> Difference:
    """Return the mean over folds and its standard error: folds are replicates.

    Nadeau and Bengio (2003), corrected resampled variance: (1 / fits + n_val / n_train) times the
    variance between folds. Folds share training rows, so their differences vary less than the answer
    would on another table; the second term, 1 / (folds - 1), stands for that.

    Args:
        differences: Difference of each fold, repeat by repeat, (folds * repeats,).
        folds: Number of folds of a repeat, >= 2.
    """
    fits = len(differences)
    mean = float(differences.sum()) / fits
    variance = (1.0 / fits + 1.0 / (folds - 1)) * _variance(differences)
    freedom = max(fits - 1.0, 1.0)
    return Difference(mean, math.sqrt(variance) * one_sigma(freedom), 0.0, freedom)


def _difference(
    mean: float, by_seed: float, by_unit: float, both: float, freedom: tuple[float, float]
) -> Difference:
    """Add the parts of the variance, with Satterthwaite's degrees of freedom.

    `both` is the residual that `by_seed` and `by_unit` contain, `freedom` that over seeds and over units.
    """
    if not math.isfinite(by_seed + by_unit + both):
        return Difference(mean, 0.0, 1.0)
    variance = max(by_seed + by_unit - both, FLOOR * by_unit)
    seeds, units = freedom
    if variance <= 0.0:
        return Difference(mean, 0.0, 1.0 if seeds == 0 else 0.0)
    own = min(by_seed, variance) ** 2 / max(seeds, 1.0) + by_unit**2 / max(units, 1.0)
    effective = max(variance**2 / own, 1.0) if own > 0.0 else math.inf
    share = 1.0 if seeds == 0 else min(by_seed / variance, 1.0)  # one seed: others may differ
    return Difference(mean, math.sqrt(variance) * one_sigma(effective), share, effective)


def _variance(values: np.ndarray) -> float:
    """Return the sample variance; 0 for a single value, and where it is not finite."""
    size = values.size
    if size <= 1:
        return 0.0
    centred = values - values.sum() / size
    squared = float(np.vdot(centred, centred)) / (size - 1)
    return squared if math.isfinite(squared) else 0.0
