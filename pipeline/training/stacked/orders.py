"""Orders of rows, kept: all fits of a seed visit the rows of an epoch in the same order."""

from __future__ import annotations

import threading
from collections import OrderedDict

import numpy as np

from pipeline.training.order import epoch_order

MOST_BYTES = 32 << 20
"""Of one process; the least recently used go first."""


class Orders:
    """The orders that tiles, stacks and rounds have asked for."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        """Start with none."""
        self._kept: OrderedDict[tuple[int, int, int], np.ndarray] = OrderedDict()
        self._most_bytes, self._bytes = most_bytes, 0
        self._lock = threading.Lock()

    def get(self, seed: int, epoch: int, rows: int) -> np.ndarray:
        """Return order.epoch_order of the same arguments; not to be written to."""
        key = seed, epoch, rows
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        order = epoch_order(seed, epoch, rows)  # two threads may both: they draw the same
        with self._lock:
            if key not in self._kept:
                self._kept[key] = order
                self._bytes += order.nbytes
            while self._bytes > self._most_bytes:
                self._bytes -= self._kept.popitem(last=False)[1].nbytes
        return order
