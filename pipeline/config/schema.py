"""The typed schema of every configuration group: unit, range and why this default, under each field.

Enum members are written in YAML and on the command line by name. Optional means null, never -1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from omegaconf import MISSING


class Task(StrEnum):
    """What is predicted; `auto` follows the rule stated in pipeline/data/load.py."""

    auto = "auto"
    regression = "regression"
    classification = "classification"


class SplitKind(StrEnum):
    """How rows are assigned to train, validation and test."""

    random = "random"
    hash = "hash"
    last = "last"


class MissingTarget(StrEnum):
    """What to do with rows whose target is missing."""

    error = "error"
    drop = "drop"


class Encoding(StrEnum):
    """How numbers are encoded for the network."""

    standard = "standard"
    robust = "robust"
    quantile = "quantile"
    piecewise = "piecewise"


class SearchKind(StrEnum):
    """Who proposes trials."""

    capacity = "capacity"
    grid = "grid"
    random = "random"
    bayesian = "bayesian"
    hyperband = "hyperband"


class Prefer(StrEnum):
    """Which point of the loss-against-size front becomes the champion."""

    smallest = "smallest"
    best = "best"
    knee = "knee"


class Shape(StrEnum):
    """How width changes from layer to layer."""

    constant = "constant"
    taper = "taper"


class EngineKind(StrEnum):
    """Who trains a round."""

    stacked = "stacked"
    fit = "fit"


class ClassWeight(StrEnum):
    """How classes are weighted in the training loss."""

    none = "none"
    balanced = "balanced"


class ComputeKind(StrEnum):
    """Where stacks are trained."""

    local = "local"
    ray = "ray"


class SaveModels(StrEnum):
    """Which fits leave a saved model."""

    all = "all"
    best = "best"
    champion = "champion"


class ChampionKind(StrEnum):
    """What is saved as the champion."""

    single = "single"
    ensemble = "ensemble"


@dataclass
class DataConfig:
    """The table and how its rows are split."""

    name: str = MISSING
    """Name of the data set: experiment, logs and report."""
    kind: str = "table"
    """`table` (CSV, Parquet), `pixels` (a table whose feature columns are one image) or `images` (folder)."""
    path: str | None = None
    """CSV (also .gz) or Parquet file, or a folder of images; `shipped:NAME` is the product's own copy.
    A bare name that is not in the working directory is looked up in the shipped data."""
    target: str | None = None
    """Column to predict."""
    task: Task = Task.auto
    """Regression or classification; auto follows the stated rule."""
    drop: list[str] = field(default_factory=list)
    """Columns never shown to a model."""
    group: str | None = None
    """Column whose equal values must stay on one side of every split."""
    time: str | None = None
    """Column by which rows are ordered: validation after training, test last."""
    id: str | None = None
    """Column that identifies a row for `split=hash`; null hashes the whole row."""
    weight: str | None = None
    """Column of sample weights (> 0); not a feature."""
    test_path: str | None = None
    """A separate file of test rows; then `test_fraction` is not taken from `path`."""
    test_fraction: float = 0.15
    """Share of rows kept untouched for the one test at the end, 0 to < 1 (0 = none)."""
    validation_fraction: float = 0.2
    """Share of the rows that are not test, in (0, 1)."""
    folds: int | None = None
    """k-fold over the rows that are not test, >= 2; folds are the executions. null: one split."""
    split: SplitKind = SplitKind.random
    """random is stratified for classes; hash never moves a row as the table grows; last is Keras' own."""
    missing_target: MissingTarget = MissingTarget.error
    """Rows without a target: stop, or leave them out."""
    scale_target: bool = True
    """Standardise a regression target; every loss is also given as RMSE in the target's own unit."""
    image_height: int | None = None
    """Pixels; for `pixels` and `images`."""
    image_width: int | None = None
    """Pixels; for `pixels` and `images`."""
    image_channels: int = 1
    """1 (grey) or 3 (colour)."""
    unreadable: float = 0.05
    """Largest share of image files that may be unreadable and skipped, 0 to 1."""


@dataclass
class ModelConfig:
    """The family whose capacity is searched."""

    family: str = "mlp"
    """mlp, cnn, or builder (the user's own function)."""
    builder: str | None = None
    """package.module:function(capacity, trial, inputs, outputs) -> keras.Model; code of the user's own."""
    activation: str = "relu"
    """A Keras activation by name; ReLU needs no mask when widths are padded in a stack."""
    batch_normalization: bool = False
    """BatchNormalization after each hidden layer."""
    shape: Shape = Shape.constant
    """constant, or taper: each layer has half the units of the one before."""
    augment: bool = False
    """Light shifts in training (images only)."""


@dataclass
class LearningRateConfig:
    """The learning rates of a trial's bracket: a list, or a log range with a number of points."""

    values: list[float] | None = None
    """Explicit rates, each > 0; null uses the range."""
    low: float = 1e-4
    """Smallest rate that may be tried, > 0 (also when a bracket is re-centred)."""
    high: float = 3e-2
    """Largest rate that may be tried, > low."""
    points: int = 3
    """Rates in a bracket, >= 1; 3 shows a minimum with one rate on either side."""
    start: float = 3e-3
    """Centre of the first bracket; Adam's usual optimum for small tables lies within a factor 3."""
    step: float = 3.1622776601683795
    """Ratio of neighbouring rates in a bracket, > 1; half a decade."""


@dataclass
class NuisanceConfig:
    """Further values tuned like the learning rate; one entry = fixed."""

    dropout: list[float] = field(default_factory=lambda: [0.0])
    """Dropout rates after each hidden layer, each in [0, 1)."""
    weight_decay: list[float] = field(default_factory=lambda: [0.0])
    """Decoupled weight decay, each >= 0."""
    batch_size: list[int] = field(default_factory=list)
    """Batch sizes; empty: `training.batch_size`."""
    encoding: list[Encoding] = field(default_factory=lambda: [Encoding.standard])
    """Encodings of numbers; chosen on validation loss like the rest, kept in the artefact."""


@dataclass
class SpaceConfig:
    """The space of architectures, shared by every search."""

    layers_min: int = 0
    """Fewest hidden layers (blocks for a CNN), >= 0; 0 = the linear model."""
    layers_max: int = 4
    """Most hidden layers."""
    units_min: int = 8
    """Fewest units (filters) of a layer, >= 1."""
    units_max: int = 512
    """Most units (filters) of a layer."""
    units: list[int] = field(default_factory=list)
    """Units that grid, random, Bayesian and Hyperband choose from; empty: powers of two in the range."""
    architectures: list[list[int]] = field(default_factory=list)
    """Explicit networks, one list of widths each ([50, 32]); empty: layers x units. For grid and random."""
    head_units: int = 64
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
    """Dropout, weight decay, batch size, encoding."""
    max_parameters: int | None = None
    """The largest network that may be proposed, trainable parameters; null: no limit."""
    prefer: Prefer = Prefer.smallest
    """smallest within one standard error of the best; best score; knee of the loss-against-size front."""


@dataclass
class CapacityConfig(SearchConfig):
    """Grow while it pays, then shrink."""

    kind: SearchKind = SearchKind.capacity
    """This search."""
    start_layers: int = 1
    """Hidden layers of the first network, within the space."""
    start_units: int = 32
    """Units of the first network, within the space."""
    include_linear: bool = True
    """Also try no hidden layer first: a table that needs no network is told so."""
    growth: float = 2.0
    """Units are multiplied by this when growing wider, > 1."""
    shrink: float = 0.8
    """Units are multiplied by this when shrinking, in (0, 1): 250 -> 200."""
    patience: int = 1
    """Capacities to look beyond one that did not improve, >= 0: a bump is not the end (double descent)."""
    noise: float = 1.0
    """A gain counts when it exceeds this many standard errors of the paired difference, >= 0."""
    min_gain: float = 0.001
    """A gain below this share of the best score does not justify a larger network, >= 0."""
    one_se: float = 1.0
    """The smallest capacity within this many standard errors of the best is chosen, >= 0."""
    close: float = 2.0
    """A difference within this many standard errors is close and buys more executions, >= 0."""
    max_executions: int = 9
    """Most executions of a trial that a close decision may buy, >= training.executions."""
    seed_share: float = 0.25
    """More executions are bought only where seeds make at least this share of the squared standard
    error, 0 to 1: the rest is doubt about the validation rows, which no execution removes."""
    finalists: int = 4
    """Most capacities that the last round gives `max_executions`, >= 2: fresh seeds tell the best
    from the luckiest."""
    refine: bool = True
    """Try the chosen capacity at the rate where a parabola through its bracket has its minimum, when
    that promises a gain beyond `min_gain`: rungs half a decade apart may lie on either side of it."""
    recentre: int = 2
    """How often a bracket may be re-centred when its best rate lies on its edge, >= 0."""
    drop_after: int = 8
    """Epochs after which a learning rate that is clearly behind is dropped inside the round; 0 = never."""
    drop_margin: float = 2.0
    """Standard errors over seeds by which it must be behind, > 0."""
    max_rounds: int = 40
    """Most rounds, >= 1: a fuse, not a tuning knob."""


@dataclass
class OtherSearchConfig(SearchConfig):
    """KerasTuner's own oracles, asked for a round of trials at a time."""

    kind: SearchKind = MISSING
    """grid, random, bayesian or hyperband."""
    trials: int = 30
    """Most trials, >= 1 (grid: all of the grid when larger)."""
    round: int = 10
    """Trials asked for at a time, >= 1; a Bayesian search learns only between rounds."""
    factor: int = 3
    """Hyperband: reduction of trials from rung to rung, >= 2."""


@dataclass
class TrainingConfig:
    """Fixed over the search, except where search.nuisance says otherwise."""

    engine: EngineKind = EngineKind.stacked
    """stacked: a round as one compiled program; fit: plain model.fit, the reference."""
    epochs: int = 100
    """Most epochs of a fit, >= 1; one value for all trials, early stopping ends most sooner."""
    patience: int = 8
    """Epochs without improvement of the objective before a fit stops, >= 1 and below epochs (1 where
    epochs is 1)."""
    min_delta: float = 0.0
    """Smallest improvement that counts, >= 0, in units of the objective."""
    batch_size: int | None = None
    """Rows of a step, >= 1; null follows the number of training rows: 32 up to 8,000 rows, then doubling with every fourfold table up to 256."""
    optimizer: str = "adam"
    """Any Keras optimizer by name."""
    momentum: float = 0.0
    """For SGD and RMSprop, in [0, 1)."""
    executions: int = 3
    """Seeded fits of every trial, >= 1; with k-fold the folds."""
    class_weight: ClassWeight = ClassWeight.none
    """balanced: weight of a class in the training loss inversely to its frequency."""
    memory_share: float = 0.5
    """Share of free memory that running stacks may use, in (0, 1]."""
    mixed_precision: bool = False
    """float16/bfloat16 arithmetic where the device has it; checked against float32."""


@dataclass
class BudgetConfig:
    """Hard limits, kept to within 5 % or 5 s. Outside the fingerprint: a resumed sweep may have more."""

    seconds: float | None = None
    """Wall time from process start to exit, added up over resumes, > 0."""
    fits: int | None = None
    """Most fits, >= 1."""
    cost: float | None = None
    """Money, > 0; needs cost_per_hour."""
    cost_per_hour: float | None = None
    """Price of this machine, > 0, in the same currency."""


@dataclass
class ComputeConfig:
    """Where stacks are trained. Outside the fingerprint."""

    kind: ComputeKind = ComputeKind.local
    """This machine, or a Ray cluster."""
    address: str | None = None
    """Ray: null starts a cluster on this machine, auto joins the running one, ray://host:port."""
    workers: int | None = None
    """Stacks at once; null: one a core, or one a GPU."""
    stack_seconds: float = 3600.0
    """Longest a stack may take before its worker counts as hung, > 0."""


@dataclass
class TrackingConfig:
    """MLflow. Outside the fingerprint."""

    uri: str | None = None
    """Tracking URI; null: sqlite and artefacts under mlruns/ in the working directory."""
    experiment: str | None = None
    """MLflow experiment; null: the name of the data."""
    save_models: SaveModels = SaveModels.all
    """Which fits leave a model: all, the best fit of each trial, or the champion alone."""
    retry_seconds: float = 120.0
    """How long a sweep waits for a store that went away before it stops, resumable, >= 0."""


@dataclass
class RegistryConfig:
    """The model registry. Outside the fingerprint."""

    name: str | None = None
    """Registered model; null: nothing is registered."""
    margin: float = 0.0
    """Share of the incumbent's test loss by which the challenger must be better, >= 0."""
    dry_run: bool = False
    """Only say what would be done."""


@dataclass
class NotifyConfig:
    """A message at the end. Outside the fingerprint."""

    url: str | None = None
    """Webhook that receives one JSON POST at the end or failure."""


@dataclass
class SweepConfig:
    """Everything that one sweep is told."""

    data: DataConfig = MISSING
    """The table."""
    model: ModelConfig = MISSING
    """The family."""
    search: SearchConfig = MISSING
    """The search."""
    training: TrainingConfig = MISSING
    """The fits."""
    budget: BudgetConfig = MISSING
    """The limits."""
    compute: ComputeConfig = MISSING
    """The machines."""
    tracking: TrackingConfig = MISSING
    """The store."""
    registry: RegistryConfig = MISSING
    """The registry."""
    notify: NotifyConfig = MISSING
    """The webhook."""
    objective: str = "val_loss"
    """A logged metric; any other than a loss states its direction: val_auc:max."""
    champion: ChampionKind = ChampionKind.single
    """The median execution of the chosen trial, or the average of all its executions."""
    resume: str = "no"
    """no, auto, or the id of an interrupted sweep."""
    seed: int = 0
    """0 is a seed like any other."""
    verbose: bool = True
    """Show progress; false prints only the end."""


OUTSIDE_FINGERPRINT = (
    "budget",
    "compute",
    "tracking",
    "registry",
    "notify",
    "resume",
    "verbose",
    "champion",
    "data.path",
    "data.test_path",
)
"""Keys (with all below them) that do not change what a fit is: a sweep may be resumed with others.

Where a file lies is not what it holds: the data's own hash stands for its content."""
