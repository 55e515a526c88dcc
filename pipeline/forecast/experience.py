"""What earlier sweeps on this machine teach a new one, and what it adds when it has finished."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING

from pipeline.compute.limits import limits
from pipeline.config import fingerprint, objective
from pipeline.config.choices import ComputeKind
from pipeline.data.outline import file_mark
from pipeline.forecast import cache
from pipeline.forecast.forecast import Table, baseline_seconds, startup_seconds
from pipeline.forecast.machine import machine
from pipeline.forecast.meter import Meter
from pipeline.forecast.pace import Course, Pace
from pipeline.forecast.path import Path
from pipeline.forecast.remembered import Coming, Remembered, recall
from pipeline.forecast.reserve import RANKED
from pipeline.forecast.stacktime import StackTime
from pipeline.search import executions_of
from pipeline.training.planner import Workload
from pipeline.training.settings import Settings
from pipeline.training.stackable import engine_used

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.config.schema import SweepConfig
    from pipeline.core.family import Family
    from pipeline.data import Dataset
    from pipeline.runtime.budget import Budget
    from pipeline.search import Searcher


log = logging.getLogger(__name__)


class Experience:
    """The cache file before and after one sweep."""

    def __init__(self, config: SweepConfig, dataset: Dataset, family: Family) -> None:
        """Look up what is known of this machine and of this sweep."""
        self._config, self._dataset, self._family = config, dataset, family
        self._settings = Settings.from_config(config, objective(config))
        engine = engine_used(config.training.engine.value, family, self._settings)
        self._machine = machine(engine, family.name)
        self.calibration = cache.calibration_of(self._machine)
        self._identity = (fingerprint(config), dataset.digest, self._machine.key)
        self._mark = file_mark(config.data)
        marks = frozenset({dataset.digest})
        coming = Coming(self._identity[0], self._machine.key, dataset.rows, marks)
        past = [] if config.compute.kind is ComputeKind.ray else cache.sweeps()
        self._past, _ = recall(past, coming)

    def pace(
        self,
        searcher: Searcher,
        budget: Budget,
        tracked: Callable[[], float],
        show: Callable[[float | None], None],
    ) -> Pace:
        """Return the sweep's sense of time.

        Args:
            searcher: Of the sweep.
            budget: Gets its reserve.
            tracked: Seconds that the background writer has worked.
            show: Gets the seconds left.
        """
        config = self._config
        folds = self._dataset.split.folds
        rows, val_rows = (max(map(len, side)) for side in zip(*folds, strict=True))
        workload = Workload(
            self._family, self._settings, rows, val_rows, config.training.engine.value
        )
        room = limits(config.training, config.compute)
        time = StackTime(workload, self.calibration, max(room.workers, self._machine.cores))
        course = Course(
            time, self.table, room, searcher, config.search, executions_of(config), self._past
        )
        return Pace(course, budget, Meter(time, tracked, room.workers), show)

    @property
    def table(self) -> Table:
        """Sizes that seconds depend on."""
        dataset = self._dataset
        inputs = math.prod(dataset.input_shape("standard"))
        rows, train, folds = dataset.rows, len(dataset.split.train), len(dataset.split.folds)
        columns = len(dataset.columns)
        return Table(rows, train, rows * columns, inputs, folds, dataset.outputs)

    def keep(self, pace: Pace, seconds: float, *, whole: bool) -> None:
        """Add what a sweep has measured; it must not cost the sweep anything if that fails."""
        try:
            self._keep(pace, seconds, whole=whole)
        except Exception:
            log.debug("what this sweep took is not kept", exc_info=True)

    def _keep(self, pace: Pace, seconds: float, *, whole: bool) -> None:
        """Add what a sweep has measured.

        Args:
            pace: Of the sweep.
            seconds: When its result was there, in seconds of this process.
            whole: Whether it went its way from start to end, and no sweep of this process before it,
                whose programs it had: then it is remembered as such.
        """
        if self._config.compute.kind is ComputeKind.ray:
            return  # what a cluster takes says nothing of this machine
        meter, rates = pace.meter, self.calibration
        measured = meter.rates()
        ending = seconds - pace.searched
        if whole:  # else a budget has made it short
            tracking = measured.get("tracking_seconds", rates.tracking_seconds)
            beside = RANKED * tracking * meter.fits + baseline_seconds(rates, self.table)
            measured["ending_seconds"] = ending - beside
        after = rates.refreshed(measured)
        finished = []
        if whole and meter.legs:
            usual = startup_seconds(after, self.table)  # where others have imported everything
            path = Path(
                pace.startup_seconds if "startup_seconds" in measured else usual,
                tuple(meter.legs),
                ending + after.exit_seconds,
                meter.trials,
                meter.parameters,
            )
            fingerprint_, digest, key = self._identity
            finished = [Remembered(fingerprint_, digest, self._mark, key, self._dataset.rows, path)]
        cache.keep(self._machine, after, finished)
