"""The course of one member as the device reports it: its curves, its best epoch, how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pipeline.core.records import FitResult, Outcome
from pipeline.training.metrics import finished_curves, raw_metric, weighted
from pipeline.training.stacked.epoch import RAW, measured
from pipeline.training.stopping import diverged, divergence_message

if TYPE_CHECKING:
    from pipeline.core.records import Arrays, Fit
    from pipeline.training.settings import Settings


class Course:
    """One fit while it trains in a stack."""

    def __init__(self, fit: Fit, settings: Settings, arrays: Arrays) -> None:
        """Start before the first epoch."""
        self.fit = fit
        self.epoch = 0
        """Epochs finished."""
        self.outcome: Outcome | None = None
        """None while the fit is open."""
        self.message = ""
        self.best_epoch = -1
        self.seconds = 0.0
        self.compile_seconds: float | None = None
        self.weights: list[np.ndarray] | None = None
        self.row_losses: np.ndarray | None = None
        self._raw: list[np.ndarray] = []
        self._best = -1, float("nan")
        self._settings, self._arrays = settings, arrays
        self._names = measured(settings)

    @property
    def is_open(self) -> bool:
        """Whether there is anything left to train."""
        return self.outcome is None

    @property
    def is_kept(self) -> bool:
        """Whether the best weights will be asked for: also those of a fit that was cut."""
        if self.outcome is Outcome.cut:
            return self.best_epoch >= 0
        return self.outcome in {Outcome.completed, Outcome.dropped}

    @property
    def objectives(self) -> np.ndarray:
        """The objective of every epoch so far, as logged."""
        return self.curves().get(self._settings.objective.metric, np.empty(0))

    @property
    def best(self) -> float:
        """The best objective so far, as logged; NaN before there is one.

        Of the best epoch alone, and only when asked: epochs end far more often than anybody asks.
        """
        epoch = self.best_epoch
        if epoch != self._best[0]:
            curves = self._logged(self._raw[epoch : epoch + 1])
            self._best = epoch, float(curves[self._settings.objective.metric][0])
        return self._best[1]

    def note(self, values: np.ndarray, *, improved: bool) -> None:
        """Take note of a finished epoch.

        Args:
            values: The curves' values at this epoch, as epoch.measured names them.
            improved: Whether the device kept its weights.
        """
        self._raw.append(values)
        epoch, self.epoch = self.epoch, self.epoch + 1
        if improved:
            self.best_epoch = epoch
        if diverged(values[RAW.index("loss")], values[RAW.index("val_loss")]):
            self.end(Outcome.diverged, divergence_message(epoch, self.fit.trial.learning_rate))

    def complete(self) -> None:
        """End the fit in the ordinary way; infeasible where the objective was never a number."""
        if self.best_epoch < 0:
            name = self._settings.objective.metric
            self.end(Outcome.infeasible, f"{name} was not finite in any of {self.epoch} epochs")
        else:
            self.end(Outcome.completed)

    def end(self, outcome: Outcome, message: str = "") -> None:
        """End the fit."""
        self.outcome, self.message = outcome, message

    def curves(self) -> dict[str, np.ndarray]:
        """Return the curves as logged."""
        return self._logged(self._raw) if self._raw else {}

    def result(self) -> FitResult:
        """Return the record of the ended fit."""
        return FitResult(
            fit=self.fit,
            outcome=self.outcome or Outcome.cut,
            curves=self.curves(),
            best_epoch=self.best_epoch,
            weights=self.weights if self.is_kept else None,
            row_losses=weighted(self.row_losses, self._arrays.val_weight) if self.is_kept else None,
            seconds=self.seconds,
            message=self.message,
            compile_seconds=self.compile_seconds,
        )

    def _logged(self, epochs: list[np.ndarray]) -> dict[str, np.ndarray]:
        metric = raw_metric(self._arrays.regression)
        names = [name.replace("metric", metric) for name in self._names]
        return finished_curves(dict(zip(names, np.array(epochs).T, strict=True)), self._arrays)
