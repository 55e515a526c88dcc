"""One fit as the rules of diagnosis see it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from pipeline.training.diagnose import thresholds as at

if TYPE_CHECKING:
    from pipeline.core.records import FitResult
    from pipeline.training.diagnose.background import Background
    from pipeline.training.settings import Settings


@dataclass(frozen=True)
class Case:
    """One fit and everything that a rule may look at."""

    result: FitResult
    background: Background
    settings: Settings
    siblings: tuple[FitResult, ...] = ()

    @property
    def rate(self) -> float:
        """The learning rate."""
        return self.result.fit.trial.learning_rate

    @cached_property
    def losses(self) -> np.ndarray:
        """Training loss of every epoch, running means."""
        return self.result.curves.get("loss", np.empty(0))

    def one(self, probe: str) -> float:
        """Return a single measurement; NaN where there is none."""
        return next(iter(self.result.probes.get(probe, [])), float("nan"))

    def per_layer(self, probe: str) -> np.ndarray:
        """Return a measurement of every layer; empty where there is none."""
        return np.asarray(self.result.probes.get(probe, []))

    @cached_property
    def validation(self) -> tuple[float, float]:
        """Mean loss of the validation rows at the best epoch, and its standard error."""
        return _mean(self.result.row_losses)

    @cached_property
    def beats_constant(self) -> bool:
        """Whether the fit is better than a constant prediction: clearly, or by a fair share."""
        if self.result.row_losses is None:
            return False
        gain, error = _mean(self.background.constant_losses - self.result.row_losses)
        fair = at.FAIR_SHARE * float(self.background.constant_losses.mean())
        return gain > 0 and (gain > at.CLEARLY * error or gain > fair)


def _mean(values: np.ndarray | None) -> tuple[float, float]:
    if values is None or not len(values):
        return float("nan"), float("nan")
    wide = values.astype(np.float64)
    return float(wide.mean()), float(wide.std() / np.sqrt(len(wide)))


def times(loss: float, reference: float) -> float:
    """Return how many times as large a loss is; infinity where the reference is 0."""
    return loss / reference if reference > 0 else float("inf")
