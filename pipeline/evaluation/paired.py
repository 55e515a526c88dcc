"""How much better one model is than another on the same rows, and how sure that is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from pipeline.data import Dataset

CLEARLY = 2.0
"""Standard errors from which a difference counts as one, wherever a sentence compares two models: by
chance alone one in twenty differences of equally good models is as large, in either direction. A
promotion looks again and again and asks for more (`tracking/judge.py`)."""


class Gain(NamedTuple):
    """A mean difference of two models on the same rows."""

    mean: float
    """Loss of the other minus loss of this one: above 0 this one is better."""
    se: float
    """Standard error of the mean over rows; infinite where there is one unit only."""
    units: int
    """Independent units that the error rests on: rows, or clusters of rows."""

    @property
    def is_clear(self) -> bool:
        """Whether it lies beyond noise, on either side."""
        return abs(self.mean) > CLEARLY * self.se


def gain(
    other: np.ndarray,
    own: np.ndarray,
    weights: np.ndarray | None = None,
    clusters: np.ndarray | None = None,
) -> Gain:
    """Return how much lower the loss of one model is than that of another.

    The weighted mean is a ratio of two sums that both vary with the rows drawn: its error is that of
    the linearised ratio. Rows of a cluster vary together, so their residuals are summed first
    (Cameron and Miller 2015, equation 11, with the correction G / (G - 1)).

    Args:
        other: Losses of the other model, float64 (rows,), each times its weight of mean 1.
        own: Losses of this one, the same rows.
        weights: Of the rows, mean 1; None = all 1.
        clusters: Code of the cluster that each row belongs to; None = each row by itself.
    """
    if not len(other):
        return Gain(math.nan, math.inf, 0)
    difference = other - own
    mean = float(np.mean(difference))
    away = difference - mean * (1.0 if weights is None else weights)
    if clusters is not None:
        _, codes = np.unique(clusters, return_inverse=True)
        away = np.bincount(codes, weights=away)
    units = len(away)
    if units <= 1:
        return Gain(mean, math.inf, units)
    squared = float(away @ away) * units / (units - 1)
    return Gain(mean, math.sqrt(squared) / len(difference), units)


def relative_weights(dataset: Dataset, rows: np.ndarray) -> np.ndarray | None:
    """Return the weights of some rows with mean 1, or None without weights."""
    weights = dataset.sample_weight(rows)
    if weights is None:
        return None
    wide = weights.astype(np.float64)
    relative: np.ndarray = wide / wide.mean()
    return relative
