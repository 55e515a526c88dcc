"""Everything that a plan says: the table, the forecast, and where a budget ends the likely sweep."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.data.outline import outline
from pipeline.forecast.timemodel import TableSizes, time_model_of
from pipeline.training.families import family as family_of

if TYPE_CHECKING:
    from pipeline.config.schema import BudgetConfig, SweepConfig
    from pipeline.data.outline import Outline
    from pipeline.forecast.path import Path
    from pipeline.forecast.timemodel import Forecast, TimeModel

SECONDS_AN_HOUR = 3600.0


@dataclass(frozen=True)
class Cut:
    """Where a budget ends a sweep."""

    budget: str
    """As it is configured, for example `budget.seconds=60`."""
    round: int
    """The round that it ends in; 0 where it ends before the first."""
    fits: int
    """Fits that are trained by then."""


@dataclass(frozen=True)
class Prospect:
    """A plan."""

    outline: Outline
    inputs: int
    """Numbers of one row, in the first encoding."""
    times: TimeModel
    forecast: Forecast
    cut: Cut | None
    """Of the tightest budget; None where none ends the likely sweep."""


def prospect(config: SweepConfig) -> Prospect:
    """Return the plan of a configuration.

    Raises:
        SweepError: As the sweep would.
    """
    encodings = sorted({"standard", *config.search.nuisance.encodings})
    found = outline(config.data, config.seed, encodings)
    family = family_of(config.model, config.search, found.shapes, found.outputs, found.regression)
    inputs = math.prod(found.shapes[config.search.nuisance.encodings[0]])
    folds = (config.data.folds or 1) * (config.data.repeats if config.data.folds else 1)
    sizes = found.all_rows, found.rows["train"], found.rows["validation"], found.columns, inputs
    times = time_model_of(config, family, TableSizes(*sizes, folds, found.outputs))
    forecast = times.forecast(set(filter(None, (found.digest, found.mark))))
    return Prospect(found, inputs, times, forecast, first_cut(forecast.likely, config.budget))


def first_cut(path: Path, budget: BudgetConfig) -> Cut | None:
    """Return where the tightest budget ends a sweep; None where it keeps them all."""
    cuts = []
    if budget.seconds is not None:
        cuts.append(_by_seconds(path, budget.seconds, f"budget.seconds={budget.seconds:g}"))
    if budget.cost is not None and budget.cost_per_hour:
        seconds = budget.cost / budget.cost_per_hour * SECONDS_AN_HOUR
        cuts.append(_by_seconds(path, seconds, f"budget.cost={budget.cost:g}"))
    if budget.fits is not None and path.fits > budget.fits:
        left, number = budget.fits, 0
        while left >= path.rounds[number].fits:
            left, number = left - path.rounds[number].fits, number + 1
        cuts.append(Cut(f"budget.fits={budget.fits}", number, budget.fits))
    return min((cut for cut in cuts if cut is not None), key=lambda cut: cut.fits, default=None)


def _by_seconds(path: Path, seconds: float, name: str) -> Cut | None:
    """Return where a limit of time ends a sweep that finds no program on the disk."""
    left, fits, number = seconds - path.startup_seconds - path.ending_seconds, 0, 0
    for number, one in enumerate(path.rounds):
        taken = one.again + one.compiling
        if taken > left > 0.0:
            fits += int(left / taken * one.fits)
        if taken > left:
            return Cut(name, number, fits)
        left, fits = left - taken, fits + one.fits
    return None if left >= 0.0 else Cut(name, number, fits)
