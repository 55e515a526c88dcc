"""The records that the rooms exchange; the terms are explained in docs/architecture.md.

Nothing here computes or imports a framework or a room.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from pipeline.core.names import NAMELESS, Names
from pipeline.core.statistics import Units

Value = bool | int | float | str
NO_FOLD = 0
"""The fold of a sweep without k-fold."""


class Direction(StrEnum):
    """Whether a metric is better when lower or higher."""

    min = "min"
    max = "max"


@dataclass(frozen=True)
class Objective:
    """The logged metric that trials are compared by, with its direction stated, never inferred."""

    metric: str = "val_loss"
    direction: Direction = Direction.min

    def as_loss(self, value: float) -> float:
        """Return the value so that lower is always better."""
        return self.sign * value

    @property
    def sign(self) -> int:
        """1, or -1 where higher is better."""
        return 1 if self.direction is Direction.min else -1

    @property
    def is_loss(self) -> bool:
        """Whether it is the mean of the losses of the validation rows."""
        return self.metric == "val_loss"


class Outcome(StrEnum):
    """How a fit ended; the table in docs/architecture.md says what each means for the ledger."""

    completed = "completed"
    dropped = "dropped"
    diverged = "diverged"
    infeasible = "infeasible"
    cut = "cut"

    @property
    def is_done(self) -> bool:
        """Whether the fit is never repeated on resume."""
        return self is not Outcome.cut

    @property
    def is_usable(self) -> bool:
        """Whether there is a score and a network."""
        return self in {Outcome.completed, Outcome.dropped}

    @property
    def is_ranked(self) -> bool:
        """Whether the score may take part in a decision."""
        return self is Outcome.completed


@dataclass(frozen=True)
class Capacity:
    """The scientific hyperparameter, as a model family understands it.

    `values` are the family's own axes in a fixed order, for example `(("layers", 2), ("units", 250))`
    for an MLP; a network whose layers differ also carries `("widths", (50, 32))`.
    """

    label: str
    values: tuple[tuple[str, int | tuple[int, ...]], ...]

    def __getitem__(self, name: str) -> int | tuple[int, ...]:
        """Return one axis by name; KeyError when the family has no such axis."""
        return dict(self.values)[name]

    def get(self, name: str, default: int | tuple[int, ...] = 0) -> int | tuple[int, ...]:
        """Return one axis by name, or the default."""
        return dict(self.values).get(name, default)


@dataclass(frozen=True)
class Trial:
    """One point of the search space: a capacity and its nuisance values."""

    capacity: Capacity
    learning_rate: float
    parameters: int
    """Trainable parameters at the input size of this trial's encoding."""
    nuisance: tuple[tuple[str, Value], ...] = ()
    """Its other values (dropout, encoding, ...), sorted by name; others are as configured."""

    @property
    def name(self) -> str:
        """The tag `trial`: short, unique within a sweep, legal in MLflow."""
        extra = "".join(f" {key} {value}" for key, value in self.nuisance)
        return f"{self.capacity.label} lr {self.learning_rate:.6g}{extra}"

    def nuisance_value(self, name: str, default: Value) -> Value:
        """Return one nuisance value, or the default where the trial does not set it."""
        return dict(self.nuisance).get(name, default)

    @property
    def encoding(self) -> str:
        """How numbers are encoded for this trial."""
        return str(self.nuisance_value("encoding", "standard"))

    def with_rate(self, learning_rate: float) -> Trial:
        """Return the same trial at another learning rate."""
        return replace(self, learning_rate=learning_rate)


@dataclass(frozen=True)
class Fit:
    """One seeded training of a trial: one MLflow child run."""

    trial: Trial
    execution: int
    """Number of the repeat of the trial, from 0; equal executions share seed and fold."""
    seed: int
    """Seed of initial weights, shuffling and dropout; equal for equal executions of all trials."""
    epochs: int
    """Most epochs."""
    fold: int = NO_FOLD

    @property
    def name(self) -> str:
        """The key of the search; people read it as `language.trial` writes it."""
        return f"{self.trial.name} #{self.execution}"


@dataclass(frozen=True)
class Round:
    """The fits that the search requests together; none of them waits for another."""

    number: int
    phase: str
    """`start`, `grow`, `shrink`, `confirm`, or another search's name."""
    fits: tuple[Fit, ...]
    reason: str = ""
    """One sentence: why these fits."""


@dataclass(frozen=True)
class Decision:
    """One step of the search, with its explanation."""

    round: int
    phase: str
    capacity: str
    score: float | None
    se: float | None
    verdict: str
    """One word: start, better, same, worse, smaller, chosen, stopped, infeasible, ..."""
    reason: str
    """One sentence with its numbers."""


@dataclass(frozen=True)
class Finding:
    """One result of the diagnosis of a fit."""

    code: str
    """Stable kebab-case code, for example `rate-too-high`."""
    severity: str
    """`info`, `warning` or `severe`."""
    sentence: str
    """The observation with its number, and one next step."""


@dataclass
class FitResult:
    """The result of one fit; the same from every engine."""

    fit: Fit
    outcome: Outcome
    curves: dict[str, np.ndarray]
    """Float64, one value an epoch: `loss`, `val_mae`, ...; the ledger leaves non-finite ones out."""
    best_epoch: int
    """0-based index into the curves of the epoch whose weights are kept; -1: none."""
    weights: list[np.ndarray] | None
    """The best epoch's weights in the order of `keras.Model.get_weights()`; None when unusable."""
    row_losses: np.ndarray | None
    """Losses of the validation rows, weighted, at the best epoch: their mean is `val_loss`; float32."""
    seconds: float
    """This fit's share of the wall time of its stack."""
    findings: tuple[Finding, ...] = ()
    message: str = ""
    """Why, where the outcome is not `completed`."""
    train_loss: float = float("nan")
    """Training loss of these weights, measured as `val_loss` is; NaN: no network, or not measured."""
    train_sample: int = 0
    """Size of the sample of rows that it is measured on (training/kept.py); 0: all rows."""

    @property
    def epochs(self) -> int:
        """Epochs trained."""
        return len(self.curves.get("loss", ()))

    def best(self, metric: str) -> float:
        """Return a metric at the best epoch; NaN when there is none."""
        curve = self.curves.get(metric)
        if curve is None or not 0 <= self.best_epoch < len(curve):
            return float("nan")
        return float(curve[self.best_epoch])


@dataclass(frozen=True)
class Scored:
    """A finished fit as the search sees it: the same live and when read back from the ledger."""

    fit: Fit
    outcome: Outcome
    score: float
    """The objective at the best epoch, lower is better (`Objective.as_loss`); NaN when there is none."""
    row_losses: np.ndarray | None = None
    """Loss times weight of at most 10,000 units (rows, groups, blocks of time), float32; None: no model."""
    round: int = 0
    """Number of the round that requested the fit."""
    sign: int = 1
    """-1 where the objective is better when higher; sentences show `sign * score`."""
    units: Units | None = None
    """Units of `row_losses`, and their number in the score; None: as many as in the table, all equal."""


@dataclass(frozen=True)
class Arrays:
    """The encoded rows of one split (or fold), in memory once for all fits that train on it."""

    x_train: np.ndarray
    """float32, (rows, *input_shape)."""
    y_train: np.ndarray
    """float32, (rows, outputs): standardised values, or one-hot classes."""
    x_val: np.ndarray
    y_val: np.ndarray
    regression: bool
    train_weight: np.ndarray | None = None
    """float32 (rows,): sample weight times class weight; None = all 1."""
    val_weight: np.ndarray | None = None
    """float32 (rows,): the table's sample weights; class weights never touch validation."""
    class_weight: np.ndarray | None = None
    """Factor in `train_weight` of each class, float32 (outputs,); None = 1."""
    target_scale: float = 1.0
    """Standard deviation that the target was divided by: RMSE in its own unit = sqrt(mse) * this."""
    names: Names = NAMELESS

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one row."""
        return self.x_train.shape[1:]

    @property
    def outputs(self) -> int:
        """Output nodes."""
        return int(self.y_train.shape[1])

    @property
    def loss(self) -> str:
        """The Keras loss."""
        return "mean_squared_error" if self.regression else "categorical_crossentropy"


@dataclass(frozen=True)
class Stack:
    """Fits that one compiled program trains together. Pure plan: no arrays, no framework."""

    number: int
    fits: tuple[Fit, ...]
    padded_units: tuple[int, ...] = ()
    """Width of each hidden layer that members are padded to; empty when nothing is padded."""
    padding: float = 0.0
    """Share of the stack's arithmetic that is padding, 0 to 1."""
    bytes: int = 0
    """Estimated peak memory, without the table: stacks that train at the same time share it."""


@dataclass(frozen=True)
class StackPlan:
    """The stacks of one round; recorded with the round so that resume and replay rebuild them."""

    stacks: tuple[Stack, ...]
    engine: str
    sentence: str
    """For the log: "48 fits in 3 stacks, padding 11 %"."""
