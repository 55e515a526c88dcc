"""Which rows a step sees: the batch size and the order of an epoch, the same in every engine."""

from __future__ import annotations

import numpy as np

from pipeline.training.streams import Stream, generator

SMALLEST_BATCH = 32
"""Keras' own default."""
LARGEST_BATCH = 256
SMALL_TABLE = 8_000
"""Rows up to which a step takes SMALLEST_BATCH rows."""


def epoch_order(seed: int, epoch: int, rows: int) -> np.ndarray:
    """Return the order in which an epoch visits the training rows.

    Args:
        seed: The fit's seed.
        epoch: 0-based.
        rows: Training rows.

    Returns:
        A permutation of 0 .. rows - 1, int32.
    """
    return generator(seed, Stream.order, epoch).permutation(rows).astype(np.int32)


def batch_size(configured: int | None, rows: int) -> int:
    """Return the rows of a step.

    Without a configured size: 32 up to 8,000 rows, then doubling with every fourfold table up to
    256. Steps per epoch then grow with the square root of the table, as the noise of a gradient
    asks for, and small tables keep the many steps that they need.

    Args:
        configured: `training.batch_size` or the trial's nuisance value; None follows the rows.
        rows: Training rows, >= 1.
    """
    size = SMALLEST_BATCH if configured is None else configured
    if configured is None:
        table = SMALL_TABLE
        while rows > table and size < LARGEST_BATCH:
            size, table = size * 2, table * 4
    return min(size, rows)


def steps(batch: int, rows: int) -> int:
    """Return the steps of an epoch; the last one may be a smaller batch."""
    return -(-rows // batch)
