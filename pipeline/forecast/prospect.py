"""Everything that a plan says: the table, the forecast, and where a budget ends it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.compute.limits import limits
from pipeline.config import fingerprint, objective
from pipeline.config.choices import ComputeKind
from pipeline.config.schema_search import CapacityConfig, OtherSearchConfig
from pipeline.data.outline import outline
from pipeline.forecast import cache
from pipeline.forecast.cut import Limit, first_cut
from pipeline.forecast.forecast import Forecast, Table, counted, of_path, simulated
from pipeline.forecast.machine import machine
from pipeline.forecast.remembered import Coming, recall
from pipeline.forecast.stacktime import StackTime
from pipeline.search import executions_of
from pipeline.search.capacity import CapacitySearch
from pipeline.training.families import family as family_of
from pipeline.training.planner import Workload
from pipeline.training.settings import Settings
from pipeline.training.stackable import engine_used

if TYPE_CHECKING:
    from pipeline.config.schema import SweepConfig
    from pipeline.core.family import Family
    from pipeline.data.outline import Outline
    from pipeline.forecast.cut import Cut
    from pipeline.forecast.machine import Machine
    from pipeline.training.planner import Limits


@dataclass(frozen=True)
class Prospect:
    """A plan."""

    config: SweepConfig
    outline: Outline
    inputs: int
    """Numbers of one row, in the first encoding."""
    forecast: Forecast
    cut: Cut | None
    """Where the tightest budget ends the likely sweep; None where it does not."""
    sweeps: int
    """Sweeps that taught this machine's rates."""
    workers: int
    """Stacks at once."""


def prospect(config: SweepConfig) -> Prospect:
    """Return the plan of a configuration.

    Raises:
        SweepError: As the sweep would.
    """
    encodings = sorted({"standard", *config.search.nuisance.encodings})
    found = outline(config.data, config.seed, encodings)
    family = family_of(config.model, config.search, found.shapes, found.outputs, found.regression)
    settings = Settings.from_config(config, objective(config))
    here = machine(engine_used(config.training.engine.value, family, settings), family.name)
    rates = cache.calibration_of(here)
    room = limits(config.training, config.compute)
    train, validation = found.rows["train"], found.rows["validation"]
    workload = Workload(family, settings, train, validation, config.training.engine.value)
    time = StackTime(workload, rates, max(room.workers, here.cores))
    inputs = math.prod(found.shapes[config.search.nuisance.encodings[0]])
    folds = (config.data.folds or 1) * (config.data.repeats if config.data.folds else 1)
    table = Table(
        found.all_rows, train, found.all_rows * found.columns, inputs, folds, found.outputs
    )
    forecast = _remembered(config, found, here, time) or _predicted(
        config, family, table, time, room
    )
    budget = config.budget
    limit = Limit(budget.seconds, budget.fits, budget.cost, budget.cost_per_hour)
    return Prospect(
        config,
        found,
        inputs,
        forecast,
        first_cut(forecast.likely, limit),
        rates.sweeps,
        room.workers,
    )


def _predicted(
    config: SweepConfig, family: Family, table: Table, time: StackTime, room: Limits
) -> Forecast:
    """Return the forecast of a sweep that never ran."""
    executions, search = executions_of(config), config.search
    if isinstance(search, CapacityConfig):
        return simulated(CapacitySearch(search, family, executions), table, time, room)
    assert isinstance(search, OtherSearchConfig)  # noqa: S101 - one schema per kind
    return counted(search, executions, table, time, room)


def _remembered(
    config: SweepConfig, found: Outline, here: Machine, time: StackTime
) -> Forecast | None:
    """Return the forecast of a sweep that ran here before, on these rows or on about as many."""
    marks = frozenset(filter(None, (found.digest, found.mark)))
    coming = Coming(fingerprint(config), here.key, found.all_rows, marks)
    on_cluster = config.compute.kind is ComputeKind.ray  # of which this machine's past says nothing
    past, same = recall([] if on_cluster else cache.sweeps(), coming)
    if past is None:
        return None
    return of_path(past, "remembered" if same else "grown", time.calibration)
