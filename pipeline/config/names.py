"""Names that Keras, MLflow and training know, kept here so that a typo is found without importing them."""

from __future__ import annotations

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
