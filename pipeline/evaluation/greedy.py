"""Which networks to average: forward selection over all that were trained.

Caruana et al. 2004, "Ensemble selection from libraries of models": in each step the network that lowers
the loss of the average most is added; a network may be added repeatedly, which gives it weight. Selection
overfits the rows it uses, so the number of networks is chosen by cross-validation: selection runs on part
of the validation rows and is scored on the others, several times.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Losses = Callable[[np.ndarray], np.ndarray]
"""Maps predictions (..., rows, outputs) of all validation rows to losses (..., rows)."""

PARTS = 5
"""Parts of the validation rows, each held out once: with two, half of the rows choose, and choose worse."""

ROUNDING = 1e-9
"""Share of the loss below which two sums of the same networks differ by arithmetic alone."""


def select(candidates: np.ndarray, losses: Losses, most: int, seed: int = 0) -> tuple[int, ...]:
    """Return the indices of the networks to average, in the order of selection, with repeats.

    Args:
        candidates: Predictions for the validation rows, float64 (networks, rows, outputs).
        most: Most networks that may be taken, repeats counted, at least 1.
    """
    rows = candidates.shape[1]
    every = np.arange(rows)
    if rows < PARTS or most == 1 or len(candidates) == 1:
        return forward(candidates, losses, every, 1)
    parts = np.array_split(np.random.default_rng(seed).permutation(rows), PARTS)
    unseen = np.empty((most, rows))
    for part in parts:
        taken = forward(candidates, losses, np.setdiff1d(every, part), most)
        averages = np.cumsum(candidates[list(taken)], axis=0)
        averages /= np.arange(1, most + 1)[:, None, None]
        unseen[:, part] = losses(averages)[:, part]
    return forward(candidates, losses, every, _size(unseen))


def forward(
    candidates: np.ndarray, losses: Losses, rows: np.ndarray, count: int
) -> tuple[int, ...]:
    """Return the indices of `count` networks, each the one that lowers the mean loss over `rows` most."""
    taken: list[int] = []
    total = np.zeros(candidates.shape[1:])
    for size in range(1, count + 1):
        means = [float(losses((total + candidate) / size)[rows].mean()) for candidate in candidates]
        taken.append(int(np.nanargmin(means)))
        total += candidates[taken[-1]]
    return tuple(taken)


def _size(unseen: np.ndarray) -> int:
    """Return the smallest number of networks within one standard error of the best number.

    Args:
        unseen: Loss of every row, (most, rows); row i of the array averages i + 1 networks.
    """
    means = unseen.mean(axis=1)
    gaps = unseen - unseen[int(means.argmin())]
    errors = gaps.std(axis=1, ddof=1) / np.sqrt(unseen.shape[1])
    return 1 + int(np.argmax(gaps.mean(axis=1) <= errors + ROUNDING * abs(means.min())))
