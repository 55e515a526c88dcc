"""What the tests of predictions share: a real family on a small table, its times, and a search."""

from __future__ import annotations

import functools
import math
from dataclasses import replace
from typing import TYPE_CHECKING

from pipeline.config.compose import compose
from pipeline.config.schema import ModelConfig
from pipeline.config.schema_search import CapacityConfig
from pipeline.core.records import Fit, Trial
from pipeline.forecast.history import Rates
from pipeline.forecast.stacktime import StackTime
from pipeline.forecast.timemodel import TableSizes, TimeModel
from pipeline.search import executions_of
from pipeline.search.capacity import CapacitySearch
from pipeline.training.cost import Workload
from pipeline.training.families import family as family_of
from pipeline.training.families.mlp import of_widths
from pipeline.training.planner import Limits
from pipeline.training.settings import Settings
from tests.search.toy import Noisy

if TYPE_CHECKING:
    from pipeline.config.schema import SweepConfig
    from pipeline.core.family import Family

INPUTS, EPOCHS = 10, 100
ROOMY = Limits(1 << 34, 2)
TABLE = TableSizes(
    rows=1000, train=680, validation=170, columns=11, inputs=INPUTS, folds=1, outputs=1
)  # fmt: skip


def mlp(rules: CapacityConfig | None = None) -> Family:
    """Return MLPs on a table of ten inputs and one output."""
    shapes = {"standard": (INPUTS,)}
    return family_of(ModelConfig(), rules or CapacityConfig(), shapes, 1, True)


def stack_time(rows: int = 680, cores: int = 2, pace: float = 1.0) -> StackTime:
    """Return the times of stacks of those networks."""
    workload = Workload(mlp(), Settings(drop_after=8), rows, max(2, rows // 4))
    return StackTime(workload, pace, cores)


@functools.cache
def configured(*words: str) -> SweepConfig:
    """Return the configuration of a sweep of plain MLPs with these words."""
    return compose(["experiment=plain", *words])


def times(rates: Rates | None = None, rows: int = 680, *words: str) -> TimeModel:
    """Return what the seconds of a sweep with these words depend on."""
    rates, config = rates or Rates(), configured(*words)
    table = replace(TABLE, rows=3 * rows // 2, train=rows, validation=max(2, rows // 4))
    return TimeModel(config, table, "here", rates, stack_time(rows, pace=rates.pace), ROOMY)


def capacity_search(sweep: TimeModel | None = None) -> CapacitySearch:
    """Return the capacity search of a sweep."""
    sweep = sweep or times()
    assert isinstance(sweep.config.search, CapacityConfig)
    return CapacitySearch(sweep.config.search, mlp(), executions_of(sweep.config))


def fit(*widths: int, rate: float = 0.003, execution: int = 0, epochs: int = EPOCHS) -> Fit:
    """Return one fit of a network."""
    capacity = of_widths(*widths)
    return Fit(Trial(capacity, rate, mlp().parameters(capacity)), execution, execution, epochs)


def bowl(best: float = 10.0) -> Noisy:
    """Return scores with an optimum at so many doublings of parameters, and some noise."""

    def surface(trial: Trial) -> float:
        size = math.log2(max(trial.parameters, 1))
        off = math.log10(trial.learning_rate / 0.003)
        return 1.0 + 0.02 * (size - best) ** 2 + 0.1 * off * off

    return Noisy(surface, seed_noise=0.01, row_noise=0.1, rows=40)
