"""One fit, with the values that the rules of diagnosis use."""

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
    """One fit, with the values that the rules of diagnosis use."""

    result: FitResult
    background: Background
    settings: Settings
    siblings: tuple[FitResult, ...] = ()
    """All fits of the same stack."""
    probes: Probes = field(default_factory=dict)
    """Measurements by name; empty where the fit was not probed."""

    @property
    def rate(self) -> float:
        """The learning rate."""
        return self.result.fit.trial.learning_rate

    @property
    def losses(self) -> np.ndarray:
        """Training loss of every epoch, (epochs,): running means."""
        return self.result.curves.get("loss", np.empty(0))

    @property
    def objectives(self) -> np.ndarray:
        """The objective of every epoch, lower is better."""
        objective = self.settings.objective
        return objective.sign * self.result.curves.get(objective.metric, np.empty(0))

    def one(self, probe: str) -> float:
        """Return a measurement that is a single number; NaN where there is none."""
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
        """Whether the fit is better than a constant prediction: beyond noise, or by a fair share."""
        losses, constant = self.result.row_losses, self.background.constant_losses
        if losses is None or not len(losses):
            return False
        gap = paired(losses, constant)
        fair = at.FAIR_SHARE * float(constant.mean())
        return gap.mean < 0 and -gap.mean > min(at.CLEARLY * gap.se, fair)

    @cached_property
    def lower_rate_is_better(self) -> bool:
        """Whether a lower rate of the same network scored better in the same stack, averaged over seeds."""
        metric, bare = self.settings.objective.metric, self.result.fit.trial.with_rate(1.0)
        by_rate: dict[float, list[float]] = {}
        for sibling in self.siblings:
            trial, score = sibling.fit.trial, sibling.best(metric)
            if trial.with_rate(1.0) == bare and np.isfinite(score):
                loss = self.settings.objective.as_loss(score)
                by_rate.setdefault(trial.learning_rate, []).append(loss)
        means = {rate: float(np.mean(losses)) for rate, losses in by_rate.items()}
        own = means.get(self.rate, np.inf)
        return any(rate < self.rate and loss < own for rate, loss in means.items())


def times(loss: float, reference: float) -> float:
    """Return the ratio of a loss to a reference; infinity where the reference is 0."""
    return loss / reference if reference > 0 else float("inf")
