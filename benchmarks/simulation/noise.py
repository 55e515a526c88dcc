"""Noise as training makes it: seeds, validation rows, and what neighbours have in common.

The loss of a fit on a row is the true loss + what the row thinks of the trial + what the seed did +
the rest. Its shape was measured on two tables (concrete, wages; 45 trials of scikit-learn's MLP with 6
seeds each; benchmarks/README.md): seeds agree between rates of one capacity and not between
capacities; a row's opinion changes smoothly with width, depth and rate, so neighbours differ little on
the same rows and distant capacities much. What all trials share (hard rows, a lucky split) cancels in
every comparison and is left out. No number of executions removes the opinion of the rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.simulation.surfaces import doublings
from pipeline.core.records import Outcome, Scored

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.simulation.surfaces import Surface
    from pipeline.core.records import Fit, Trial

ROWS = 48
"""Validation rows that are simulated; effects are scaled to what the mean over them shall be."""

MOST_EXECUTIONS = 64
"""More than any search asks for."""
NO_ROWS = np.zeros(ROWS, np.float32)

# All in units of the standard deviation of a trial's score over seeds.
WIDTH, DEPTH, RATE = 0.15, 0.35, 0.5
"""Opinion of the rows: per doubling of the units, per layer, per decade of the learning rate."""
OWN = 0.14
"""Opinion of the rows on one trial alone."""
SEED, REST = 0.67, 0.74
"""What a seed does to all rows alike, and to each row on its own (as the mean over rows)."""
AGREE = 0.6
"""Share of a seed's variance that all rates of a capacity have in common."""


@dataclass(frozen=True)
class Noise:
    """How noisy fits are, in units of the surface's range."""

    name: str
    level: float
    """Standard deviation of a trial's score over seeds."""

    def standard_error(self, executions: int, away: np.ndarray) -> float:
        """Return the expected standard error of the paired difference of two trials.

        The yardstick of hits since the first figures: it counts what belongs to one seed and row
        twice, as the product did then, and stays so that later figures can be compared with them.

        Args:
            executions: Of each trial.
            away: Doublings of units, layers and decades of the rate between the trials, shape (3,).
        """
        seeds = 2.0 * (SEED**2 + 2.0 * REST**2) / executions
        opinion = float(np.sum((np.array([WIDTH, DEPTH, RATE]) * away) ** 2))
        return self.level * math.sqrt(seeds + opinion + 2.0 * OWN**2)


NOISES = (Noise("none", 0.0), Noise("light", 0.01), Noise("medium", 0.03), Noise("heavy", 0.15))


class Simulator:
    """Answers the fits of one sweep: one draw of the validation rows, fresh noise for every fit."""

    def __init__(self, surface: Surface, noise: Noise, seed: int) -> None:
        """Draw the opinions of the rows; everything else when a fit asks for it."""
        self.surface, self.noise = surface, noise
        self.fits = 0
        self._random = np.random.default_rng(seed)
        scale = noise.level * math.sqrt(ROWS)
        opinions = self._random.standard_normal((3, ROWS)) * ([[WIDTH], [DEPTH], [RATE]])
        self._opinions = scale * opinions
        self._mean_opinions: list[float] = self._opinions.mean(axis=1).tolist()
        self._rows: dict[Trial, np.ndarray | None] = {}
        self._seeds: dict[str, list[float]] = {}

    def answer(self, fits: Sequence[Fit]) -> list[Scored]:
        """Return the fits as if they had been trained."""
        self.fits += len(fits)
        expected = self._expected(fits)
        losses = self._random.standard_normal((len(fits), ROWS), dtype=np.float32)
        losses *= self.noise.level * REST * math.sqrt(ROWS)
        own = self._random.standard_normal(len(fits)) * math.sqrt(1.0 - AGREE)
        shared = np.array([self._shared(fit) for fit in fits])
        losses += (self.noise.level * SEED * (own + shared)).astype(np.float32)[:, None]
        losses += np.array([NO_ROWS if rows is None else rows for rows in expected])
        scores = (losses.sum(axis=1, dtype=np.float64) / ROWS).tolist()
        return [
            Scored(fit, Outcome.diverged, math.nan)
            if rows is None
            else Scored(fit, Outcome.completed, score, row)
            for fit, rows, score, row in zip(fits, expected, scores, losses, strict=True)
        ]

    def single_runs(self, points: Sequence[tuple[int, int, float]]) -> list[float]:
        """Return scores of one run each of (layers, units, rate); inf where training diverges."""
        self.fits += len(points)
        luck = self._random.standard_normal(len(points)) * (
            self.noise.level * math.hypot(SEED, REST, OWN)
        )
        width, depth, rate_opinion = self._mean_opinions
        scores = []
        for (layers, units, rate), noise in zip(points, luck.tolist(), strict=True):
            if self.surface.diverges(layers, units, rate):
                scores.append(math.inf)
                continue
            at = doublings(units) - 6.0, layers - 2.0, math.log10(rate) + 2.5
            opinion = width * at[0] + depth * at[1] + rate_opinion * at[2]
            scores.append(self.surface.loss(layers, units, rate) + opinion + noise)
        return scores

    def _shared(self, fit: Fit) -> float:
        """Return what a seed does to all rates of a capacity."""
        label = fit.trial.capacity.label
        if label not in self._seeds:
            luck = self._random.standard_normal(MOST_EXECUTIONS) * math.sqrt(AGREE)
            self._seeds[label] = luck.tolist()
        return self._seeds[label][fit.execution]

    def _expected(self, fits: Sequence[Fit]) -> list[np.ndarray | None]:
        """Return the expected loss of each fit's trial on every row; None where it diverges."""
        expected: list[np.ndarray | None] = []
        last, rows = None, None
        for fit in fits:
            if fit.trial is not last:  # a trial's executions stand together: spare the look-up
                last = fit.trial
                if last not in self._rows:
                    self._rows[last] = self._draw(last)
                rows = self._rows[last]
            expected.append(rows)
        return expected

    def _draw(self, trial: Trial) -> np.ndarray | None:
        layers, units = int(trial.capacity["layers"]), int(trial.capacity["units"])
        if self.surface.diverges(layers, units, trial.learning_rate):
            return None
        at = place(layers, doublings(units), math.log10(trial.learning_rate))
        opinion = at @ self._opinions
        own = self.noise.level * OWN * math.sqrt(ROWS) * self._random.standard_normal(ROWS)
        true = self.surface.loss(layers, units, trial.learning_rate)
        return (true + opinion + own).astype(np.float32)


def place(layers: int, size: float, rate: float) -> np.ndarray:
    """Return where a trial lies in the space that the rows have opinions on, shape (3,)."""
    return np.array([size - 6.0, layers - 2.0, rate + 2.5])
