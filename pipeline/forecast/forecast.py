"""A whole sweep predicted before it starts: remembered, counted, or walked on plausible scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.forecast.others import rounds_of
from pipeline.forecast.path import Leg, Path
from pipeline.forecast.surface import surfaces
from pipeline.forecast.walk import walk
from pipeline.search.space import ladder
from pipeline.training.planner import plan_stacks

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from pipeline.config.schema_search import OtherSearchConfig
    from pipeline.core.records import Round
    from pipeline.forecast.calibration import Calibration
    from pipeline.forecast.stacktime import StackTime
    from pipeline.search.capacity import CapacitySearch
    from pipeline.search.executions import Executions
    from pipeline.training.planner import Limits

LOW, HIGH = 0.1, 0.9
"""Shares of the plausible sweeps below and above which the range ends."""
SPEED = 1.25
"""By how much the same work may take longer or shorter on one machine."""
UNCALIBRATED = 2.0
"""The same where this machine has not been measured yet."""
MILLION = 1e6
TWO_CLASSES = 2


@dataclass(frozen=True)
class Forecast:
    """The likely sweep, and the range."""

    likely: Path
    low: float
    """Seconds."""
    high: float
    """Seconds."""
    shortest: Path
    """The plausible sweep with the fewest fits of the range; the likely one where fits are known."""
    longest: Path
    basis: str
    """`remembered`, `grown` (the same sweep on other rows), `counted` or `simulated`."""


@dataclass(frozen=True)
class Table:
    """Sizes that seconds depend on."""

    rows: int
    """All rows."""
    train: int
    values: int
    """Rows x feature columns of the file."""
    inputs: int
    """Numbers of one encoded row."""
    folds: int = 1
    """Over all repeats: baselines are fitted on each."""
    outputs: int = 1
    """Of the networks: boosting grows a tree for each of several classes."""


def of_path(path: Path, basis: str, calibration: Calibration) -> Forecast:
    """Return the forecast of a sweep whose rounds are known."""
    speed = SPEED if calibration.sweeps else UNCALIBRATED
    return Forecast(path, path.seconds / speed, path.seconds * speed, path, path, basis)


def counted(
    config: OtherSearchConfig, executions: Executions, table: Table, time: StackTime, limits: Limits
) -> Forecast:
    """Return the forecast of grid, random, Bayesian or Hyperband search."""
    rounds = rounds_of(config, time.workload.family, executions)
    return of_path(path_of_rounds(rounds, table, time, limits), "counted", time.calibration)


def simulated(search: CapacitySearch, table: Table, time: StackTime, limits: Limits) -> Forecast:
    """Return the forecast of a capacity search on data that no sweep has seen."""
    first_rate = ladder(search.config.learning_rate).first
    tables = surfaces(search.family, time.workload.val_rows, first_rate)
    paths = [path_of_rounds(walk(search, one.answer).rounds, table, time, limits) for one in tables]
    paths.sort(key=lambda path: path.seconds)
    shortest, likely, longest = (
        paths[round(share * (len(paths) - 1))] for share in (LOW, 0.5, HIGH)
    )
    speed = SPEED if time.calibration.sweeps else UNCALIBRATED
    low, high = shortest.seconds / speed, longest.seconds * speed
    by_fits = sorted((shortest, likely, longest), key=lambda path: path.fits)
    return Forecast(likely, low, high, by_fits[0], by_fits[-1], "simulated")


def path_of_rounds(rounds: Sequence[Round], table: Table, time: StackTime, limits: Limits) -> Path:
    """Return rounds with their seconds, between the start and the end of the process."""
    compiled: set[Hashable] = set()
    legs = []
    for asked in rounds:
        plan = plan_stacks(asked.fits, time.workload, limits)
        seconds = time.of_round(plan, compiled).seconds
        trials = len({fit.trial for fit in asked.fits})
        legs.append(Leg(asked.phase, trials, len(asked.fits), len(plan.stacks), seconds))
    every = {fit.trial for asked in rounds for fit in asked.fits}
    sizes = [trial.parameters for trial in every] or [0]
    rates = time.calibration
    return Path(
        startup_seconds(rates, table),
        tuple(legs),
        ending_seconds(rates, table),
        len(every),
        (min(sizes), max(sizes)),
    )


def startup_seconds(rates: Calibration, table: Table) -> float:
    """Return the time from the start of the process to the first round."""
    return rates.startup_seconds + rates.data_seconds * table.values / MILLION


def ending_seconds(rates: Calibration, table: Table) -> float:
    """Return the time from the last round to the end of the process."""
    return rates.ending_seconds + rates.exit_seconds + baseline_seconds(rates, table)


def baseline_seconds(rates: Calibration, table: Table) -> float:
    """Return the time of the baselines, which are fitted on so many values at most."""
    from pipeline.evaluation.baselines import MAXIMUM_CELLS

    values = table.folds * min(table.train * table.inputs, MAXIMUM_CELLS)
    values *= table.outputs if table.outputs > TWO_CLASSES else 1
    return rates.baseline_seconds * values / MILLION
