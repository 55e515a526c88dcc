"""The typed schema of every configuration group: unit, range and why this default, under each field.

Enum members are written in YAML and on the command line by name. Optional means null, never -1.
"""

from __future__ import annotations

from dataclasses import dataclass

from omegaconf import MISSING

from pipeline.config.choices import (
    ChampionKind,
    ChampionRows,
    ClassWeight,
    ComputeKind,
    EngineKind,
    SaveModels,
    WidthShape,
)
from pipeline.config.fields import COUNT, NOT_NEGATIVE, POSITIVE, SEED, SHARE_BELOW_1, Range, within
from pipeline.config.schema_data import DataConfig
from pipeline.config.schema_search import SearchConfig


@dataclass
class ModelConfig:
    """The family whose capacity is searched."""

    family: str = "mlp"
    """mlp, tabm (k networks in one), cnn, or builder (the user's own function)."""
    members: int = within(Range(2, 32), 8)
    """tabm: networks that share the hidden layers; the published default is 32, and 16 to 24
    are nearly as good (arXiv 2410.24210); the time of a fit is proportional."""
    builder: str | None = None
    """package.module:function(capacity, trial, inputs, outputs) -> keras.Model; code of the user's own."""
    activation: str = "relu"
    """A Keras activation by name; ReLU needs no mask when widths are padded in a stack."""
    batch_normalization: bool = False
    """BatchNormalization after each hidden layer."""
    shape: WidthShape = WidthShape.constant
    """constant, or taper: each layer has half the units of the one before."""
    augment: bool = False
    """Light shifts in training (images only)."""


@dataclass
class TrainingConfig:
    """Fixed over the search, except where search.nuisance says otherwise."""

    engine: EngineKind = EngineKind.stacked
    """stacked: a round as one compiled program; fit: plain model.fit, the reference."""
    epochs: int = within(COUNT, 100)
    """Most epochs of a fit; one value for all trials, early stopping ends most sooner."""
    patience: int = within(COUNT, 8)
    """Epochs without improvement of the objective before a fit stops, below epochs (1 where
    epochs is 1)."""
    min_delta: float = within(NOT_NEGATIVE, 0.0)
    """Smallest improvement that counts, in units of the objective."""
    batch_size: int | None = within(COUNT, None)
    """Rows of a step; null follows the number of training rows: 32 up to 8,000, then doubling with
    every fourfold table up to 256."""
    optimizer: str = "adam"
    """Any Keras optimizer by name."""
    momentum: float = within(SHARE_BELOW_1, 0.0)
    """For SGD and RMSprop."""
    executions: int = within(COUNT, 3)
    """Seeded fits of every trial; with k-fold the folds."""
    class_weight: ClassWeight = ClassWeight.none
    """balanced: weight of a class in the training loss inversely to its frequency."""
    memory_share: float = within(Range(0, 1, low_open=True), 0.5)
    """Share of free memory that running stacks may use."""
    mixed_precision: bool = False
    """bfloat16 arithmetic, weights in float32; checked against float32 before the first round."""


@dataclass
class BudgetConfig:
    """Hard limits, kept to within 5 % or 5 s. Outside the fingerprint: a resumed sweep may have more."""

    seconds: float | None = within(POSITIVE, None)
    """Wall time from process start to exit, added up over resumes."""
    fits: int | None = within(COUNT, None)
    """Most fits."""
    cost: float | None = within(POSITIVE, None)
    """Money; needs cost_per_hour."""
    cost_per_hour: float | None = within(POSITIVE, None)
    """Price of this machine, in the same currency."""


@dataclass
class ComputeConfig:
    """Where stacks are trained. Outside the fingerprint."""

    kind: ComputeKind = ComputeKind.local
    """This machine, or a Ray cluster."""
    address: str | None = None
    """Ray: null starts a cluster on this machine, auto joins the running one, ray://host:port."""
    workers: int | None = within(COUNT, None)
    """Stacks at once; null: one a core; with Ray as many as the cluster has cores, or GPUs."""
    stack_seconds: float = within(POSITIVE, 3600.0)
    """With Ray: longest a stack may take before its worker counts as hung; `local` has no limit."""


@dataclass
class TrackingConfig:
    """MLflow. Outside the fingerprint."""

    uri: str | None = None
    """Tracking URI; null: sqlite and artefacts under mlruns/ in the working directory."""
    experiment: str | None = None
    """MLflow experiment; null: the name of the data."""
    save_models: SaveModels = SaveModels.all
    """Which fits leave a model: all, the best fit of each trial, or the champion alone."""
    retry_seconds: float = within(NOT_NEGATIVE, 120.0)
    """How long a sweep waits for a store that went away before it stops, resumable."""


@dataclass
class RegistryConfig:
    """The model registry. Outside the fingerprint."""

    name: str | None = None
    """Registered model; null: nothing is registered."""
    margin: float = within(NOT_NEGATIVE, 0.0)
    """Share of the incumbent's test loss by which the challenger must be better."""
    replace_broken: bool = False
    """Promote uncompared where the incumbent no longer loads or predicts; false: refuse."""
    dry_run: bool = False
    """Only say what would be done."""


@dataclass
class NotifyConfig:
    """A message at the end. Outside the fingerprint."""

    url: str | None = None
    """Webhook that receives one JSON POST when the sweep ends or fails; not when it is interrupted, or
    when its arguments or its file are refused at once."""


@dataclass
class SweepConfig:
    """The configuration of one sweep."""

    data: DataConfig = MISSING
    """The table and how its rows are split."""
    model: ModelConfig = MISSING
    """The family whose capacity is searched."""
    search: SearchConfig = MISSING
    """How trials are proposed."""
    training: TrainingConfig = MISSING
    """How every fit is trained."""
    budget: BudgetConfig = MISSING
    """Hard limits."""
    compute: ComputeConfig = MISSING
    """Where stacks are trained."""
    tracking: TrackingConfig = MISSING
    """The MLflow store."""
    registry: RegistryConfig = MISSING
    """The model registry."""
    notify: NotifyConfig = MISSING
    """A message at the end."""
    objective: str = "val_loss"
    """A logged metric; any other than a loss states its direction: val_auc:max."""
    champion: ChampionKind = ChampionKind.single
    """single: the median execution of the chosen trial; ensemble: the average of all its executions;
    greedy: the average of those fits of the whole sweep that bagged forward selection picks most often
    (Caruana 2004)."""
    champion_size: int = within(Range(1, 64), 8)
    """greedy: most networks in the average; its latency grows with it, its gain hardly beyond sixteen."""
    champion_rows: ChampionRows = ChampionRows.train
    """What the champion is trained on after the choice. train: the training rows; refit: once more, on all
    rows that are not test rows, for as many epochs as were best; folds: the average of networks that were
    each stopped on a fold of their own. Not with data.folds; with data.time folds is refit."""
    resume: str = "no"
    """no, auto, or the id of an interrupted sweep."""
    seed: int = within(SEED, 0)
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
    "champion_size",
    "champion_rows",
    "data.path",
    "data.test_path",
)
"""Keys (with all below them) that do not change what a fit is: a sweep may be resumed with others.

Where a file lies is not what it holds: the data's own hash stands for its content."""
