"""The metric that trials are compared by, read from `objective=`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.config.names import CLASSIFICATION_METRICS, REGRESSION_METRICS
from pipeline.config.problems import Problem, problem
from pipeline.config.schema import Task
from pipeline.config.suggest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pipeline.config.schema import SweepConfig
    from pipeline.core.records import Objective


def objective(config: SweepConfig) -> Objective:
    """Return the objective of a checked configuration."""
    from pipeline.core.records import Direction, Objective

    metric, _, direction = config.objective.partition(":")
    return Objective(metric, Direction(direction or "min"))


def objective_problems(config: SweepConfig) -> Iterator[Problem]:
    """Yield what is wrong with `objective`: the metric, the task, the direction."""
    metric, colon, direction = config.objective.partition(":")
    metrics = _metrics(config.data.task)
    if metric not in metrics:
        allowed = ", ".join(metrics)
        hint = did_you_mean(metric, metrics)
        yield problem(
            "objective", config.objective, f"must be a metric of this task, one of {allowed}{hint}"
        )
        return
    better = metrics[metric]
    if metric == "val_loss" and not colon:
        return
    if direction != better:
        yield problem("objective", config.objective, f"must state its direction: {metric}:{better}")


def _metrics(task: Task) -> Mapping[str, str]:
    if task is Task.regression:
        return REGRESSION_METRICS
    if task is Task.classification:
        return CLASSIFICATION_METRICS
    return REGRESSION_METRICS | CLASSIFICATION_METRICS
