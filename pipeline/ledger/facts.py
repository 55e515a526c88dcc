"""Facts about a sweep that are fixed from its start, handed to the ledger once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipeline.config.choices import SaveModels
from pipeline.core.records import Objective


@dataclass(frozen=True, eq=False)
class ValidationRows:
    """Clusters and weights of the validation rows."""

    clusters: np.ndarray | None = None
    """(rows,), equal within a cluster; None: rows are independent."""
    weights: np.ndarray | None = None
    """(rows,), mean 1; the losses are multiplied by them. None: all are 1."""


@dataclass(frozen=True)
class SweepFacts:
    """Configuration, data and place of one sweep, as plain values without secrets."""

    name: str
    """Name of the data set, and of the parent run."""
    config: Mapping[str, str]
    """The resolved configuration, flattened to dotted keys."""
    fingerprint: str
    """Hash of the part of the configuration that a fit depends on."""
    digest: str
    """Hash of the table's content, order and split."""
    target: str
    """The column that is predicted."""
    task: str
    """regression or classification."""
    rows: Mapping[str, int]
    """Rows of each part: train, validation, test."""
    columns: Mapping[str, str]
    """Feature columns that are used, with their kind."""
    table: Sequence[Mapping[str, Any]] = ()
    """Facts about every column, as in `summary.json` (`data.columns.recorded`)."""
    objective: Objective = field(default_factory=Objective)
    """What trials are compared by."""
    target_scales: tuple[float, ...] = (1.0,)
    """Regression: divisor of the target for each fold of the search, to convert the RMSE to its unit."""
    source: str = ""
    """Path or name of the table, for people."""
    command: tuple[str, ...] = ()
    """The arguments of the command line that started the sweep."""
    headline: Mapping[str, str] = field(default_factory=dict)
    """At most 20 settings that become parameters of the parent run."""
    save_models: SaveModels = SaveModels.all
    """Which fits leave a model."""
    seed: int = 0
    """The sweep's seed; also draws the sample of rows whose losses are kept."""
    validation: ValidationRows = field(default_factory=ValidationRows)
    """Of a single split; not used with k-fold."""
