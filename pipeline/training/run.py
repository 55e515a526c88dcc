"""The course of one fit: its curves, its best epoch, and how it ended. Knows no framework."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping

import numpy as np

from pipeline.core.records import Arrays, Direction, Fit, FitResult, Outcome
from pipeline.training.metrics import finished_curves, weighted
from pipeline.training.settings import Settings


class Stopping:
    """Early stopping of a fit; the best epoch is kept.

    Patience is the number of epochs without improvement: best in epoch 9, patience 2, epochs 10 and 11
    not better: training stops after epoch 11 and the weights of epoch 9 are kept. A non-finite value never
    improves, not even in the first epoch, where Keras' EarlyStopping would take it for the best.
    """

    def __init__(self, settings: Settings) -> None:
        """Start before the first epoch: objective, patience and min_delta are those of the settings."""
        self._sign = 1.0 if settings.objective.direction is Direction.min else -1.0
        self._settings = settings
        self._best = math.inf
        self.best_epoch = -1
        """0-based; -1 before the first finite value."""

    @property
    def best(self) -> float:
        """The best value, as logged; not finite before the first finite value."""
        return self._sign * self._best

    def improved(self, epoch: int, value: float) -> bool:
        """Take note of the objective after an epoch, 0-based; return whether it is a new best."""
        loss = self._sign * float(value)
        if not (math.isfinite(loss) and loss + self._settings.min_delta < self._best):
            return False
        self._best, self.best_epoch = loss, epoch
        return True

    def exhausted(self, epoch: int) -> bool:
        """Return whether `patience` epochs have passed from the best to this one, 0-based."""
        return epoch - self.best_epoch >= self._settings.patience


class OpenFit:
    """What every engine keeps of a fit while it trains: how far it is, and how it ended."""

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
        self.seconds = 0.0
        self._train_loss, self._train_sample = math.nan, 0
        self._settings, self._arrays = settings, arrays

    def curves(self) -> dict[str, np.ndarray]:
        """Return the curves as logged; empty before the first epoch."""
        raise NotImplementedError

    @property
    def is_open(self) -> bool:
        """Whether there is anything left to train."""
        return self.outcome is None

    @property
    def objectives(self) -> np.ndarray:
        """The objective of every epoch so far, as logged."""
        return self.curves().get(self._settings.objective.metric, np.empty(0))

    def check(self, epoch: int, loss: float, val_loss: float) -> None:
        """End the fit where the losses of an epoch, 0-based, are no numbers."""
        if not (math.isfinite(loss) and math.isfinite(val_loss)):
            rate = self.fit.trial.learning_rate
            message = (
                f"learning rate {rate:g} diverged in epoch {epoch + 1}: the loss is not finite"
            )
            self.end(Outcome.diverged, message)

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

    def measured(self, train_loss: float, sample: int) -> None:
        """Take note of the loss of training rows with the weights that are kept; both as in the record."""
        self._train_loss, self._train_sample = train_loss, sample

    def record(self, weights: list[np.ndarray] | None, row_losses: np.ndarray | None) -> FitResult:
        """Return the record of the ended fit.

        Args:
            weights: Of the best epoch; None where there is no network.
            row_losses: Loss per validation row with them.
        """
        return FitResult(
            fit=self.fit,
            outcome=self.outcome or Outcome.cut,
            curves=self.curves(),
            best_epoch=self.best_epoch,
            weights=weights,
            row_losses=weighted(row_losses, self._arrays.val_weight),
            seconds=self.seconds,
            message=self.message,
            train_loss=self._train_loss,
            train_sample=self._train_sample,
        )


class Run(OpenFit):
    """One fit while `model.fit` trains it; `note` is told every epoch, `result` makes the record."""

    def __init__(self, fit: Fit, settings: Settings, arrays: Arrays) -> None:
        """Start before the first epoch."""
        super().__init__(fit, settings, arrays)
        self.best_weights: list[np.ndarray] | None = None
        self._raw: dict[str, list[float]] = defaultdict(list)
        self._stopping = Stopping(settings)

    @property
    def best(self) -> float:
        """The best objective so far, as logged."""
        return self._stopping.best

    def note(self, logs: Mapping[str, float], weights: Callable[[], list[np.ndarray]]) -> None:
        """Take note of a finished epoch and decide whether the fit goes on.

        Args:
            logs: Raw values of the epoch by name.
            weights: Returns the current weights; called only when they are the best so far.
        """
        for name, value in logs.items():
            self._raw[name].append(float(value))
        epoch, self.epoch = self.epoch, self.epoch + 1
        self.check(epoch, logs["loss"], logs["val_loss"])
        if not self.is_open:
            return
        if self._stopping.improved(epoch, self.objectives[-1]):
            self.best_weights, self.best_epoch = weights(), epoch
        if self.epoch >= self.fit.epochs or self._stopping.exhausted(epoch):
            self.complete()

    def result(self, row_losses: np.ndarray | None) -> FitResult:
        """Return the record of the ended fit; `row_losses` as of `record`."""
        usable = self.outcome not in {Outcome.diverged, Outcome.infeasible}
        return self.record(*(self.best_weights, row_losses) if usable else (None, None))

    def curves(self) -> dict[str, np.ndarray]:
        """Return the curves as logged; empty before the first epoch."""
        return finished_curves(self._raw, self._arrays) if self._raw else {}


_SIGNS = ("RESOURCE_EXHAUSTED", "out of memory", "OOM when allocating")


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error of Python, TensorFlow or JAX says that memory ran out."""
    if isinstance(error, MemoryError):
        return True
    name = type(error).__name__
    if name == "ResourceExhaustedError":
        return True
    return name in {"XlaRuntimeError", "JaxRuntimeError", "InternalError"} and any(
        sign.lower() in str(error).lower() for sign in _SIGNS
    )
