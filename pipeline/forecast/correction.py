"""How much slower or faster than predicted rounds turn out to be, learned while they are trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.forecast.stacktime import Work

TRUST = 10.0
"""Seconds of rounds that weigh as much as what was expected before."""
HALF = 5.0
"""Rounds after which one counts half: a machine with other work to do changes its speed."""
LEAST_SECONDS = 1e-6
"""A round that is predicted to take less tells nothing."""
LEAST, MOST = 0.05, 50.0


@dataclass(frozen=True)
class Correction:
    """Factors on the two kinds of predicted seconds."""

    fixed: float = 1.0
    training: float = 1.0

    def seconds(self, work: Work) -> float:
        """Return the corrected seconds of a stack or round."""
        return self.fixed * work.fixed + self.training * work.training


def corrected(
    rounds: Sequence[tuple[Work, float]], expected: Correction | None = None
) -> Correction:
    """Return the factors that explain the rounds so far.

    Least squares with errors in proportion to the square root of the predicted time, drawn towards
    what was expected before by as much as `TRUST` seconds of observation.

    Args:
        rounds: Predicted work and measured wall time of each.
        expected: Before the first round.
    """
    before = expected or Correction()
    prior = np.array([before.fixed, before.training])
    matrix, right = TRUST * np.eye(2), TRUST * np.ones(2)
    age = len(rounds)
    for work, measured in rounds:
        age -= 1
        row = prior * (work.fixed, work.training)
        predicted = float(row.sum())
        if predicted > LEAST_SECONDS:
            weight = 0.5 ** (age / HALF) / predicted
            matrix += weight * np.outer(row, row)
            right += weight * measured * row
    fixed, training = prior * np.clip(np.linalg.solve(matrix, right), LEAST, MOST)
    return Correction(float(fixed), float(training))
