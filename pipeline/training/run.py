"""The course of one fit: its curves, its best epoch, and how it ended. Knows no framework."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from pipeline.core.records import FitResult, Outcome
from pipeline.training.metrics import finished_curves, weighted
from pipeline.training.stopping import Stopping, diverged, divergence_message

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pipeline.core.records import Arrays, Fit
    from pipeline.training.settings import Settings


class Run:
    """One fit while it trains; `note` is told every epoch, `result` makes the record."""

    def __init__(self, fit: Fit, settings: Settings, arrays: Arrays) -> None:
        """Start before the first epoch."""
        self.fit = fit
        self.epoch = 0
        """Epochs finished."""
        self.outcome: Outcome | None = None
        """None while the fit is open."""
        self.message = ""
        self.best_weights: list[np.ndarray] | None = None
        self.seconds = 0.0
        self._raw: dict[str, list[float]] = defaultdict(list)
        self._stopping = Stopping(settings)
        self._settings = settings
        self._arrays = arrays

    @property
    def is_open(self) -> bool:
        """Whether there is anything left to train."""
        return self.outcome is None

    @property
    def best(self) -> float:
        """The best objective so far, as logged."""
        return float(self._stopping.best[0])

    @property
    def objectives(self) -> np.ndarray:
        """The objective of every epoch so far, as logged."""
        empty = np.empty(0)
        return self._curves().get(self._settings.objective.metric, empty) if self._raw else empty

    def note(self, logs: Mapping[str, float], weights: Callable[[], list[np.ndarray]]) -> None:
        """Take note of a finished epoch and decide whether the fit goes on.

        Args:
            logs: Raw values of the epoch by name.
            weights: Returns the current weights; called only when they are the best so far.
        """
        for name, value in logs.items():
            self._raw[name].append(float(value))
        epoch, self.epoch = self.epoch, self.epoch + 1
        if diverged(logs["loss"], logs["val_loss"]):
            self.end(Outcome.diverged, divergence_message(epoch, self.fit.trial.learning_rate))
            return
        if self._stopping.improved(epoch, self.objectives[-1])[0]:
            self.best_weights = weights()
        if self.epoch >= self.fit.epochs or self._stopping.exhausted(epoch)[0]:
            self.complete()

    def complete(self) -> None:
        """End the fit in the ordinary way; infeasible where the objective was never a number."""
        if self.best_weights is None:
            name = self._settings.objective.metric
            self.end(Outcome.infeasible, f"{name} was not finite in any of {self.epoch} epochs")
        else:
            self.end(Outcome.completed)

    def end(self, outcome: Outcome, message: str = "") -> None:
        """End the fit."""
        self.outcome, self.message = outcome, message

    def result(self, row_losses: np.ndarray | None) -> FitResult:
        """Return the record of the ended fit.

        Args:
            row_losses: Loss per validation row with the best weights.
        """
        usable = self.outcome not in {Outcome.diverged, Outcome.infeasible}
        return FitResult(
            fit=self.fit,
            outcome=self.outcome or Outcome.cut,
            curves=self._curves() if self._raw else {},
            best_epoch=int(self._stopping.best_epoch[0]),
            weights=self.best_weights if usable else None,
            row_losses=weighted(row_losses, self._arrays.val_weight) if usable else None,
            seconds=self.seconds,
            message=self.message,
        )

    def _curves(self) -> dict[str, np.ndarray]:
        return finished_curves(self._raw, self._arrays)
