"""The time left of a running sweep, the reserve of its budget, and the stacks that still fit into it.

No score, no seed and no stack plan depends on these predictions: where time is short they only choose which
of the planned fits are trained first, or not at all.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import replace

from pipeline.config import fingerprint
from pipeline.config.choices import ComputeKind
from pipeline.core.control import Progress
from pipeline.core.records import FitResult, Outcome, Round, StackPlan, Trial
from pipeline.data.outline import file_mark
from pipeline.forecast import history
from pipeline.forecast.budgeting import RANKED, Seconds, TimeLeft, fitting, reserve, without
from pipeline.forecast.stacktime import Path, RoundTime
from pipeline.forecast.timemodel import TimeModel
from pipeline.runtime.budget import Budget
from pipeline.training.program_cache import kept

log = logging.getLogger(__name__)

UNUSED = 0.05
"""Share of a budget that is left where nothing more is predicted to finish an epoch."""
SLOWEST, FASTEST = 8.0, 0.5
"""Largest factors by which a slow, or fast, start of the process scales all predictions."""
USUAL_WRITING = 0.06
"""Seconds in which the background writer records a fit, until that is measured."""
LEAST_SPARE = 1.0
"""Fewest seconds for a part of the end that a budget may cut short, however late it is."""


class Forecaster:
    """Measures a sweep while it runs, and predicts from that and from earlier sweeps."""

    def __init__(
        self,
        times: TimeModel,
        digest: str,
        budget: Budget,
        written: Callable[[], float],
        show: Callable[[float, float], None],
    ) -> None:
        """Look up earlier sweeps like this one.

        Args:
            times: Predicts the seconds of stacks and rounds.
            digest: Of the data.
            budget: Is given its reserve, whenever that changes.
            written: Returns the seconds that the background writer has worked.
            show: Called with the fewest and the most seconds left, whenever they change.
        """
        self._times = times
        self._identity = fingerprint(times.config), digest, file_mark(times.config.data)
        self._left = TimeLeft(times.forecast({digest}))
        self._budget, self._written, self._show = budget, written, show
        self.unfinished = ""
        """Why stacks of the last round were not begun; empty where they were."""
        self._searched = self._started = 0.0
        """When the search ended and began, in seconds of this process."""
        self._usable, self._done_before = False, 0
        self._rounds: list[RoundTime] = []
        self._trials: set[Trial] = set()
        self._compiled: set[Hashable] = set()
        self._fits = self._recorded = self._open = 0
        """Fits trained by this process; those trained in this round, and those to train in it."""
        self._writing, self._wrote_first, self._wrote = USUAL_WRITING, 0.0, 0.0
        """The writer's seconds for a fit; those it had worked before the first fit, and before this round."""

    def begin_search(self, done: int) -> None:
        """Start before the first round: the seconds until now show how fast the machine is today.

        Args:
            done: Fits that earlier processes have recorded.
        """
        self._done_before, self._usable = done, done > 0
        self._started = self._budget.elapsed()
        slow = self._budget.load()
        if self._budget.owns_process:  # other sweeps find everything imported
            slow = self._started / self._times.startup_seconds
        self._left.slow = min(max(slow, FASTEST), SLOWEST)
        self._wrote_first = self._wrote = self._written()
        self._changed()

    def begin_round(self, round_: Round, plan: StackPlan) -> None:
        """Start a round, of which `plan` holds the stacks to train; the store is up to date."""
        self._round, self._plan, self.unfinished = round_, plan, ""
        self._begun, self._wrote = self._budget.spent(), self._written()
        if self._fits:
            self._writing = (self._wrote - self._wrote_first) / self._fits
        self._recorded, self._open = 0, sum(len(stack.fits) for stack in plan.stacks)
        self._programs, self._whole = kept(), True
        self._known = set(self._compiled)
        self._work = self._times.time.of_round(plan, self._compiled)
        behind = self._budget.fits_left(self._done_before + self._fits + self._open)
        self._left.begin_round(round_, self._work, self._open, self._begun, behind)
        self._changed()

    def parts(self, plan: StackPlan, usable: Callable[[], bool]) -> Iterator[StackPlan]:
        """Yield the part of a plan to train next, until no stack or no time is left.

        Args:
            usable: Returns whether any fit has a score.
        """
        while plan.stacks and not self._budget.ended():
            left, workers = self._budget.seconds_left(), self._times.limits.workers
            # A prediction may be wrong, and a trial that is cut costs nothing: the time is used.
            must = left is None or left > UNUSED * (self._budget.limit or 0.0) or not usable()
            seconds, open_ = self._seconds(plan), plan
            if left is not None and usable():  # to make and copy a wide table cannot be cut short
                ready = tuple(stack for stack in plan.stacks if seconds(stack, 0.0) < left)
                open_ = replace(plan, stacks=ready)
            now = fitting(open_, seconds, left, workers, must=must)
            if not now.stacks:
                self.unfinished = self._budget.too_short()
                return
            whole, part = (sum(len(stack.fits) for stack in each.stacks) for each in (plan, now))
            if part < whole:
                log.info("%.0f s are left: %d of %d fits are trained first", left, part, whole)
            yield now
            self._known |= self._times.time.prepared(now)
            plan = without(plan, now)

    def progress(self, progress: Progress) -> None:
        """Update with an engine's progress; cheap, from any thread."""
        if not self._usable and math.isfinite(progress.best):
            self._usable = True
        self._changed()

    def stack_done(self, results: Sequence[FitResult]) -> None:
        """Update with a stack that was trained and recorded."""
        self._fits += len(results)
        self._recorded += len(results)
        self._open -= len(results)
        self._trials.update(result.fit.trial for result in results)
        self._usable |= any(result.weights is not None for result in results)
        self._whole &= all(result.outcome is not Outcome.cut for result in results)
        self._changed()

    def end_round(self) -> None:
        """End the round, which is trained and in the store."""
        seconds, stacks = self._budget.spent() - self._begun, len(self._plan.stacks)
        at_once = max(1, min(self._times.limits.workers, stacks))
        fresh = len(kept() - self._programs)  # a later process finds them
        compiled = self._left.pace * self._times.time.compiling(self._plan, fresh)
        compiling = min(compiled / at_once, seconds)  # others train meanwhile
        trials, fits = len({fit.trial for fit in self._round.fits}), len(self._round.fits)
        again, sizes = seconds - compiling, (trials, fits, stacks)
        self._rounds.append(RoundTime(self._round.phase, *sizes, again, compiling))
        if self._whole and not self._open:  # else its time is not that of the whole round
            self._left.end_round(again)
        self._recorded = self._open = 0
        self._wrote = self._written()
        self._changed()

    def end_search(self) -> None:
        """End the last round."""
        self._searched = self._budget.elapsed()

    def spare_seconds(self) -> float | None:
        """Return the seconds that testing the champion may take; None without a limit."""
        limit = self._budget.limit
        if limit is None:
            return None
        return max(LEAST_SPARE, limit - self._budget.spent() - self._ending)

    def spare_clock(self) -> Callable[[], float | None]:
        """Return what counts the seconds of `spare_seconds` down from now on, to 0 and below."""
        at_first, began = self.spare_seconds(), self._budget.elapsed()
        return lambda: None if at_first is None else at_first + began - self._budget.elapsed()

    @property
    def _ending(self) -> float:
        """Seconds from the last round to the end of the process, at today's pace."""
        return self._left.slow * self._times.ending_seconds

    def keep(self, seconds: float, *, whole: bool) -> None:
        """Write the measured rates, and the rounds, to the history of this machine.

        Args:
            seconds: End of the sweep, in seconds of this process.
            whole: Whether the rounds are kept: this process trained them all, and trained no sweep
                before, whose programs this one would have found compiled.
        """
        times = self._times
        if not self._left.predicted or times.config.compute.kind is ComputeKind.ray:
            return  # cut rounds, or those of a cluster, do not measure this machine
        measured = {"pace": times.rates.pace * self._left.taken / self._left.predicted}
        ending, startup, path = seconds - self._searched, times.startup_seconds, None
        if self._budget.owns_process:
            startup = self._started
            measured["startup_seconds"] = startup - times.table.reading_seconds
        if whole:  # else a budget has made it short
            measured["ending_seconds"] = ending - times.table.baseline_seconds
            sizes = [trial.parameters for trial in self._trials]
            parameters = min(sizes), max(sizes)
            path = Path(startup, tuple(self._rounds), ending, len(self._trials), parameters)
        rates, rows = times.rates.refreshed(**measured), times.table.rows
        history.keep(times.machine, rates, self._identity, rows, path)

    def _changed(self) -> None:
        """Show the time left and set the budget's reserve; both end with the limit, where there is one."""
        limit, now = self._budget.limit, self._budget.spent()
        most = math.inf if limit is None else max(0.0, limit - now)
        low, high = self._left.seconds(now, self._times.ending_seconds)
        self._show(min(low, most), min(high, most))
        if limit is not None and self._usable:
            waiting = self._recorded * self._writing - (self._written() - self._wrote)
            ranks = RANKED * (self._fits + self._open)
            writing = max(0.0, waiting) + self._writing * (self._open + ranks)
            self._budget.reserve = reserve(self._times.table, limit, self._ending, writing)

    def _seconds(self, plan: StackPlan) -> Seconds:
        at_once = max(1, min(self._times.limits.workers, len(plan.stacks)))
        time, known, engine = self._times.time, self._known, plan.engine
        pace = self._left.pace
        return lambda stack, epochs: pace * time.of_stack(engine, stack, known, at_once, epochs)
