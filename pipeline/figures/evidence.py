"""The search's own statistics, on the fits that the ledger holds: one definition of every error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.figures.tables import groups, rows
from pipeline.records import Capacity, Fit, Objective, Outcome, Scored, Trial
from pipeline.search.decide import Difference, Evidence, difference, standard_error

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.tracking.read import SweepRecord


def evidence(record: SweepRecord, scored: pd.DataFrame, metric: Objective) -> dict[str, Evidence]:
    """Return the usable executions of each trial.

    Args:
        record: The sweep; its row losses count where the objective is their mean.
        scored: Its usable fits with their `score`.
        metric: What trials are compared by.
    """
    losses = record.row_losses if metric.metric == "val_loss" else {}
    found = {}
    for name, fits in groups(scored, "trial"):
        first = next(rows(fits))
        capacity = Capacity(str(first.capacity), ())
        trial = Trial(capacity, float(first.learning_rate), int(first.parameters))
        results = {
            int(fit.execution): Scored(
                Fit(trial, int(fit.execution), seed=0, epochs=int(fit.epochs)),
                Outcome.completed,
                metric.as_loss(float(fit.score)),
                losses.get(fit.run_id),
            )
            for fit in rows(fits)
        }
        found[str(name)] = Evidence(trial, results)
    return found


def own_error(found: Evidence, *, folds: bool) -> float:
    """Return the standard error of a trial's own score, over seeds and validation rows."""
    return standard_error(found, folds=folds)


def behind(found: Evidence, best: Evidence, *, folds: bool) -> Difference:
    """Return how far a trial lies behind the best, paired by seed and validation row."""
    return difference(found, best, folds=folds)
