"""The random numbers of a fit, and the rows of its steps: the same in every engine.

There is one independent stream for each purpose, all from the fit's own seed, and no other source of random
numbers: a fit must not depend on earlier fits of the process. 0 is a valid seed.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """The purpose of random numbers; its values must not change, for fits to stay reproducible."""

    weights = 0
    order = 1
    layers = 2
    """Dropout and augmentation."""


def generator(seed: int, stream: Stream, *key: int) -> np.random.Generator:
    """Return the generator of a purpose; equal arguments give equal numbers on every machine.

    Args:
        seed: The fit's seed, >= 0.
        stream: The purpose.
        key: Further non-negative integers, for example the epoch.
    """
    return np.random.default_rng((seed, int(stream), *key))


SMALLEST_BATCH = 32
"""Keras' own default."""
LARGEST_BATCH = 256
SMALL_TABLE = 8_000
"""Rows up to which a step takes SMALLEST_BATCH rows."""


def epoch_order(seed: int, epoch: int, rows: int) -> np.ndarray:
    """Return the order of the training rows in an epoch (0-based).

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
        configured: `training.batch_size` or the trial's own value; None: from the number of rows.
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
