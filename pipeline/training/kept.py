"""The rows that the training loss of kept weights is measured on: all, or a fixed choice of many.

The curve of the training loss is its mean while an epoch ran: of weights that still changed, with dropout,
of networks in one their mean loss. It says little beside the validation loss. This one is measured once, at
the end of a fit, exactly as the validation loss is.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pipeline.core.records import Arrays

MOST_ROWS = 10_000
"""A mean of so many is within 1 % of its rows' spread; 20 epochs over twice as many rows cost 120 times as
much, as a step forward and back takes three times as long as one forward."""
MOST_TIMES = 64
"""Rows for each validation row: these are passed through in portions as large as the validation rows."""
FEW_ROWS = 512
"""Where the sweep is told to stop: somebody waits for its end."""


class KeptRows:
    """Training rows, the same for all fits on the same arrays."""

    def __init__(self, arrays: Arrays, *, stopping: bool = False) -> None:
        """Choose; `stopping`: few, for somebody waits."""
        rows = len(arrays.x_train)
        most = FEW_ROWS if stopping else min(MOST_ROWS, MOST_TIMES * len(arrays.x_val))
        self._arrays, self._at = arrays, np.arange(rows)
        if rows > most:
            self._at = np.sort(np.random.default_rng(0).choice(rows, most, replace=False))
        self.sample = most if rows > most else 0
        """How many rows were chosen; 0: all of them."""
        weight = _table_weight(arrays)[self._at]
        self._weight = (weight / weight.mean(dtype=np.float64)).astype(np.float32)

    def __len__(self) -> int:
        return len(self._at)

    def portions(self, size: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Yield inputs, targets and weights, whose mean over all portions is 1, of `size` rows at most."""
        for first in range(0, len(self), size):
            at = self._at[first : first + size]
            weight = self._weight[first : first + size]
            yield self._arrays.x_train[at], self._arrays.y_train[at], weight


def _table_weight(arrays: Arrays) -> np.ndarray:
    """Return the table's sample weights of the training rows, (rows,): validation knows no others."""
    if arrays.train_weight is None:
        return np.ones(len(arrays.x_train), np.float32)
    if arrays.class_weight is None:
        return arrays.train_weight
    of_class: np.ndarray = arrays.class_weight[arrays.y_train.argmax(axis=1)]
    return arrays.train_weight / of_class
