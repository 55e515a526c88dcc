"""One fit as the rules of diagnosis see it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from pipeline.core.records import FitResult
from pipeline.core.statistics import Difference, mean_error, paired
from pipeline.training.diagnose import thresholds as at
from pipeline.training.diagnose.background import Background
from pipeline.training.diagnose.probes import Probes
from pipeline.training.settings import Settings

UNKNOWN = Difference(float("nan"), float("nan"), 0.0)


@dataclass
class Case:
    """One fit and everything that a rule may look at."""

    result: FitResult
    background: Background
    settings: Settings
    siblings: tuple[FitResult, ...] = ()
    """Other fits of the same round, to name a rate that trained."""
    probes: Probes = field(default_factory=dict)
    """Measurements by name; empty where nobody looked inside."""

    @property
    def rate(self) -> float:
        """The learning rate."""
        return self.result.fit.trial.learning_rate

    @property
    def losses(self) -> np.ndarray:
        """Training loss of every epoch, running means."""
        return self.result.curves.get("loss", np.empty(0))

    @property
    def objectives(self) -> np.ndarray:
        """The objective of every epoch, lower is better."""
        objective = self.settings.objective
        return objective.sign * self.result.curves.get(objective.metric, np.empty(0))

    def one(self, probe: str) -> float:
        """Return a single measurement; NaN where there is none."""
        return next(iter(self.probes.get(probe, [])), float("nan"))

    def per_layer(self, probe: str) -> np.ndarray:
        """Return a measurement of every layer; empty where there is none."""
        return np.asarray(self.probes.get(probe, []))

    @cached_property
    def validation(self) -> Difference:
        """Mean loss of the validation rows at the best epoch, and its standard error."""
        losses = self.result.row_losses
        return UNKNOWN if losses is None or not len(losses) else mean_error(losses)

    @cached_property
    def beats_constant(self) -> bool:
        """Whether the fit is better than a constant prediction: clearly, or by a fair share."""
        losses, constant = self.result.row_losses, self.background.constant_losses
        if losses is None or not len(losses):
            return False
        behind = paired(losses, constant)
        fair = at.FAIR_SHARE * float(constant.mean())
        return behind.mean < 0 and -behind.mean > min(at.CLEARLY * behind.se, fair)

    @cached_property
    def lower_rate_is_better(self) -> bool:
        """Whether a lower rate of the same network did better in the same round, on average over its fits."""
        metric, bare = self.settings.objective.metric, self.result.fit.trial.with_rate(1.0)
        found: dict[float, list[float]] = {}
        for other in self.siblings:
            trial, score = other.fit.trial, other.best(metric)
            if trial.with_rate(1.0) == bare and np.isfinite(score):
                loss = self.settings.objective.as_loss(score)
                found.setdefault(trial.learning_rate, []).append(loss)
        means = {rate: float(np.mean(losses)) for rate, losses in found.items()}
        own = means.get(self.rate, np.inf)
        return any(rate < self.rate and loss < own for rate, loss in means.items())


def times(loss: float, reference: float) -> float:
    """Return how many times as large a loss is; infinity where the reference is 0."""
    return loss / reference if reference > 0 else float("inf")
