"""Plausible scores for fits that nobody has trained, so that the real search can be walked ahead.

A table rewards capacity up to some size and then slowly stops; neighbouring sizes differ little on
the same validation rows and seeds scatter. How far growing pays is what nobody knows beforehand: so
there are several surfaces, and their spread is the range that a plan states.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from pipeline.core.records import Outcome, Scored

if TYPE_CHECKING:
    from pipeline.core.family import Family
    from pipeline.core.records import Fit, Trial

ROWS = 64
"""Validation rows that are simulated."""
UNDERFIT, OVERFIT = 0.03, 0.004
"""Loss of a network a doubling of parameters below, and above, the best size; squared beyond."""
MOST_UNDERFIT = 0.4
OFF_RATE = 0.08
"""Loss of a learning rate a decade off the best."""
LEAST, MOST = -1.0, 6.0
"""Doublings of the start's parameters up to which growing pays."""
SURFACES = 11
DRIFT = 0.03
"""Decades that the best rate falls with every doubling of parameters."""
SEEDS = 0.012
"""Standard deviation of a score over seeds."""
OPINION = 0.12
"""Standard deviation over rows of what they think of one trial alone."""


@dataclass(frozen=True)
class Surface:
    """Scores of one plausible table."""

    best_size: float
    """log2 of the parameters beyond which growing does not pay."""
    first_size: float
    """log2 of the parameters of the start."""
    first_rate: float
    """Centre of the first bracket."""
    val_rows: int
    """Validation rows: the fewer, the more noise."""
    draw: int = 0
    """Which draw of the noise."""
    _opinions: dict[str, np.ndarray] = field(default_factory=dict, repr=False, compare=False)

    def answer(self, fit: Fit) -> Scored:
        """Score one fit; the same fit always scores the same."""
        luck = generator(fit.trial.name, fit.execution, self.draw).standard_normal(1 + ROWS)
        noise = math.sqrt(ROWS / self.val_rows)
        rows = self.loss(fit.trial) + SEEDS * luck[0]
        losses = rows + noise * (self._opinion(fit.trial) + OPINION * luck[1:])
        return Scored(fit, Outcome.completed, float(losses.mean()), losses.astype(np.float32))

    def loss(self, trial: Trial) -> float:
        """Return the expected loss of a trial; 1 is the best."""
        size = math.log2(max(trial.parameters, 1))
        over = size - self.best_size
        capacity = OVERFIT * over * over if over > 0 else min(UNDERFIT * over * over, MOST_UNDERFIT)
        drift = DRIFT * (size - self.first_size)
        off = math.log10(trial.learning_rate / self.first_rate) + drift
        return 1.0 + capacity + OFF_RATE * off * off

    def _opinion(self, trial: Trial) -> np.ndarray:
        """Return what rows think of a trial beside the mean."""
        if trial.name not in self._opinions:
            drawn = generator(trial.name, -1, self.draw).standard_normal(ROWS)
            self._opinions[trial.name] = OPINION * drawn
        return self._opinions[trial.name]


def generator(name: str, *numbers: int) -> np.random.Generator:
    """Return random numbers that depend on nothing but a name and some numbers."""
    digest = hashlib.blake2b(f"{name}/{numbers}".encode(), digest_size=8).digest()
    return np.random.default_rng(int.from_bytes(digest, "big"))


def surfaces(family: Family, val_rows: int, first_rate: float) -> tuple[Surface, ...]:
    """Return plausible tables, from one that needs less than the start to one that needs much more."""
    start = math.log2(family.parameters(family.start()))
    return tuple(
        Surface(start + doublings, start, first_rate, max(2, val_rows), draw)
        for draw, doublings in enumerate(np.linspace(LEAST, MOST, SURFACES).tolist())
    )
