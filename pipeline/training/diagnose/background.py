"""The reference values of diagnosis that depend on the data alone; computed once for all fits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import cast

import numpy as np

from pipeline.core.losses import row_losses
from pipeline.core.records import Arrays, Finding
from pipeline.training.diagnose import thresholds as at
from pipeline.training.families.base import is_image
from pipeline.training.metrics import weighted

NAMED = 3
"""Inputs or classes that a sentence lists."""


@dataclass(frozen=True)
class Background:
    """Reference values for the losses of a fit, and the findings on the data."""

    regression: bool
    x: np.ndarray
    """Sample of training rows for probes, (rows, *input_shape)."""
    y: np.ndarray
    """Their targets, (rows, outputs)."""
    constant_losses: np.ndarray
    """Loss of each validation row for the best constant prediction, weighted as in FitResult, (rows,)."""
    constant_train_loss: float
    """Mean loss of the training rows for the same prediction."""
    columns: int
    """Columns of the table that are inputs; 0 where their names are not known."""
    findings: tuple[Finding, ...]
    """Findings on the data, the same for every fit."""


def background(arrays: Arrays) -> Background:
    """Return the reference values of some arrays."""
    constant = np.average(arrays.y_train, axis=0, weights=arrays.train_weight)[None]
    sample = np.arange(len(arrays.x_train))
    if len(sample) > at.SAMPLE_ROWS:
        drawn = np.random.default_rng(0).choice(sample, at.SAMPLE_ROWS, replace=False)
        sample = np.sort(drawn)
    losses, train_losses = (
        row_losses(truth, constant, regression=arrays.regression)
        for truth in (arrays.y_val, arrays.y_train)
    )
    return Background(
        regression=arrays.regression,
        x=arrays.x_train[sample],
        y=arrays.y_train[sample],
        constant_losses=cast("np.ndarray", weighted(losses, arrays.val_weight)),
        constant_train_loss=float(train_losses.mean()),
        columns=arrays.names.columns,
        findings=tuple(_of_data(arrays, sample)),
    )


def _of_data(arrays: Arrays, sample: np.ndarray) -> Iterator[Finding]:
    """Yield findings on inputs that are unscaled, constant or the target itself, and on absent classes."""
    names, rows = arrays.names, len(arrays.x_train)
    if not is_image(arrays.input_shape):
        x = arrays.x_train.reshape(rows, -1)
        centre, spread = x.mean(axis=0, dtype=np.float64), x.std(axis=0, dtype=np.float64)
        size = np.maximum(np.abs(centre), spread)
        large = np.flatnonzero(size > at.LARGE_INPUT)
        if len(large):
            seen = f"{len(large)} of {len(size)} inputs are as large as {size.max():.3g}"
            listed = _listed(names.input, large)
            advice = "scale them to about 1 before training"
            yield Finding("unscaled-inputs", "severe", f"{seen} ({listed}); {advice}")
        changing: dict[str, bool] = {}  # an interval of a number may be constant, its column is not
        for place, is_own in enumerate(spread > 0):
            column = names.column(place)
            changing[column] = changing.get(column, False) or bool(is_own)
        if constant := [column for column, changes in changing.items() if not changes]:
            kind = "columns" if names.inputs else "inputs"
            seen = f"{len(constant)} of {len(changing)} {kind} never change in training and teach"
            listed = _listed(constant.__getitem__, np.arange(len(constant)))
            yield Finding("constant-input", "info", f"{seen} nothing: {listed}")
        twin = _twin(x[sample], arrays.y_train[sample])
        if twin is not None:
            seen = f"{names.input(twin)} is the target itself (correlation 1 in {len(sample)} rows)"
            advice = "; leave its column out (data.drop)" if names.columns != 1 else ""
            yield Finding("leaked-target", "severe", f"{seen}{advice}")
    absent = np.flatnonzero(arrays.y_train.sum(axis=0) == 0)
    if len(absent) and not arrays.regression:
        yield Finding(
            "absent-class",
            "severe",
            f"{len(absent)} of {arrays.outputs} classes have no training row"
            f" ({_listed(names.output, absent)}) and can never be predicted: use a stratified split"
            " (data.split=random) or leave their rows out",
        )


def _twin(x: np.ndarray, y: np.ndarray) -> int | None:
    """Return the input that equals a target up to scale and offset, or None."""
    inputs = x - x.mean(axis=0, dtype=np.float64)
    targets = y - y.mean(axis=0, dtype=np.float64)
    lengths = np.outer(np.linalg.norm(inputs, axis=0), np.linalg.norm(targets, axis=0))
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = np.abs(np.where(lengths > 0, inputs.T @ targets / lengths, 0.0))
    best = int(correlation.max(axis=1).argmax())
    return best if correlation[best].max() > at.SAME_THING else None


def _listed(name: Callable[[int], str], positions: np.ndarray) -> str:
    """Return the names of the first few positions."""
    shown = ", ".join(name(int(position)) for position in positions[:NAMED])
    return shown + (", ..." if len(positions) > NAMED else "")
