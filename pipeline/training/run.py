"""One fit in training: its curves, its best epoch, and its outcome. Knows no framework."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from pipeline.core.control import Control, Progress
from pipeline.core.records import Arrays, Fit, FitResult, Outcome, Stack
from pipeline.training.metrics import finished_curves, weighted
from pipeline.training.settings import Settings

REPORT_SECONDS = 0.3
"""Shortest time between two reports of progress."""


class Run:
    """One fit while it trains, in any engine; `result` returns the record of the ended fit."""

    def __init__(self, fit: Fit, settings: Settings, arrays: Arrays) -> None:
        """Start before the first epoch."""
        self.fit = fit
        self.epoch = 0
        """Epochs finished."""
        self.outcome: Outcome | None = None
        """None while the fit is open."""
        self.message = ""
        self.best_epoch = -1
        """0-based; -1 before the first finite objective."""
        self.weights: list[np.ndarray] | None = None
        """Weights of the best epoch, once they were read from the device."""
        self.row_losses: np.ndarray | None = None
        """Loss of every validation row with these weights, (rows,)."""
        self.seconds = 0.0
        self._raw: dict[str, list[float]] = defaultdict(list)
        self._best = -1, math.nan
        self._train_loss, self._train_sample = math.nan, 0
        self._settings, self._arrays = settings, arrays

    @property
    def is_open(self) -> bool:
        """Whether the fit still trains."""
        return self.outcome is None

    @property
    def is_kept(self) -> bool:
        """Whether the best weights are kept: also those of a fit that was cut."""
        if self.outcome is Outcome.cut:
            return self.best_epoch >= 0
        return self.outcome in {Outcome.completed, Outcome.dropped}

    @property
    def best(self) -> float:
        """The best objective so far, as logged; NaN before there is one.

        Computed on access and for the best epoch alone: epochs end far more often than it is read.
        """
        epoch = self.best_epoch
        if epoch != self._best[0]:
            own = {name: values[epoch : epoch + 1] for name, values in self._raw.items()}
            self._best = epoch, self._objective_of(own)
        return self._best[1]

    @property
    def objectives(self) -> np.ndarray:
        """The objective of every epoch so far, as logged."""
        return self.curves().get(self._settings.objective.metric, np.empty(0))

    def curves(self) -> dict[str, np.ndarray]:
        """Return the curves as logged; empty before the first epoch."""
        return finished_curves(self._raw, self._arrays) if self._raw else {}

    def record(self, logs: Mapping[str, float], *, improved: bool) -> None:
        """Record a finished epoch; a loss that is not finite ends the fit.

        Args:
            logs: Raw values of the epoch by name.
            improved: Whether the epoch is the best so far.
        """
        for name, value in logs.items():
            self._raw[name].append(float(value))
        epoch, self.epoch = self.epoch, self.epoch + 1
        if not (math.isfinite(logs["loss"]) and math.isfinite(logs["val_loss"])):
            rate = self.fit.trial.learning_rate
            message = (
                f"learning rate {rate:g} diverged in epoch {epoch + 1}: the loss is not finite"
            )
            self.end(Outcome.diverged, message)
        elif improved:
            self.best_epoch = epoch

    def judge(self, logs: Mapping[str, float], weights: Callable[[], list[np.ndarray]]) -> None:
        """Record a finished epoch, keep the weights of the best one, and decide whether the fit goes on.

        Patience is the number of epochs without improvement: best in epoch 9, patience 2, epochs 10 and 11
        not better: training stops after epoch 11 and the weights of epoch 9 are kept. A non-finite value
        never improves, not even in the first epoch, where Keras' EarlyStopping would take it as the best.

        Args:
            logs: Raw values of the epoch by name.
            weights: Returns the current weights; called only when they are the best so far.
        """
        settings, epoch = self._settings, self.epoch
        as_loss = settings.objective.as_loss
        loss = as_loss(self._objective_of({name: [value] for name, value in logs.items()}))
        best = as_loss(self.best) if self.best_epoch >= 0 else math.inf
        self.record(logs, improved=math.isfinite(loss) and loss + settings.min_delta < best)
        if not self.is_open:
            return
        if self.best_epoch == epoch:
            self.weights = weights()
        if self.epoch >= self.fit.epochs or epoch - self.best_epoch >= settings.patience:
            self.complete()

    def complete(self) -> None:
        """End the fit as completed; as infeasible where the objective was never finite."""
        if self.best_epoch < 0:
            name = self._settings.objective.metric
            self.end(Outcome.infeasible, f"{name} was not finite in any of {self.epoch} epochs")
        else:
            self.end(Outcome.completed)

    def end(self, outcome: Outcome, message: str = "") -> None:
        """End the fit."""
        self.outcome, self.message = outcome, message

    def measured(self, train_loss: float, sample: int) -> None:
        """Record the loss of training rows with the kept weights; arguments as in FitResult."""
        self._train_loss, self._train_sample = train_loss, sample

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
            train_loss=self._train_loss,
            train_sample=self._train_sample,
        )

    def _objective_of(self, epoch: Mapping[str, list[float]]) -> float:
        """Return the objective of one epoch, as logged."""
        logged = finished_curves(epoch, self._arrays)
        return float(logged[self._settings.objective.metric][0])


class Reporter:
    """Reports the progress of a stack to a control, a few times a second at most."""

    def __init__(
        self, stack: Stack, runs: Sequence[Run], settings: Settings, control: Control
    ) -> None:
        """Bind the fits and the control."""
        self._stack, self._runs, self._control = stack, runs, control
        self._objective = settings.objective
        self._reported = 0.0

    def report(self, *, compiling: bool = False) -> None:
        """Report, unless the last report is recent; `compiling`: nothing is trained yet."""
        now, runs = time.monotonic(), self._runs
        if now - self._reported < REPORT_SECONDS:
            return
        self._reported = 0.0 if compiling else now
        live = [run.epoch for run in runs if run.is_open]
        bests = [run.best for run in runs if run.best_epoch >= 0]
        best = min(bests, key=self._objective.as_loss, default=math.nan)
        epoch = min(live or [run.epoch for run in runs])
        epochs = max(run.fit.epochs for run in runs)
        self._control.report(
            Progress(self._stack.number, epoch, epochs, len(live), best, compiling)
        )
