"""Values of the keys that allow only a few: one enum each, written by name.

Names that Keras, MLflow and training know stand here so that a typo is found without importing them.
"""

from __future__ import annotations

from enum import StrEnum

Task = StrEnum("Task", "auto regression classification")
"""What is predicted; `auto` follows the rule stated in pipeline/data/target.py."""
SplitKind = StrEnum("SplitKind", "random hash last")
"""How rows are assigned to train, validation and test."""
MissingTarget = StrEnum("MissingTarget", "error drop")
"""What to do with rows whose target is missing."""
Encoding = StrEnum("Encoding", "standard robust quantile piecewise embedded")
"""How numbers are encoded for the network."""
SearchKind = StrEnum("SearchKind", "capacity grid random bayesian hyperband")
"""Who proposes trials."""
Prefer = StrEnum("Prefer", "smallest best knee")
"""Which point of the loss-against-size front becomes the champion."""
WidthShape = StrEnum("WidthShape", "constant taper")
"""How width changes from layer to layer."""
EngineKind = StrEnum("EngineKind", "stacked fit")
"""Who trains a round."""
ClassWeight = StrEnum("ClassWeight", "none balanced")
"""How classes are weighted in the training loss."""
ComputeKind = StrEnum("ComputeKind", "local ray")
"""Where stacks are trained."""
SaveModels = StrEnum("SaveModels", "all best champion")
"""Which fits leave a saved model."""
ChampionRows = StrEnum("ChampionRows", "train refit folds")
"""What the champion is trained on."""
ChampionKind = StrEnum("ChampionKind", "single ensemble greedy")
"""What is saved as the champion."""

IN_INTERVALS = frozenset({Encoding.piecewise, Encoding.embedded})
"""Encodings with a resolution: they divide numbers into intervals."""
DEFAULT_BINS = 16
"""Intervals where no other number is given."""
EMBEDDED = 8
"""Trainable numbers that stand for an embedded one; with no more intervals it is not embedded."""


def encoding_name(encoding: str, bins: int) -> str:
    """Return the name of an encoding with so many intervals."""
    return str(encoding) if bins == DEFAULT_BINS else f"{encoding}-{bins}"


def encoding_parts(name: str) -> tuple[str, int]:
    """Return the encoding of a name, and its intervals: of `piecewise-48`, piecewise and 48."""
    encoding, _, bins = name.partition("-")
    return encoding, int(bins or DEFAULT_BINS)


OPTIMIZERS = frozenset({
    "adadelta", "adafactor", "adagrad", "adam", "adamax", "adamw", "ftrl", "lamb", "lion", "muon",
    "nadam", "rmsprop", "schedulefreeadamw", "sgd",
})  # fmt: skip
"""What `keras.optimizers.get` takes, in lower case; a test compares it with the installed Keras."""

USE_MOMENTUM = frozenset({"rmsprop", "sgd"})
"""Optimizers with an argument `momentum`."""

ACTIVATIONS = frozenset({
    "celu", "elu", "exponential", "gelu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_swish",
    "hard_tanh", "leaky_relu", "linear", "log_sigmoid", "mish", "relu", "relu6", "selu", "sigmoid",
    "silu", "soft_shrink", "softplus", "softsign", "sparse_plus", "sparse_sigmoid", "squareplus",
    "swish", "tanh", "tanh_shrink", "threshold",
})  # fmt: skip
"""What `keras.activations.get` takes and what fits a hidden layer: softmax and the like mix the units
of a layer, glu halves their number."""

DATA_KINDS = ("table", "pixels", "images")
"""What `data.kind` may be."""

REGRESSION_METRICS = {"val_loss": "min", "val_mae": "min", "val_rmse": "min"}
CLASSIFICATION_METRICS = {"val_loss": "min", "val_accuracy": "max", "val_auc": "max"}
"""What training logs of the validation rows (pipeline/training/metrics.py), and which way is better."""

STORE_SCHEMES = frozenset({"sqlite", "postgresql", "mysql", "mssql", "http", "https", "databricks"})
"""MLflow stores that a sweep can write to; MLflow's file store is no longer one of them."""
