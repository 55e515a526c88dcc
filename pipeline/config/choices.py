"""Values of keys with a fixed set of values: one enum each, written by name.

Names defined by Keras, MLflow and training are listed so that a typo is found without importing them.
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
"""The search that proposes trials."""
Prefer = StrEnum("Prefer", "smallest best knee")
"""Which point of the loss-against-size front becomes the champion."""
WidthShape = StrEnum("WidthShape", "constant taper")
"""How width changes from layer to layer."""
EngineKind = StrEnum("EngineKind", "stacked fit")
"""The engine that trains a round."""
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
"""Default number of intervals."""
EMBEDDED = 8
"""Length of the embedding of a number; a number with at most as many intervals is not embedded."""


def encoding_name(encoding: str, bins: int) -> str:
    """Return the name of an encoding with `bins` intervals: `piecewise-48`."""
    return str(encoding) if bins == DEFAULT_BINS else f"{encoding}-{bins}"


def encoding_parts(name: str) -> tuple[str, int]:
    """Return encoding and number of intervals of a name: `piecewise-48` gives piecewise and 48."""
    encoding, _, bins = name.partition("-")
    return encoding, int(bins or DEFAULT_BINS)


OPTIMIZERS = frozenset({
    "adadelta", "adafactor", "adagrad", "adam", "adamax", "adamw", "ftrl", "lamb", "lion", "muon",
    "nadam", "rmsprop", "schedulefreeadamw", "sgd",
})  # fmt: skip
"""Names that `keras.optimizers.get` accepts, in lower case; a test compares them with the installed Keras."""

USE_MOMENTUM = frozenset({"rmsprop", "sgd"})
"""Optimizers with an argument `momentum`."""

ACTIVATIONS = frozenset({
    "celu", "elu", "exponential", "gelu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_swish",
    "hard_tanh", "leaky_relu", "linear", "log_sigmoid", "mish", "relu", "relu6", "selu", "sigmoid",
    "silu", "soft_shrink", "softplus", "softsign", "sparse_plus", "sparse_sigmoid", "squareplus",
    "swish", "tanh", "tanh_shrink", "threshold",
})  # fmt: skip
"""Names that `keras.activations.get` accepts and that suit a hidden layer: softmax and the like mix the
units of a layer, glu halves their number."""

DATA_KINDS = ("table", "pixels", "images")
"""Values of `data.kind`."""

REGRESSION_METRICS = {"val_loss": "min", "val_mae": "min", "val_rmse": "min"}
CLASSIFICATION_METRICS = {"val_loss": "min", "val_accuracy": "max", "val_auc": "max"}
"""Metrics of the validation rows that training logs (pipeline/training/metrics.py), with their direction."""

STORE_SCHEMES = frozenset({"sqlite", "postgresql", "mysql", "mssql", "http", "https", "databricks"})
"""URI schemes of MLflow stores that a sweep can write to; MLflow's file store is not supported any more."""
