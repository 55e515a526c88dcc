"""How a round of a sweep becomes stacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.compute.limits import limits
from pipeline.training.planner import Workload, plan_stacks
from pipeline.training.settings import Settings

if TYPE_CHECKING:
    from pipeline.core.records import Round, StackPlan
    from pipeline.session.sweep import Sweep


def plan_round(sweep: Sweep, asked: Round) -> StackPlan:
    """Pack a whole round into stacks, whatever of it is already done."""
    folds = sweep.dataset.split.folds
    rows, val_rows = (max(len(part) for part in side) for side in zip(*folds, strict=True))
    training = sweep.config.training
    settings = Settings.from_config(sweep.config, sweep.objective)
    workload = Workload(sweep.family, settings, rows, val_rows, training.engine)
    return plan_stacks(asked.fits, workload, limits(training, sweep.config.compute))
