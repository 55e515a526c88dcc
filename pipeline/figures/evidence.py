"""The search's own statistics, on the fits that the ledger holds: one definition of every error."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from pipeline.core.records import Capacity, Fit, Objective, Outcome, Scored, Trial
from pipeline.figures.tables import rows
from pipeline.search.decide import Evidence

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.ledger.read import SweepRecord

COLUMNS = [
    "run_id",
    "trial",
    "capacity",
    "learning_rate",
    "parameters",
    "execution",
    "epochs",
    "score",
]


def evidence(record: SweepRecord, scored: pd.DataFrame, metric: Objective) -> dict[str, Evidence]:
    """Return the usable executions of each trial.

    Args:
        record: The sweep; its row losses count where the objective is their mean.
        scored: Its usable fits with their `score`.
        metric: What trials are compared by.
    """
    losses = record.row_losses if metric.metric == "val_loss" else {}
    results: dict[str, dict[int, Scored]] = defaultdict(dict)
    for fit in rows(scored[COLUMNS]):  # one pass: row by row within groups is slow in pandas
        capacity = Capacity(str(fit.capacity), ())
        trial = Trial(capacity, float(fit.learning_rate), int(fit.parameters))
        results[str(fit.trial)][int(fit.execution)] = Scored(
            Fit(trial, int(fit.execution), seed=0, epochs=int(fit.epochs)),
            Outcome.completed,
            metric.as_loss(float(fit.score)),
            losses.get(fit.run_id),
            units=record.units.get(fit.run_id),
        )
    return {
        name: Evidence(next(iter(found.values())).fit.trial, found)
        for name, found in results.items()
    }
