"""The trained networks of a sweep while they may still be chosen."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

from pipeline.core.family import Family
from pipeline.core.records import Fit, FitResult
from pipeline.ledger.ledger import Ledger
from pipeline.training.models import rebuild

log = logging.getLogger(__name__)

MOST_BYTES = 1 << 30
"""Weights kept in memory; beyond it the oldest go, and are read back from the ledger if needed."""


class Networks:
    """Weights of finished fits: from memory, or from the ledger where this process has none."""

    def __init__(self, family: Family, ledger: Ledger) -> None:
        """Start empty."""
        self._family = family
        self._ledger = ledger
        self._weights: dict[Fit, list[np.ndarray]] = {}
        self._bytes = 0

    def keep(self, result: FitResult) -> None:
        """Keep the weights of a fit, if it has any."""
        if result.weights is None or result.fit in self._weights:
            return
        self._weights[result.fit] = result.weights
        self._bytes += _size(result.weights)
        while self._bytes > MOST_BYTES and len(self._weights) > 1:
            oldest = next(iter(self._weights))
            self._bytes -= _size(self._weights.pop(oldest))

    def weights(self, fit: Fit) -> list[np.ndarray] | None:
        """Return the best epoch's weights of a fit; None where they were not kept."""
        return self._weights.get(fit) or self._ledger.weights(fit)

    def kept(self, fit: Fit) -> bool:
        """Return whether the weights of a fit are in memory."""
        return fit in self._weights

    def model(self, fit: Fit) -> Any | None:
        """Return a fit's network as a plain keras.Model, or None."""
        weights = self.weights(fit)
        return None if weights is None else rebuild(self._family, fit.trial, weights)


def _size(weights: list[np.ndarray]) -> int:
    return sum(array.nbytes for array in weights)
