"""One compiled Keras model that trains fit after fit of the same architecture.

Compiling and tracing take about a second; setting weights and optimizer state takes milliseconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import keras
import numpy as np

from pipeline.core.family import Family
from pipeline.core.records import Arrays, Fit, Outcome, Trial
from pipeline.training.host import precision
from pipeline.training.kept import KeptRows
from pipeline.training.metrics import VAL_AUC, auc, normalised, raw_metric
from pipeline.training.models import initial_weights, random_states, seed_layers
from pipeline.training.optimizers import averages, optimizer_for
from pipeline.training.order import epoch_order, steps
from pipeline.training.pooling import has_members, to_fit
from pipeline.training.run import Run
from pipeline.training.settings import Settings


class Batches(keras.utils.PyDataset):
    """The batches of one epoch, whose order `start` sets; the last batch may be smaller."""

    def __init__(self, arrays: Arrays, batch: int) -> None:
        """Hold rows, targets and weights without copying them; a step has `batch` rows."""
        super().__init__()
        weight = normalised(arrays.train_weight)
        self._parts = [arrays.x_train, arrays.y_train]
        if weight is not None:
            self._parts.append(weight)
        self._batch = batch
        self._rows = len(arrays.x_train)
        self.start(seed=0, epoch=0)

    def start(self, seed: int, epoch: int) -> None:
        """Set the order to that of an epoch (0-based) of a fit."""
        self._order: np.ndarray = epoch_order(seed, epoch, self._rows)

    def __len__(self) -> int:
        return steps(self._batch, self._rows)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        rows = self._order[index * self._batch : (index + 1) * self._batch]
        return tuple(part[rows] for part in self._parts)


LARGEST_EXECUTION = 64
"""Steps between two checks of budget and signals: well under a second for the models of a sweep."""
VALIDATION_ROWS = 4096
"""Rows of a validation batch; the result does not depend on it."""


class State(NamedTuple):
    """The state of training, as NumPy arrays."""

    weights: list[np.ndarray]
    optimizer: list[np.ndarray]
    random: list[np.ndarray]


class FitProgram:
    """A compiled model for the fits of one trial at any learning rate."""

    def __init__(self, family: Family, trial: Trial, arrays: Arrays, settings: Settings) -> None:
        """Build and compile; tracing happens in the first epoch."""
        self._family, self._arrays, self._settings = family, arrays, settings
        self.batches = Batches(arrays, settings.batch_of(trial, len(arrays.x_train)))
        with precision(mixed=settings.mixed_precision):
            self.model = family.build(trial)
            self._trained = to_fit(self.model)
            self._optimizer = optimizer_for(settings, trial)
        self._trained.compile(
            optimizer=self._optimizer,
            loss=arrays.loss,
            weighted_metrics=_metrics(arrays.regression, whole=not has_members(self.model)),
            steps_per_execution=min(len(self.batches), LARGEST_EXECUTION),
        )
        self._optimizer.build(self.model.trainable_variables)
        self._fresh = _values(self._optimizer.variables)
        self._averages = averages(self._optimizer)
        self._raw: list[np.ndarray] = []
        weight = normalised(arrays.val_weight)
        parts = (arrays.x_val, arrays.y_val)
        self._validation = parts if weight is None else (*parts, weight)

    def initial(self, fit: Fit) -> State:
        """Return the state before the first epoch of a fit."""
        seed_layers(self.model, fit.seed)
        return State(
            initial_weights(self._family, fit.trial, fit.seed),
            self._fresh,
            _values(random_states(self.model)),
        )

    def train(self, run: Run, state: State, until: int, stop_reason: Callable[[], str]) -> State:
        """Train a fit up to an epoch, or until it ends; return its state.

        Args:
            run: Records every epoch; its outcome is set when it ends.
            state: As `initial` or the last `train` returned it.
            until: Number of finished epochs at which to pause.
            stop_reason: Called every few steps; a text stops the fit, which is then cut.
        """
        started = time.perf_counter()
        self._load(state, run.fit.trial.learning_rate)
        self.batches.start(run.fit.seed, run.epoch)
        self._trained.fit(
            self.batches,
            validation_data=self._validation,
            validation_batch_size=VALIDATION_ROWS,
            initial_epoch=run.epoch,
            epochs=min(until, run.fit.epochs),
            callbacks=[_Watch(self, run, stop_reason)],
            shuffle=False,  # Keras would shuffle the batches
            verbose=0,
        )
        self.put_back()  # Keras leaves averages, where there are any, in the network
        run.seconds += time.perf_counter() - started
        return State(
            self.model.get_weights(),
            _values(self._optimizer.variables),
            _values(random_states(self.model)),
        )

    def show_averages(self) -> None:
        """Replace the weights by their moving averages, if any, which are validated and kept."""
        if self._averages:
            self._raw = _values(self.model.trainable_variables)
            _assign(self.model.trainable_variables, _values(self._averages))

    def put_back(self) -> None:
        """Restore the weights that `show_averages` last replaced; training goes on from them."""
        if self._raw:
            _assign(self.model.trainable_variables, self._raw)

    def validation_auc(self) -> dict[str, float]:
        """Return the area under the ROC curve where it is the objective."""
        if self._settings.objective.metric != VAL_AUC:
            return {}
        arrays = self._arrays
        parts = [self.model(x, training=False)[:, 1] for x in _chunks(arrays.x_val)]
        scores = np.concatenate([keras.ops.convert_to_numpy(part) for part in parts])
        return {VAL_AUC: auc(scores, arrays.y_val[:, 1], arrays.val_weight)}

    def row_losses(self, weights: list[np.ndarray]) -> np.ndarray:
        """Return the loss of every validation row with these weights, float32."""
        self.model.set_weights(weights)
        loss = keras.losses.get(self._arrays.loss)
        pairs = zip(_chunks(self._arrays.x_val), _chunks(self._arrays.y_val), strict=True)
        parts = [loss(y, self.model(x, training=False)) for x, y in pairs]
        arrays = [keras.ops.convert_to_numpy(part) for part in parts]
        return np.concatenate(arrays).astype(np.float32)

    def training_loss(self, weights: list[np.ndarray], rows: KeptRows) -> float:
        """Return the loss of training rows with these weights, computed as `model.fit` validates."""
        self.model.set_weights(weights)
        total, trained = 0.0, self._trained
        for x, y, weight in rows.portions(VALIDATION_ROWS):
            outputs = trained(x, training=False)
            total += len(x) * float(trained.compute_loss(x, y, outputs, weight, training=False))
        return total / len(rows)

    def _load(self, state: State, learning_rate: float) -> None:
        self.model.set_weights(state.weights)
        _assign(self._optimizer.variables, state.optimizer)
        _assign(random_states(self.model), state.random)
        self._optimizer.learning_rate = learning_rate


class _Watch(keras.callbacks.Callback):
    """Records every epoch in the run, and stops Keras when the run ends or the control stops it."""

    def __init__(self, program: FitProgram, run: Run, stop_reason: Callable[[], str]) -> None:
        super().__init__()
        self._program, self._run, self._stop_reason = program, run, stop_reason

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        self._program.batches.start(self._run.fit.seed, epoch)

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        reason = self._stop_reason()
        if reason:
            self._run.end(Outcome.cut, reason)
            self.model.stop_training = True

    def on_test_begin(self, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        self._program.show_averages()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        if self._run.is_open:  # else the epoch is unfinished and discarded
            values = {**(logs or {}), **self._program.validation_auc()}
            self._run.judge(values, self.model.get_weights)
        self._program.put_back()
        self.model.stop_training = not self._run.is_open


def _metrics(regression: bool, *, whole: bool) -> list[Any]:
    """Return the metrics beside the loss.

    Args:
        regression: Whether to measure errors rather than the accuracy.
        whole: Whether the network is a single one. With members, whose losses are averaged, the RMSE of
            training is the root of that average.
    """
    name = raw_metric(regression)
    if not regression:
        return [keras.metrics.CategoricalAccuracy(name=name)]
    metrics: list[Any] = [keras.metrics.MeanAbsoluteError(name=name)]
    if whole:  # the loss may include a penalty of a builder's layers; the RMSE must not
        metrics.append(keras.metrics.MeanSquaredError(name="mse"))
    return metrics


def _chunks(rows: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(rows), VALIDATION_ROWS):
        yield rows[start : start + VALIDATION_ROWS]


def _values(variables: list[Any]) -> list[np.ndarray]:
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


def _assign(variables: list[Any], values: list[np.ndarray]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
