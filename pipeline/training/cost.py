"""What training a fit costs: arithmetic, seconds, memory.

The one model of a machine's speed. Plans of stacks take its constants, so that they repeat; the
forecast multiplies them by what a machine was measured to take (`forecast.machine.Rates`).
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
from pipeline.training.sizes import CPU, FLOPS, padded_rows

COMPILE_SECONDS = 2.0
"""What `model.fit`, or a graph of convolutions, takes to be traced."""
PROGRAM_SECONDS, ARRAY_SECONDS = 1.6, 0.26
"""Tracing and compiling a program, and more for every array of its weights (docs/experiments.md)."""
STEP_SECONDS = 4.0e-6
"""What a step costs a member beside arithmetic."""
FIT_STEP_SECONDS = 2.5e-3
"""The same by Keras' own `fit`."""
REUSE_SHARE, USUAL_FITS = 0.5, 6
"""What training at coarse widths may take, in programs, where at least so many fits are trained: another
round finds them again. The same for narrow networks and wider ones, for few seeds and more."""
SHARE_OF_EPOCHS = 0.5
"""Early stopping ends most fits sooner."""
PASSES = 3
"""Forward, and backward for inputs and weights."""
COPIES = 6
"""Weights, two moments, the best weights, and the new state while the old one is still there."""
TILE_COPIES = 4
"""More copies of the members that are in work: slopes and temporaries."""
FLOAT = 4
"""Bytes."""


def latency(family: Family, trial: Trial) -> float:
    """Return the predicted seconds of one row in a large batch, on one core: its arithmetic alone."""
    return 2.0 * family.products(trial.capacity, trial.encoding) / FLOPS


@dataclass(frozen=True)
class Workload:
    """What every fit of a round has in common."""

    family: Family
    """Knows the widths and parameters of a capacity."""
    settings: Settings
    """Batch size and optimizer."""
    rows: int
    """Training rows (of the largest fold)."""
    val_rows: int
    """Validation rows (of the largest fold)."""
    engine: str = "stacked"
    """The engine that was asked for."""


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
        if place not in self._products:  # asked for again and again, fit by fit
            self._products[place] = self._family.products(self._family.of_widths(widths), place[1])
        batch = self._settings.batch_of(trial, self._rows)
        return 2.0 * PASSES * batch * self._products[place]

    def epoch_seconds(self, trial: Trial, widths: Widths) -> float:
        """Return the time on one core of an epoch of one member."""
        number = steps(self._settings.batch_of(trial, self._rows), self._rows)
        return number * (self.arithmetic(trial, widths) / FLOPS + STEP_SECONDS)

    def fit_epoch_seconds(self, trial: Trial) -> float:
        """Return the same by Keras' own `fit`, whose steps are slow and which pads nothing."""
        number = steps(self._settings.batch_of(trial, self._rows), self._rows)
        return PASSES * self._rows * latency(self._family, trial) + number * FIT_STEP_SECONDS

    def compile_seconds(self, trial: Trial, widths: Widths) -> float:
        """Return the time of tracing and compiling a program where none is kept."""
        if self._family.convolutional:
            return COMPILE_SECONDS
        axes = self._family.unit_axes(self._family.of_widths(widths), trial.encoding)
        return PROGRAM_SECONDS + ARRAY_SECONDS * len(axes)

    def program(self, fits: Sequence[Fit]) -> tuple[float, Widths]:
        """Return the time of fits that share a program, compiling included, and its widths.

        They are of one encoding and one batch size, as a program's are.
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
        """Return the peak memory of a stack, the table not counted: see `table`."""
        return self._fixed(trial, widths) + members * self._member(trial, widths)

    def table(self, encoding: str) -> int:
        """Return the memory of the table on the device, which stacks that run at once share."""
        rows = padded_rows(self._rows) + padded_rows(self._val_rows)
        return FLOAT * rows * (self._family.row_numbers(encoding) + 1)  # and its weight

    def most_members(self, trial: Trial, widths: Widths, room: int) -> int:
        """Return how many members fit into so many bytes; 0 when not even one does."""
        left = room - self._fixed(trial, widths)
        return max(0, left // self._member(trial, widths))

    def _member(self, trial: Trial, widths: Widths) -> int:
        copies = COPIES + (self._settings.of(trial).ema > 0)
        return FLOAT * (copies * self._parameters(trial, widths) + 2 * self._val_rows)

    def _fixed(self, trial: Trial, widths: Widths) -> int:
        """Return what a stack needs whatever its size: members in work."""
        batch = self._settings.batch_of(trial, self._rows)
        capacity = self._family.of_widths(widths)
        activations = 3 * batch * self._family.activations(capacity, trial.encoding)
        work = CPU.members * (TILE_COPIES * self._parameters(trial, widths) + activations)
        return FLOAT * work

    def _parameters(self, trial: Trial, widths: Widths) -> int:
        return self._family.parameters(self._family.of_widths(widths), trial.encoding)
