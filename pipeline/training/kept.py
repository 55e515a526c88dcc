"""The rows that the training loss of kept weights is measured on: all, or a fixed sample of many.

The curve of the training loss is a mean over an epoch, of weights that still changed, with dropout, and for
several networks in one of their losses: it cannot be compared with the validation loss. This loss is
measured once, at the end of a fit, exactly as the validation loss is.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pipeline.core.records import Arrays

MOST_ROWS = 10_000
"""Most rows: their mean loss is within 1 % of the rows' spread. 20 epochs over twice as many rows cost 120
times as much, as a step forward and back takes three times as long as one forward."""
MOST_TIMES = 64
"""Most rows for each validation row: they are evaluated in portions as large as the validation rows."""
FEW_ROWS = 512
"""Most rows when the sweep is stopping."""


class KeptRows:
    """Training rows, the same for all fits on the same arrays."""

    def __init__(self, arrays: Arrays, *, stopping: bool = False) -> None:
        """Draw the sample; `stopping`: only FEW_ROWS."""
        rows = len(arrays.x_train)
        most = FEW_ROWS if stopping else min(MOST_ROWS, MOST_TIMES * len(arrays.x_val))
        self._arrays, self._at = arrays, np.arange(rows)
        if rows > most:
            self._at = np.sort(np.random.default_rng(0).choice(rows, most, replace=False))
        self.sample = most if rows > most else 0
        """Number of rows in the sample; 0: all rows."""
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
    """Return the table's sample weights of the training rows, (rows,), without class weights."""
    if arrays.train_weight is None:
        return np.ones(len(arrays.x_train), np.float32)
    if arrays.class_weight is None:
        return arrays.train_weight
    of_class: np.ndarray = arrays.class_weight[arrays.y_train.argmax(axis=1)]
    return arrays.train_weight / of_class
