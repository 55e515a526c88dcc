"""The forecast of a sweep: from its last run on this machine, else from simulated or counted rounds."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pipeline.compute.local import limits
from pipeline.config import fingerprint, objective
from pipeline.config.choices import ComputeKind
from pipeline.config.schema import BudgetConfig, SweepConfig
from pipeline.config.schema_search import CapacityConfig, OtherSearchConfig
from pipeline.core.family import Family
from pipeline.data.dataset import Dataset
from pipeline.data.outline import Outline, outline
from pipeline.evaluation.baselines import MAXIMUM_CELLS
from pipeline.forecast import history
from pipeline.forecast.history import Rates
from pipeline.forecast.rounds import counted_rounds, plausible_rounds
from pipeline.forecast.stacktime import Path, StackTime, path_of_rounds
from pipeline.runtime.budget import limits as time_limits
from pipeline.search import executions_of
from pipeline.search.capacity import CapacitySearch
from pipeline.training.cost import Workload
from pipeline.training.families import family
from pipeline.training.planner import Limits, engine_used
from pipeline.training.settings import Settings
from pipeline.training.threads import cores

MEASURED, UNMEASURED = 1.3, 2.0
"""Factors by which work may take longer or shorter than predicted: on a measured machine, on another."""
MILLION = 1e6
TWO_CLASSES = 2


@dataclass(frozen=True)
class TableSizes:
    """Sizes of the data."""

    rows: int
    train: int
    """Training rows (of the largest fold)."""
    validation: int
    """Validation rows (of the largest fold)."""
    columns: int
    """Feature columns of the file."""
    inputs: int
    """Numbers of one encoded row."""
    folds: int
    """Folds of all repeats: baselines are fitted on each."""
    outputs: int
    """Outputs of the networks: boosting grows a tree for each of several classes."""

    @property
    def reading_seconds(self) -> float:
        """Seconds of reading, splitting and encoding: one for a million values."""
        return self.rows * self.columns / MILLION

    @property
    def baseline_seconds(self) -> float:
        """Seconds of the baselines: one for a million training values that they are fitted on."""
        values = self.folds * min(self.train * self.inputs, MAXIMUM_CELLS)
        return values * (self.outputs if self.outputs > TWO_CLASSES else 1) / MILLION


@dataclass(frozen=True)
class Forecast:
    """The paths that a sweep may take, from the shortest to the longest."""

    ways: tuple[Path, ...]
    """The shortest first; a single one where the rounds are known."""
    basis: str
    """`remembered`, `grown` (the same sweep on other rows), `counted` or `simulated`."""
    spread: float
    """Factor by which it may take longer or shorter."""

    @property
    def likely(self) -> Path:
        """The path in the middle."""
        return self.ways[len(self.ways) // 2]

    @property
    def low(self) -> float:
        """Seconds of the shortest, with its programs on the disk."""
        return self.ways[0].again / self.spread

    @property
    def high(self) -> float:
        """Seconds of the longest, compiling included."""
        return (self.ways[-1].again + self.ways[-1].compiling) * self.spread


@dataclass(frozen=True)
class TimeModel:
    """Predicts the seconds of a sweep; does not change while it runs."""

    config: SweepConfig
    table: TableSizes
    machine: str
    """Key of `rates` in the history."""
    rates: Rates
    time: StackTime
    limits: Limits

    @property
    def startup_seconds(self) -> float:
        """Seconds from the start of the process to the first round."""
        return self.rates.startup_seconds + self.table.reading_seconds

    @property
    def ending_seconds(self) -> float:
        """Seconds from the last round to the end of the process."""
        return self.rates.ending_seconds + self.table.baseline_seconds

    def forecast(self, marks: set[str]) -> Forecast:
        """Return the forecast of the sweep; `marks` as of `history.recall`."""
        known = fingerprint(self.config), self.machine, self.table.rows
        path, same = history.recall(*known, marks)
        if path is None or self.config.compute.kind is ComputeKind.ray:
            return self.predicted()
        return Forecast((path,), "remembered" if same else "grown", MEASURED)

    def predicted(self) -> Forecast:
        """Return the forecast of a sweep that never ran."""
        search, family = self.config.search, self.time.workload.family
        executions = executions_of(self.config)
        if isinstance(search, CapacityConfig):
            walks = plausible_rounds(CapacitySearch(search, family, executions), self.table.train)
            basis = "simulated"
        else:
            assert isinstance(search, OtherSearchConfig)  # noqa: S101 - one schema per kind
            walks, basis = counted_rounds(search, family, executions), "counted"
        beside = self.startup_seconds, self.ending_seconds
        ways = [path_of_rounds(rounds, self.time, self.limits, *beside) for rounds in walks]
        ways.sort(key=lambda way: way.again)
        return Forecast(tuple(ways), basis, MEASURED if self.rates.sweeps else UNMEASURED)


def time_model_of(config: SweepConfig, family: Family, table: TableSizes) -> TimeModel:
    """Return the time model of a sweep on this machine, with the rates of its history."""
    settings, engine = Settings.from_config(config, objective(config)), config.training.engine.value
    machine = history.machine_key(engine_used(engine, family, settings), family.name)
    rates, room = history.known_rates(machine), limits(config.training, config.compute)
    workload = Workload(family, settings, table.train, table.validation, engine)
    time = StackTime(workload, rates.pace, max(room.workers, cores()))
    return TimeModel(config, table, machine, rates, time, room)


def family_of(config: SweepConfig, dataset: Dataset) -> Family:
    """Return the configured family, bound to a table; raises as `families.family` does."""
    shapes = dataset.input_shapes(config.search.nuisance.encodings)
    grids = {name: grid for name in shapes if (grid := dataset.grid(name)) is not None}
    sizes = shapes, dataset.outputs, dataset.regression, grids
    return family(config.model, config.search, *sizes)


def table_of(table: Outline) -> TableSizes:
    """Return the sizes of a table."""
    dataset, rows = table.dataset, (table.all_rows, table.rows["train"], table.rows["validation"])
    inputs, folds = math.prod(dataset.input_shape("standard")), len(dataset.split.folds)
    return TableSizes(*rows, len(dataset.columns), inputs, folds, dataset.outputs)


@dataclass(frozen=True)
class Cut:
    """The point at which a budget ends a sweep."""

    budget: str
    """The configured limit, for example `budget.seconds=60`."""
    round: int
    """The round that it ends in; 0 where it ends before the first."""
    fits: int
    """Fits that are trained by then."""


@dataclass(frozen=True)
class Prospect:
    """The content of a plan: the table, the forecast, and where a budget ends the likely sweep."""

    outline: Outline
    inputs: int
    """Numbers of one row, in the first encoding."""
    times: TimeModel
    forecast: Forecast
    cut: Cut | None
    """By the tightest budget; None where none ends the likely sweep."""


def prospect(config: SweepConfig) -> Prospect:
    """Return the plan of a configuration; raises as the sweep would."""
    table = outline(config.data, config.seed)
    family = family_of(config, table.dataset)
    inputs = math.prod(table.dataset.input_shape(config.search.nuisance.encodings[0]))
    times = time_model_of(config, family, table_of(table))
    forecast = times.forecast(set(filter(None, (table.digest, table.mark))))
    return Prospect(table, inputs, times, forecast, first_cut(forecast.likely, config.budget))


def first_cut(path: Path, budget: BudgetConfig) -> Cut | None:
    """Return where the tightest budget ends a sweep; None where the sweep ends within all budgets."""
    budgets = [(name, seconds, math.inf) for seconds, name in time_limits(budget)]
    if budget.fits is not None:
        budgets.append((f"budget.fits={budget.fits}", math.inf, budget.fits))
    cuts = (_cut(path, *limit) for limit in budgets)
    return min(filter(None, cuts), key=lambda cut: cut.fits, default=None)


def _cut(path: Path, name: str, seconds: float, most: float) -> Cut | None:
    """Return where a limit of seconds or fits ends a sweep with no program on the disk; None for nowhere."""
    left, fits, number = seconds - path.startup_seconds - path.ending_seconds, 0, 0
    for number, round_ in enumerate(path.rounds):
        taken = round_.again + round_.compiling
        share = min(left / taken if taken else 1.0, (most - fits) / round_.fits)
        if share < 1.0:
            return Cut(name, number, fits + int(max(share, 0.0) * round_.fits))
        left, fits = left - taken, fits + round_.fits
    return None if left >= 0.0 else Cut(name, number, fits)
