"""The course of one member as the device reports it: its curves, its best epoch, how it ended."""

from __future__ import annotations

import numpy as np

from pipeline.core.records import Arrays, Fit, FitResult, Outcome
from pipeline.training.metrics import finished_curves, raw_metric
from pipeline.training.run import OpenFit
from pipeline.training.settings import Settings
from pipeline.training.stacked.epoch import RAW, measured


class Course(OpenFit):
    """One fit while it trains in a stack."""

    def __init__(self, fit: Fit, settings: Settings, arrays: Arrays) -> None:
        """Start before the first epoch."""
        super().__init__(fit, settings, arrays)
        self.weights: list[np.ndarray] | None = None
        self.row_losses: np.ndarray | None = None
        self._raw: list[np.ndarray] = []
        self._best = -1, float("nan")
        self._names = measured(settings)

    @property
    def is_kept(self) -> bool:
        """Whether the best weights will be asked for: also those of a fit that was cut."""
        if self.outcome is Outcome.cut:
            return self.best_epoch >= 0
        return self.outcome in {Outcome.completed, Outcome.dropped}

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
        self.check(epoch, values[RAW.index("loss")], values[RAW.index("val_loss")])

    def curves(self) -> dict[str, np.ndarray]:
        """Return the curves as logged; empty before the first epoch."""
        return self._logged(self._raw) if self._raw else {}

    def result(self) -> FitResult:
        """Return the record of the ended fit."""
        return self.record(*(self.weights, self.row_losses) if self.is_kept else (None, None))

    def _logged(self, epochs: list[np.ndarray]) -> dict[str, np.ndarray]:
        metric = raw_metric(self._arrays.regression)
        names = [name.replace("metric", metric) for name in self._names]
        return finished_curves(dict(zip(names, np.array(epochs).T, strict=True)), self._arrays)
