"""Two sweeps on the same test rows: how far their champions are apart, row by row."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pipeline.core import language
from pipeline.core.statistics import paired
from pipeline.evaluation.paired import row_values
from pipeline.figures.tables import named
from pipeline.figures.trials import champion_entry

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.ledger.read import SweepRecord

PROBABILITY = "probability_"
NOT_KEPT = ("data.weight", "data.group", "data.time")
UNSET = frozenset({"None", "null", ""})
"""How a setting without a value is kept."""


class Apart(NamedTuple):
    """By how much one champion is worse than another."""

    gap: float
    se: float
    rows: int
    """Shared test rows; 0: the two were not compared row by row, and `se` is of two separate scores."""


def apart(one: SweepRecord, other: SweepRecord, key: str) -> Apart:
    """Return by how much the second champion is worse.

    Args:
        one: A sweep with a champion.
        other: Another.
        key: The score that is compared, in their champions' entries: `test_loss` or `val_loss`.
    """
    entries = [champion_entry(record) for record in (one, other)]
    scores = [language.finite(entry.get(key)) or 0.0 for entry in entries]
    table = _shared(one, other) if key == "test_loss" else None
    if table is None:
        errors = [language.finite(entry.get(f"{key}_se")) or 0.0 for entry in entries]
        return Apart(scores[1] - scores[0], math.hypot(*errors), 0)
    losses = [_losses(table, side) for side in ("_one", "_other")]
    found = paired(losses[1], losses[0])
    mean = float(losses[0].mean())  # of regressions in the target's unit squared
    scale = scores[0] / mean if mean > 0 and not named(table, PROBABILITY) else 1.0
    return Apart(found.mean * scale, found.se * scale, len(table))


def _shared(one: SweepRecord, other: SweepRecord) -> pd.DataFrame | None:
    """Return both champions' predictions of the test rows that both have; None where they differ.

    Weights and groups of rows are not kept with predictions: such sweeps are not compared row by row.
    """
    tables = [record.predictions for record in (one, other)]
    if str(one.digest) != str(other.digest):
        return None
    settings = [record.config.get(key, "None") for record in (one, other) for key in NOT_KEPT]
    if any(setting not in UNSET for setting in settings):
        return None
    if any(table is None or table.empty or set(table["part"]) != {"test"} for table in tables):
        return None
    left, right = (table.drop(columns=["image"], errors="ignore") for table in tables)  # type: ignore[union-attr]
    if named(left, PROBABILITY) != named(right, PROBABILITY):
        return None
    found = left.merge(right, on="row", suffixes=("_one", "_other"))
    return found if len(found) == len(left) == len(right) > 1 else None


def _losses(table: pd.DataFrame, side: str) -> np.ndarray:
    columns = [name for name in named(table, PROBABILITY) if name.endswith(side)]
    if not columns:
        truth, predicted = (table[[f"{name}{side}"]].to_numpy() for name in ("truth", "prediction"))
        return row_values("val_loss", truth, predicted, None, regression=True)
    classes = [name.removeprefix(PROBABILITY).removesuffix(side) for name in columns]
    said = table[f"truth{side}"].astype(str).to_numpy()
    truth = (said[:, None] == np.array(classes)).astype(np.float64)
    return row_values("val_loss", truth, table[columns].to_numpy(), None, regression=False)
