"""Random numbers of a fit: one independent stream per purpose, all from the fit's own seed.

Nothing else may draw: a fit must not depend on what was trained before it in the process. 0 is a
seed like any other.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """What random numbers are drawn for; the values are part of what makes a fit reproducible."""

    weights = 0
    order = 1
    layers = 2
    """Dropout and augmentation."""


def generator(seed: int, stream: Stream, *key: int) -> np.random.Generator:
    """Return the generator of one purpose; equal arguments give equal numbers on every machine.

    Args:
        seed: The fit's seed, >= 0.
        stream: The purpose.
        key: Further non-negative integers, for example the epoch.
    """
    return np.random.default_rng((seed, int(stream), *key))
