"""Which networks to average: bagged forward selection over all that were trained.

Caruana et al. 2004, "Ensemble selection from libraries of models" (section 2.3, bagged ensemble selection):
forward selection adds the network that lowers the loss of the average most, and overfits the rows that it
looks at. So it runs many times, each time with half of the networks and a bootstrap sample of the rows, and
the networks that it picks most often are averaged, each with the same weight.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Protocol

import numpy as np


class ValidationLosses(Protocol):
    """Maps predictions (rows, outputs) for some of the validation rows to losses (rows,)."""

    def __call__(self, outputs: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Return the losses of the rows at these places."""


BAGS = 30
"""Selections, each from a sample of networks and rows."""

PICKS = 8
"""Networks picked in a bag, repeats counted."""

DOUBT = 2.0
"""Standard errors by which an average has to be worse than a smaller one to be left. Those of the most often
picked few look better than they are, since the same rows picked them: one standard error cuts too much."""

SAMPLE = 4096
"""Most rows in a bag: more hardly change what is picked, and each pick reads all of them."""


def select(
    candidates: np.ndarray, losses: ValidationLosses, most: int, seed: int = 0
) -> tuple[int, ...]:
    """Return the indices of the networks to average, distinct, the most often picked first.

    As many as `most`, fewer only where the last ones make the average worse beyond `DOUBT`: where few
    networks were trained, some bags have none but bad ones to pick from.

    Args:
        candidates: Predictions for the validation rows, float64 (networks, rows, outputs), the best first.
        most: Most networks that may be taken, at least 1.
    """
    networks, rows = candidates.shape[:2]
    rng = np.random.default_rng(seed)
    counts = np.zeros(networks, dtype=np.int64)
    for _ in range(BAGS):
        some = np.sort(rng.choice(networks, size=-(-networks // 2), replace=False))
        drawn = rng.integers(rows, size=min(rows, SAMPLE))
        own = functools.partial(losses, places=drawn)
        np.add.at(counts, some[forward(candidates[np.ix_(some, drawn)], own)], 1)
    ranked = np.lexsort((np.arange(networks), -counts))[: min(most, np.count_nonzero(counts))]
    return tuple(ranked[: _size(candidates[ranked], losses)].tolist())


def forward(candidates: np.ndarray, losses: Callable[[np.ndarray], np.ndarray]) -> list[int]:
    """Return `PICKS` indices of networks, each the one that lowers the mean loss of the average most."""
    picked: list[int] = []
    total = np.zeros(candidates.shape[1:])
    for size in range(1, PICKS + 1):
        means = [float(losses((total + candidate) / size).mean()) for candidate in candidates]
        picked.append(int(np.nanargmin(means)))
        total += candidates[picked[-1]]
    return picked


def _size(ranked: np.ndarray, losses: ValidationLosses) -> int:
    """Return the largest number of first networks whose average is as good as that of the best number."""
    networks, rows = ranked.shape[:2]
    total, of_size = np.zeros(ranked.shape[1:]), np.empty((networks, rows))
    for place, outputs in enumerate(ranked):
        total += outputs
        of_size[place] = losses(total / (place + 1), places=np.arange(rows))
    gaps = of_size - of_size[int(of_size.mean(axis=1).argmin())]
    errors = gaps.std(axis=1) / np.sqrt(rows)
    return 1 + int(np.flatnonzero(gaps.mean(axis=1) <= DOUBT * errors)[-1])
