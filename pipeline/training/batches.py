"""Training rows for `model.fit`, batch by batch in the order that both engines share."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from pipeline.core.records import Arrays
from pipeline.training.metrics import normalised
from pipeline.training.order import epoch_order, steps


class Batches(keras.utils.PyDataset):
    """One epoch of rows; `start` chooses the order of the next one. The last batch may be small."""

    def __init__(self, arrays: Arrays, batch: int) -> None:
        """Hold the arrays without copying them.

        Args:
            arrays: Training rows, targets and weights.
            batch: Rows of a step.
        """
        super().__init__()
        weight = normalised(arrays.train_weight)
        self._parts = [arrays.x_train, arrays.y_train]
        if weight is not None:
            self._parts.append(weight)
        self._batch = batch
        self._rows = len(arrays.x_train)
        self.start(seed=0, epoch=0)

    def start(self, seed: int, epoch: int) -> None:
        """Take the order of an epoch (0-based) of a fit."""
        self._order: np.ndarray = epoch_order(seed, epoch, self._rows)

    def __len__(self) -> int:
        return steps(self._batch, self._rows)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        rows = self._order[index * self._batch : (index + 1) * self._batch]
        return tuple(part[rows] for part in self._parts)
