"""The exact area under the ROC curve of all members, on the device; metrics.auc for one."""

from __future__ import annotations

from typing import Any

from keras import ops

PART = 256.0
"""Sums are exact for fewer than 2^32 pairs of fewer than 2^15 positive rows."""


def auc(scores: Any, positive: Any, weight: Any) -> Any:
    """Return how often a positive row outranks a negative one, (members,); ties count one half.

    Args:
        scores: Of the positive class, (members, rows).
        positive: 1 for rows of the positive class, (rows,).
        weight: Of the rows, (rows,); 0 for rows that do not count, 1 where rows have no weights.

    Returns:
        NaN where one of the classes is absent or a score is not finite.
    """
    order = ops.argsort(scores, axis=1)
    ranked = ops.take_along_axis(scores, order, axis=1)
    ups, downs = (
        ops.take(share, order, axis=0) for share in (weight * positive, weight * (1 - positive))
    )
    up_to_here = ops.cumsum(downs, axis=1)
    members = scores.shape[0]
    edge = ops.ones((members, 1), "bool")
    differs = ops.not_equal(ranked[:, 1:], ranked[:, :-1])
    # Sums of negative rows grow along the ranks: the largest so far at the start of a tie, and the
    # smallest to come at its end, are those at its borders.
    starts = ops.where(ops.concatenate([edge, differs], axis=1), up_to_here - downs, -1.0)
    ends = ops.where(ops.concatenate([differs, edge], axis=1), up_to_here, float("inf"))
    below = _running_max(starts)
    up_to_tie = -ops.flip(_running_max(ops.flip(-ends, axis=1)), axis=1)
    pairs = ops.sum(ups, axis=1) * ops.sum(downs, axis=1)
    sound = ops.all(ops.isfinite(scores), axis=1) & (pairs > 0)
    area = _total(ups * (below + up_to_tie) / 2) / ops.where(sound, pairs, 1.0)
    return ops.where(sound, area, float("nan"))


def _total(values: Any) -> Any:
    """Return the sums along the second axis, in two parts.

    Unweighted rows have whole and half numbers of pairs, and parts of those add up exactly where a
    single float32 sum would depend on their order: equal areas stay equal, as in metrics.auc.
    """
    high = ops.floor(values / PART)
    return PART * ops.sum(high, axis=1) + ops.sum(values - PART * high, axis=1)


def _running_max(values: Any) -> Any:
    """Return the largest value so far along the second axis, in steps that double."""
    members, size = values.shape
    step = 1
    while step < size:
        before = ops.full((members, step), float("-inf"))
        values = ops.maximum(values, ops.concatenate([before, values[:, :-step]], axis=1))
        step *= 2
    return values
