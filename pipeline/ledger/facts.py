"""What a sweep is, fixed from its start: what the runner tells the ledger once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipeline.config.choices import SaveModels
from pipeline.core.records import Objective


@dataclass(frozen=True, eq=False)
class ValidationRows:
    """What there is to know of the validation rows besides their losses."""

    clusters: np.ndarray | None = None
    """(rows,), equal where rows belong together; None: every row is on its own."""
    weights: np.ndarray | None = None
    """(rows,), mean 1, which the losses contain; None: all are 1."""


@dataclass(frozen=True)
class SweepFacts:
    """Configuration, data and place of one sweep, as plain values without secrets."""

    name: str
    """Of the data set: names the parent run."""
    config: Mapping[str, str]
    """The resolved configuration, flattened to dotted keys."""
    fingerprint: str
    """Hash of the part of the configuration that makes a fit what it is."""
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
    """What became of every column, as `summary.json` has it (`data.columns.recorded`)."""
    objective: Objective = field(default_factory=Objective)
    """What trials are compared by."""
    target_scales: tuple[float, ...] = (1.0,)
    """Regression: what the target was divided by, one a fold of the search; RMSE in its own unit needs it."""
    source: str = ""
    """Where the table came from: a path or name, for people."""
    command: tuple[str, ...] = ()
    """The words of the command line that started the sweep."""
    headline: Mapping[str, str] = field(default_factory=dict)
    """At most 20 settings worth a column of the parent in the runs table."""
    save_models: SaveModels = SaveModels.all
    """Which fits leave a model."""
    seed: int = 0
    """The sweep's seed; also draws the sample of rows whose losses are kept."""
    validation: ValidationRows = field(default_factory=ValidationRows)
    """Of the one fold; with k-fold nothing depends on it."""
