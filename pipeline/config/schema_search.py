"""The typed schema of `search`: unit, range and why this default, under each field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from omegaconf import MISSING

from pipeline.config.choices import (
    ACTIVATIONS,
    DEFAULT_BINS,
    IN_INTERVALS,
    OPTIMIZERS,
    Encoding,
    Prefer,
    SearchKind,
    encoding_name,
)
from pipeline.config.fields import (
    ABOVE_ONE,
    BETWEEN_0_AND_1,
    COUNT,
    NOT_NEGATIVE,
    POSITIVE,
    SHARE,
    SHARE_BELOW_1,
    TWO_OR_MORE,
    PerTrial,
    Range,
    any_value,
    declared,
    per_trial,
    within,
)
from pipeline.core.records import Value


@dataclass
class LearningRateConfig:
    """The learning rates of a trial's bracket: a list, or a log range with a number of points."""

    values: list[float] | None = within(POSITIVE, None)
    """Explicit rates; null uses the range."""
    low: float = within(POSITIVE, 1e-4)
    """Smallest rate that may be tried (also when a bracket is re-centred)."""
    high: float = within(POSITIVE, 3e-2)
    """Largest rate that may be tried, above low."""
    points: int = within(COUNT, 3)
    """Rates in a bracket; 3 shows a minimum with one rate on either side."""
    start: float = within(POSITIVE, 3e-3)
    """Centre of the first bracket, moved inside the limits; for small tables Adam's usual optimum
    lies within a factor 3."""
    step: float = within(ABOVE_ONE, 3.1622776601683795)
    """Ratio of neighbouring rates in a bracket; half a decade."""

    @property
    def inner_start(self) -> float:
        """`start`, moved inside the limits."""
        return min(max(self.start, self.low), self.high)


@dataclass
class NuisanceConfig:
    """Further values tuned like the learning rate; one entry = fixed.

    What follows from an entry: pipeline/config/fields.py.
    """

    dropout: list[float] = per_trial(0.0, allowed=SHARE_BELOW_1, program=lambda rate: rate > 0)
    """Dropout rates after each hidden layer."""
    weight_decay: list[float] = per_trial(0.0, allowed=NOT_NEGATIVE, program=any_value)
    """Decoupled weight decay."""
    ema: list[float] = per_trial(0.0, allowed=SHARE_BELOW_1, program=any_value)
    """Momentum of an exponential moving average of the weights over steps (Keras' `use_ema` and
    `ema_momentum`): it is what is validated, stopped early and kept. 0: the weights themselves."""
    ema_epochs: float = within(NOT_NEGATIVE, 0.0)
    """Epochs that such an average reaches back at least: where a table has so many rows that the
    momentum covers fewer steps, it is raised. 0: the momentum is used as it is."""
    batch_size: list[int] = per_trial(allowed=COUNT, program=any_value)  # the rows of a step decide
    """Batch sizes; empty: `training.batch_size`."""
    encoding: list[Encoding] = per_trial(Encoding.standard)
    """Encodings of numbers; chosen on validation loss like the rest, kept in the artefact."""
    bins: list[int] = within(Range(2, 256), [DEFAULT_BINS])
    """Most intervals a number of `piecewise` and `embedded`: the resolution. How fine is best
    differs by table from 4 to 117 (arXiv 2607.05380): 2, 8, 16, 48 and 120 are enough rungs."""
    optimizer: list[str] = per_trial(names=OPTIMIZERS, own_rates=True)
    """Keras optimizers by name; empty: `training.optimizer`."""
    activation: list[str] = per_trial(names=ACTIVATIONS)
    """Keras activations by name; empty: `model.activation`."""
    batch_normalization: list[bool] = per_trial()
    """Whether to normalise after each hidden layer; empty: `model.batch_normalization`."""

    @property
    def encodings(self) -> tuple[str, ...]:
        """Return what may encode numbers, by the names of trials: `piecewise-48` is 48 intervals."""
        names: list[str] = []
        for name in self.encoding:
            several = name in IN_INTERVALS
            names += [encoding_name(name, bins) for bins in self.bins] if several else [name]
        return tuple(dict.fromkeys(map(str, names)))

    def values(self) -> dict[str, tuple[Value, ...]]:
        """Return the values of every per-trial value that is not idle, by name, sorted as in `Trial`.

        The first of each is the one that a search starts with.
        """
        values = {
            name: tuple(map(entry.kind, getattr(self, name))) for name, entry in PER_TRIAL.items()
        }
        values["encoding"] = self.encodings
        return {
            name: values[name] for name in sorted(values) if values[name] != PER_TRIAL[name].idle
        }


PER_TRIAL: Mapping[str, PerTrial] = declared(NuisanceConfig)
"""Every per-trial value by name: the one registry."""


@dataclass
class SpaceConfig:
    """The space of architectures, shared by every search."""

    layers_min: int = within(NOT_NEGATIVE, 0)
    """Fewest hidden layers (blocks for a CNN); 0 = the linear model."""
    layers_max: int = within(NOT_NEGATIVE, 4)
    """Most hidden layers."""
    units_min: int = within(COUNT, 8)
    """Fewest units (filters) of a layer."""
    units_max: int = within(COUNT, 512)
    """Most units (filters) of a layer."""
    units: list[int] = within(COUNT, [])
    """Units that grid, random, Bayesian and Hyperband choose from, whatever the limits; empty: powers
    of two within them."""
    architectures: list[list[int]] = within(COUNT, [])
    """Explicit networks, one list of widths each ([50, 32]); empty: layers x units. For grid and random."""
    head_units: int = within(NOT_NEGATIVE, 64)
    """Units of the dense layer behind a CNN's blocks; 0 = none."""


@dataclass
class SearchConfig:
    """What every search has in common."""

    kind: SearchKind = MISSING
    """Who proposes trials."""
    space: SpaceConfig = field(default_factory=SpaceConfig)
    """Architectures."""
    learning_rate: LearningRateConfig = field(default_factory=LearningRateConfig)
    """Learning rates."""
    nuisance: NuisanceConfig = field(default_factory=NuisanceConfig)
    """Dropout, weight decay, batch size, encoding, optimizer, activation, batch normalization."""
    max_parameters: int | None = within(COUNT, None)
    """The largest network that may be proposed, trainable parameters; null: no limit."""
    prefer: Prefer = Prefer.smallest
    """smallest within one standard error of the best; best score; knee of the loss-against-size front."""


@dataclass
class CapacityConfig(SearchConfig):
    """Grow while it pays, then shrink."""

    kind: SearchKind = SearchKind.capacity
    """This search."""
    start_layers: int = within(NOT_NEGATIVE, 1)
    """Hidden layers of the first network; moved inside the space."""
    start_units: int = within(COUNT, 32)
    """Units of the first network; moved inside the space."""
    include_linear: bool = True
    """Also try no hidden layer first: a table may need no network."""
    growth: float = within(ABOVE_ONE, 2.0)
    """Units are multiplied by this when growing wider."""
    shrink: float = within(BETWEEN_0_AND_1, 0.8)
    """Units are multiplied by this when shrinking: 250 -> 200."""
    patience: int = within(NOT_NEGATIVE, 1)
    """Capacities to look beyond one that did not improve: a bump is not the end (double descent)."""
    doubt: int = within(NOT_NEGATIVE, 1)
    """Capacities to look further still, beyond those that noise cannot tell from the best: where
    one step is lost in the noise, several together may not be. Not without patience."""
    noise: float = within(NOT_NEGATIVE, 1.0)
    """A gain counts when it exceeds this many standard errors of the paired difference."""
    min_gain: float = within(NOT_NEGATIVE, 0.001)
    """A gain below this share of what the best constant prediction loses does not justify a larger
    network."""
    one_se: float = within(NOT_NEGATIVE, 1.0)
    """The smallest capacity within this many standard errors of the best is chosen."""
    close: float = within(NOT_NEGATIVE, 2.0)
    """A difference within this many standard errors is close and buys more executions."""
    first_executions: int = within(COUNT, 2)
    """Executions with which rates and capacities are first compared; at most training.executions,
    which the first round and what may be chosen get. Not with data.folds."""
    grow_executions: int = within(COUNT, 5)
    """Most executions of a trial that a close call buys while growing and shrinking: more are for
    the finalists."""
    max_executions: int = within(COUNT, 19)
    """Most executions of a trial that the last rounds buy for the finalists, >= training.executions."""
    seed_share: float = within(SHARE, 0.25)
    """More executions are bought only where seeds make at least this share of the squared standard
    error: the rest is doubt about the validation rows, which no execution removes."""
    finalists: int = within(TWO_OR_MORE, 5)
    """Most rivals of the best, other rates of a capacity included, that the last rounds give more
    executions: fresh seeds tell the best from the luckiest."""
    refine: bool = True
    """Try the finalists at the rate where a parabola through each bracket has its minimum, when
    that promises a gain beyond `min_gain`: rungs half a decade apart may lie on either side of it."""
    recentre: int = within(NOT_NEGATIVE, 2)
    """How often a bracket may be re-centred when its best rate lies on its edge."""
    drop_after: int = within(NOT_NEGATIVE, 8)
    """Epochs after which a learning rate that is clearly behind is dropped inside the round; 0 = never."""
    drop_margin: float = within(POSITIVE, 2.0)
    """Standard errors over seeds by which it must be behind."""
    drop_kept: float = within(SHARE, 0.5)
    """It is kept where its gap has shrunk to this share since half of those epochs: it is
    catching up, and a small rate starts slowly."""
    max_rounds: int = within(COUNT, 100)
    """Most rounds: a fuse, not a tuning knob."""


@dataclass
class OtherSearchConfig(SearchConfig):
    """KerasTuner's own oracles, which propose a round of trials at a time."""

    kind: SearchKind = MISSING
    """grid, random, bayesian or hyperband."""
    trials: int = within(COUNT, 30)
    """Most trials (grid: all of the grid when larger)."""
    round: int = within(COUNT, 10)
    """Trials proposed at a time; a Bayesian search learns only between rounds."""
    factor: int = within(TWO_OR_MORE, 3)
    """Hyperband: reduction of trials from rung to rung."""
