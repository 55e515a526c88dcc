"""When a fit stops: early stopping with the best epoch kept, and divergence. Pure NumPy.

Patience is the number of epochs without improvement: best in epoch 9, patience 2, epochs 10 and 11
not better: training stops after epoch 11 and the weights of epoch 9 are kept.
"""

from __future__ import annotations

import numpy as np

from pipeline.core.records import Direction
from pipeline.training.settings import Settings


class Stopping:
    """Early stopping of one or more members that train side by side.

    A non-finite value never improves, not even in the first epoch, where Keras' EarlyStopping
    would take it for the best.
    """

    def __init__(self, settings: Settings, members: int = 1) -> None:
        """Start before the first epoch.

        Args:
            settings: Objective, patience and min_delta.
            members: How many fits are watched at once.
        """
        self._sign = 1.0 if settings.objective.direction is Direction.min else -1.0
        self._settings = settings
        self._best = np.full(members, np.inf)
        self.best_epoch = np.full(members, -1)
        """0-based; -1 before the first finite value."""

    @property
    def best(self) -> np.ndarray:
        """The best value of each member, as logged; not finite before the first finite value."""
        return self._sign * self._best

    def improved(self, epoch: int, values: np.ndarray | float) -> np.ndarray:
        """Take note of an epoch and return which members reached a new best.

        Args:
            epoch: 0-based.
            values: The objective of each member, as logged.
        """
        losses = self._sign * np.atleast_1d(np.asarray(values, dtype=np.float64))
        better = np.isfinite(losses) & (losses + self._settings.min_delta < self._best)
        self._best[better] = losses[better]
        self.best_epoch[better] = epoch
        return better

    def exhausted(self, epoch: int) -> np.ndarray:
        """Return which members have waited `patience` epochs since their best.

        Args:
            epoch: 0-based, the last one seen.
        """
        return epoch - self.best_epoch >= self._settings.patience


def diverged(loss: float, val_loss: float) -> bool:
    """Tell whether an epoch's losses end a fit: NaN or infinite."""
    return not (np.isfinite(loss) and np.isfinite(val_loss))


def divergence_message(epoch: int, learning_rate: float) -> str:
    """Return the sentence for a fit that diverged.

    Args:
        epoch: 0-based.
        learning_rate: The rate it was trained at.
    """
    return f"learning rate {learning_rate:g} diverged in epoch {epoch + 1}: the loss is not finite"
