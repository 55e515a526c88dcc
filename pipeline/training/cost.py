"""The cost of training a fit: arithmetic, seconds, memory.

The one model of a machine's speed. Plans of stacks use its constants, so that they are reproducible; the
forecast scales them by the measured rates of a machine (`forecast.history.Rates`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from pipeline.core.family import Family
from pipeline.core.records import Fit, Trial
from pipeline.training.order import steps
from pipeline.training.padding import PaddedFamily, Widths, candidates
from pipeline.training.settings import Settings
from pipeline.training.sizes import CPU, FLOPS, cpu, padded_rows, tile_members

COMPILE_SECONDS = 2.0
"""Tracing of `model.fit`, or of a graph of convolutions."""
PROGRAM_SECONDS, ARRAY_SECONDS = 1.6, 0.26
"""Tracing and compiling a program, and more for every array of its weights (docs/experiments.md)."""
STEP_SECONDS = 4.0e-6
"""A step of a member beside its arithmetic."""
FIT_STEP_SECONDS = 2.5e-3
"""The same by Keras' own `fit`."""
REUSE_SHARE, USUAL_FITS = 0.5, 6
"""Coarse widths may take this share of the compile seconds where at least so many fits are trained, as
another round may reuse the program; fewer fits may take proportionally less."""
SHARE_OF_EPOCHS = 0.5
"""Share of the epochs that fits train: early stopping ends most sooner."""
PASSES = 3
"""Forward, and backward for inputs and weights."""
COPIES = 6
"""Weights, two moments, the best weights, and the new state while the old one is still there."""
TILE_COPIES = 4
"""Additional copies of the members of a tile in training: gradients and temporaries."""
FLOAT = 4
"""Bytes."""


def latency(family: Family, trial: Trial) -> float:
    """Return the predicted seconds of one row in a large batch, on one core: its arithmetic alone."""
    return 2.0 * family.products(trial.capacity, trial.encoding) / FLOPS


@dataclass(frozen=True)
class Workload:
    """The common part of all fits of a round."""

    family: Family
    """Computes the widths and parameters of a capacity."""
    settings: Settings
    """Batch size and optimizer."""
    rows: int
    """Training rows (of the largest fold)."""
    val_rows: int
    """Validation rows (of the largest fold)."""
    engine: str = "stacked"
    """The requested engine."""


class Cost:
    """Cost of fits on one table."""

    def __init__(self, workload: Workload) -> None:
        """Bind the table, the family and the settings."""
        self._family, self._settings = cast("PaddedFamily", workload.family), workload.settings
        self._rows, self._val_rows = workload.rows, workload.val_rows
        self._products: dict[tuple[Widths, str], int] = {}

    def widths(self, trial: Trial) -> Widths:
        """Return the units of every hidden layer of a trial."""
        return self._family.unit_widths(trial.capacity)

    def arithmetic(self, trial: Trial, widths: Widths) -> float:
        """Return the operations of one step of a trial at padded widths."""
        place = widths, trial.encoding
        if place not in self._products:  # called for every fit
            self._products[place] = self._family.products(self._family.of_widths(widths), place[1])
        batch = self._settings.batch_of(trial, self._rows)
        return 2.0 * PASSES * batch * self._products[place]

    def epoch_seconds(self, trial: Trial, widths: Widths) -> float:
        """Return the seconds of an epoch of one member on one core."""
        number = steps(self._settings.batch_of(trial, self._rows), self._rows)
        return number * (self.arithmetic(trial, widths) / FLOPS + STEP_SECONDS)

    def fit_epoch_seconds(self, trial: Trial) -> float:
        """Return the seconds of an epoch of Keras' `fit`, whose steps are slow and which pads nothing."""
        number = steps(self._settings.batch_of(trial, self._rows), self._rows)
        return PASSES * self._rows * latency(self._family, trial) + number * FIT_STEP_SECONDS

    def compile_seconds(self, trial: Trial, widths: Widths) -> float:
        """Return the seconds of tracing and compiling a program that is not on the disk."""
        if self._family.convolutional:
            return COMPILE_SECONDS
        axes = self._family.unit_axes(self._family.of_widths(widths), trial.encoding)
        return PROGRAM_SECONDS + ARRAY_SECONDS * len(axes)

    def program(self, fits: Sequence[Fit]) -> tuple[float, Widths]:
        """Return the seconds of fits that share a program, compiling included, and its padded widths.

        Args:
            fits: Fits of one encoding and one batch size.
        """
        own = {self.widths(fit.trial) for fit in fits}
        epochs = SHARE_OF_EPOCHS * sum(fit.epochs for fit in fits)
        fine, *coarser = reversed(candidates(own)) if self._family.padded else own
        least = epochs * self.epoch_seconds(fits[0].trial, fine)
        price = self.compile_seconds(fits[0].trial, fine)
        most = REUSE_SHARE * price * min(1.0, len(fits) / USUAL_FITS)
        chosen = (price + least, fine)
        for widths in coarser:
            seconds = epochs * self.epoch_seconds(fits[0].trial, widths)
            if seconds <= most:
                chosen = (price + seconds, widths)
        return chosen

    def bytes(self, trial: Trial, widths: Widths, members: int) -> int:
        """Return the peak memory of a stack in bytes, without the table (`table`)."""
        return self._fixed(trial, widths) + members * self._member(trial, widths)

    def table(self, encoding: str) -> int:
        """Return the bytes of the table on the device; stacks that run at once share it."""
        rows = padded_rows(self._rows) + padded_rows(self._val_rows)
        return FLOAT * rows * (self._family.row_numbers(encoding) + 1)  # and its weight

    def tile_members(self, trial: Trial, widths: Widths) -> int:
        """Return the most members that one core trains at once."""
        device = cpu(convolutional=self._family.convolutional)
        operations = self.arithmetic(trial, widths)
        return tile_members(device, operations, self._parameters(trial, widths))

    def most_members(self, trial: Trial, widths: Widths, room: int) -> int:
        """Return the most members that fit into `room` bytes; 0 when not even one does."""
        left = room - self._fixed(trial, widths)
        return max(0, left // self._member(trial, widths))

    def _member(self, trial: Trial, widths: Widths) -> int:
        copies = COPIES + (self._settings.of(trial).ema > 0)
        return FLOAT * (copies * self._parameters(trial, widths) + 2 * self._val_rows)

    def _fixed(self, trial: Trial, widths: Widths) -> int:
        """Return the bytes of a stack of any size: four members in training, in one tile or two."""
        batch = self._settings.batch_of(trial, self._rows)
        capacity = self._family.of_widths(widths)
        activations = 3 * batch * self._family.activations(capacity, trial.encoding)
        work = CPU.members * (TILE_COPIES * self._parameters(trial, widths) + activations)
        return FLOAT * work

    def _parameters(self, trial: Trial, widths: Widths) -> int:
        return self._family.parameters(self._family.of_widths(widths), trial.encoding)
