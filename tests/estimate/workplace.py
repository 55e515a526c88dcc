"""What the tests of predictions share: a real family on a small table, its times, and a search."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.config.schema import ModelConfig
from pipeline.config.schema_search import CapacityConfig
from pipeline.core.records import Fit, Scored, Trial
from pipeline.forecast.calibration import Calibration
from pipeline.forecast.forecast import Table
from pipeline.forecast.stacktime import StackTime
from pipeline.search.capacity import CapacitySearch
from pipeline.search.executions import Executions
from pipeline.training.families import family as family_of
from pipeline.training.families.mlp import of_widths
from pipeline.training.planner import Limits, Workload
from pipeline.training.settings import Settings
from tests.search.toy import Noisy

if TYPE_CHECKING:
    from pipeline.core.family import Family

INPUTS, EPOCHS = 10, 60
ROOMY = Limits(1 << 34, 2)
TABLE = Table(rows=1000, train=680, values=11_000, inputs=INPUTS)


def mlp(rules: CapacityConfig | None = None) -> Family:
    """Return MLPs on a table of ten inputs and one output."""
    shapes = {"standard": (INPUTS,)}
    return family_of(ModelConfig(), rules or CapacityConfig(), shapes, 1, True)


def capacity_search(rules: CapacityConfig | None = None) -> CapacitySearch:
    """Return the default capacity search over those."""
    rules = rules or CapacityConfig()
    return CapacitySearch(rules, mlp(rules), Executions(0, EPOCHS, 3, rules.max_executions))


def stack_time(
    calibration: Calibration | None = None, rows: int = 680, cores: int = 2, **settings: object
) -> StackTime:
    """Return the times of stacks of those networks."""
    given = Settings(**{"drop_after": 8, **settings})  # type: ignore[arg-type]
    workload = Workload(mlp(), given, rows, max(2, rows // 4))
    return StackTime(workload, calibration or Calibration(), cores)


def fit(*widths: int, rate: float = 0.003, execution: int = 0, epochs: int = EPOCHS) -> Fit:
    """Return one fit of a network."""
    capacity = of_widths(*widths)
    return Fit(Trial(capacity, rate, mlp().parameters(capacity)), execution, execution, epochs)


def bowl(best: float = 10.0) -> Noisy:
    """Return scores with an optimum at so many doublings of parameters, and some noise."""
    import math

    def surface(trial: Trial) -> float:
        size = math.log2(max(trial.parameters, 1))
        off = math.log10(trial.learning_rate / 0.003)
        return 1.0 + 0.02 * (size - best) ** 2 + 0.1 * off * off

    return Noisy(surface, seed_noise=0.01, row_noise=0.1, rows=40)


def answers(scores: Noisy, asked: object) -> list[Scored]:
    """Return the scores of all fits of a round."""
    return [scores(one) for one in asked.fits]  # type: ignore[attr-defined]
