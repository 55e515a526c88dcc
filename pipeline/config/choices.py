"""What may be said where only a few words are allowed: one enum each, written by name."""

from __future__ import annotations

from enum import StrEnum


class Task(StrEnum):
    """What is predicted; `auto` follows the rule stated in pipeline/data/target.py."""

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


DEFAULT_BINS = 16
"""Intervals of `piecewise` where no other number is given."""


def encoding_name(encoding: str, bins: int) -> str:
    """Return the name of an encoding with so many intervals."""
    return str(encoding) if bins == DEFAULT_BINS else f"{encoding}-{bins}"


def encoding_parts(name: str) -> tuple[str, int]:
    """Return the encoding of a name, and its intervals: of `piecewise-48`, piecewise and 48."""
    encoding, _, bins = name.partition("-")
    return encoding, int(bins or DEFAULT_BINS)


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
    greedy = "greedy"
