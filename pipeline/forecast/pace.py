"""How a sweep gets on: the time left, the budget's reserve, and which stacks still fit into it.

Everything here predicts and observes. No score, no seed and no stack plan depends on it: where time is
short it only chooses which planned fits are trained first, or not at all.
"""

from __future__ import annotations

import logging
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.config.schema_search import OtherSearchConfig
from pipeline.forecast.affordable import affordable, without
from pipeline.forecast.ahead import counted_outlook, outlooks
from pipeline.forecast.forecast import ending_seconds, startup_seconds
from pipeline.forecast.inround import InRound
from pipeline.forecast.others import rounds_of
from pipeline.forecast.reserve import LEAST_SPARE, MOST_LOAD, RANKED, SAVING_SECONDS, Facts, reserve
from pipeline.forecast.stacktime import Work
from pipeline.forecast.timeleft import TimeLeft
from pipeline.search.capacity import CapacitySearch

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Sequence

    from pipeline.config.schema_search import SearchConfig
    from pipeline.core.control import Progress
    from pipeline.core.records import FitResult, Round, Scored, Stack, StackPlan
    from pipeline.forecast.affordable import Seconds
    from pipeline.forecast.ahead import Outlook
    from pipeline.forecast.forecast import Table
    from pipeline.forecast.meter import Meter
    from pipeline.forecast.path import Path
    from pipeline.forecast.stacktime import StackTime
    from pipeline.runtime.budget import Budget
    from pipeline.search import Searcher
    from pipeline.search.executions import Executions
    from pipeline.training.planner import Limits

log = logging.getLogger(__name__)

UNUSED = 0.05
"""Share of a budget that is left where nothing more is predicted to finish an epoch."""
SLOWEST, FASTEST = 8.0, 0.5
"""By how much the start of the process may say that everything is slower, or faster, today."""


@dataclass(frozen=True)
class Course:
    """What does not change while a sweep runs."""

    time: StackTime
    table: Table
    limits: Limits
    search: Searcher
    config: SearchConfig
    executions: Executions
    remembered: Path | None = None
    """The same sweep when it last ran, on these rows or about as many."""


class Pace:
    """One sweep's sense of time."""

    def __init__(
        self,
        course: Course,
        budget: Budget,
        meter: Meter,
        show: Callable[[float | None], None],
    ) -> None:
        """Start before the first round.

        Args:
            course: What does not change.
            budget: Gets its reserve from here.
            meter: Measures.
            show: Gets the seconds left, whenever they are known better.
        """
        self.course, self.meter = course, meter
        self.unfinished = ""
        """Why stacks of the last round were not begun; empty where they were."""
        self.startup_seconds = self.searched = 0.0
        """When the search began and ended, in seconds of this process."""
        self._budget, self._show = budget, show
        self._load, self._usable = 1.0, False
        self._left = TimeLeft(course.remembered)
        self._done_before = self._fits_before = 0
        self._compiled: set[Hashable] = set()
        self._asked: Round | None = None
        self._plan: StackPlan | None = None
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="outlook")

    # -- told by the runner ------------------------------------------------------------------

    def begin_search(self, done: int) -> None:
        """Take note that everything is open: how long that took tells how fast this machine is today.

        Args:
            done: Fits that earlier processes have recorded.
        """
        self._done_before, self._usable = done, done > 0
        self._load = min(self._budget.load(), MOST_LOAD)
        self.startup_seconds = own = self._budget.elapsed()
        rates = self.course.time.calibration
        expected = startup_seconds(rates, self.course.table)
        if self._budget.owns_process:  # other sweeps find everything imported
            slow = min(max(own / max(expected, 0.1), FASTEST), SLOWEST)
            self._left.expect(slow)
            self.meter.lesson.single["startup_seconds"] = own - (expected - rates.startup_seconds)
        self._keep_reserve()

    def end_search(self) -> None:
        """Take note that the last round is over."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self.searched = self._budget.elapsed()

    def begin_round(self, asked: Round, plan: StackPlan, finished: Sequence[Scored]) -> None:
        """Take note that the stacks of a round are about to be trained."""
        self._asked, self._plan, self.unfinished = asked, plan, ""
        self._fits_before = self.meter.fits
        self._predicted = self.course.time.of_round(plan, set(self._compiled))
        here = InRound(plan, self._time, self._compiled)
        self._left.begin_round(asked.number, here, self._fits_behind())
        self.meter.begin_round(plan, self._budget.spent())
        self._keep_reserve()
        if not self._left.is_known:
            self._pool.submit(self._look_ahead, asked, list(finished), set(self._compiled))

    def parts(self, plan: StackPlan, usable: Callable[[], bool]) -> Iterator[StackPlan]:
        """Yield what of a plan to train next, until nothing of it or no time is left.

        Args:
            plan: What is to be trained.
            usable: Tells whether some fit has a score.
        """
        while plan.stacks and not self._budget.ended():
            left, workers = self._budget.seconds_left(), self.course.limits.workers
            # A prediction may be wrong, and a trial that is cut costs nothing: time is not given away.
            must = left is None or left > UNUSED * (self._budget.limit or 0.0) or not usable()
            now = affordable(plan, self._seconds(plan), left, workers, must=must)
            if not now.stacks:
                self.unfinished = self._budget.too_short()
                return
            whole, part = (sum(len(one.fits) for one in some.stacks) for some in (plan, now))
            if part < whole:
                log.info("%.0f s are left: %d of %d fits are trained first", left, part, whole)
            yield now
            plan = without(plan, now)

    def progress(self, progress: Progress) -> None:
        """Take note of an engine's progress; cheap, from any thread."""
        if not self._usable and math.isfinite(progress.best):
            self._usable = True
            self._keep_reserve()
        if self._left.round is not None:
            self._left.round.progress(progress)
            self.tell()

    def stack_done(self, stack: Stack, results: Sequence[FitResult]) -> None:
        """Take note of a stack that was trained and recorded."""
        if self._left.round is not None:
            self._left.round.done(stack)
        self.meter.stack_done(stack, results)
        self._usable |= any(result.weights is not None for result in results)
        self._keep_reserve()
        self.tell()

    def end_round(self) -> None:
        """Take note that the round is trained and in the store."""
        asked, plan, here = self._asked, self._plan, self._left.round
        if asked is None or plan is None or here is None:
            return
        now = self._budget.spent()
        paid = self.meter.end_round(asked, len(plan.stacks), self._predicted, now)
        seconds = now - self.meter.began if self.meter.is_whole else None
        self._left.end_round(len(asked.fits), paid, seconds)
        self._keep_reserve()

    def tell(self) -> None:
        """Show the time left."""
        self._show(self.seconds_left())

    # -- predicted ---------------------------------------------------------------------------

    def seconds_left(self) -> float | None:
        """Return the seconds to the end of the process; None while nobody can know."""
        training = self._left.training(self._budget.spent() - self.meter.began)
        if training is None:
            return None
        limit = self._budget.limit
        most = float("inf") if limit is None else max(0.0, limit - self._budget.spent())
        return min(training + self.ending(), most)

    def _fits_behind(self) -> int | None:
        """Return how many fits the budget leaves for the rounds behind the present one."""
        present = len(self._asked.fits) if self._asked else 0
        return self._budget.fits_left(self._done_before + self._fits_before + present)

    def ending(self) -> float:
        """Return the seconds from the last round to the end of the process."""
        rates = self.course.time.calibration
        ranking = RANKED * rates.tracking_seconds * self.meter.fits
        return self._left.correction.fixed * (ending_seconds(rates, self.course.table) + ranking)

    def spare_seconds(self) -> float | None:
        """Return the seconds that the ending may take beside saving; None without a limit."""
        limit = self._budget.limit
        if limit is None:
            return None
        return max(LEAST_SPARE, limit - self._budget.spent() - self._load * SAVING_SECONDS)

    @property
    def _time(self) -> StackTime:
        """What stacks to come take, if as many of their programs are on the disk as were so far."""
        return self.course.time.with_compiling(self.meter.compiling_share)

    def _keep_reserve(self) -> None:
        limit = self._budget.limit
        if limit is None:
            return
        here = len(self._asked.fits) if self._asked and self._left.round else 0
        open_fits = max(0, here - self.meter.recorded)
        facts = Facts(
            usable=self._usable,
            table=self.course.table,
            fits=self.meter.fits + open_fits,
            writing=self.meter.writing,
            unwritten=self.meter.unwritten() + self.meter.writing * open_fits,
            load=self._load,
        )
        self._budget.reserve = reserve(facts, limit)

    def _seconds(self, plan: StackPlan) -> Seconds:
        """Return what predicts a stack's seconds beside the others of a plan."""
        at_once = max(1, min(self.course.limits.workers, len(plan.stacks)))
        time = self._time.shared_by(at_once)
        factors = self._left.correction

        def seconds(stack: Stack, epochs: float | None = None) -> float:
            work = time.of_stack(plan.engine, stack, set(self.meter.programs))
            if epochs is not None:
                usual = max(time.epochs(fit) for fit in stack.fits)
                work = Work(work.fixed, work.training * min(1.0, epochs / max(usual, 1e-9)))
            return factors.seconds(work)

        return seconds

    def _look_ahead(self, asked: Round, finished: list[Scored], compiled: set[Hashable]) -> None:
        """Walk the search on; in a thread of its own, beside training."""
        try:
            ahead = self._outlooks(asked, finished, compiled)
        except Exception:  # a wrong estimate must not cost a sweep
            log.debug("the time left could not be estimated", exc_info=True)
            return
        if self._asked is asked and self._left.round is not None:
            self._left.look_ahead(ahead, self._fits_behind())
            self.tell()

    def _outlooks(
        self, asked: Round, finished: list[Scored], compiled: set[Hashable]
    ) -> list[Outlook]:
        course, time, limits = self.course, self._time, self.course.limits
        if isinstance(course.search, CapacitySearch):
            return outlooks(course.search, finished, asked, time, limits, compiled)
        assert isinstance(course.config, OtherSearchConfig)  # noqa: S101 - one schema per kind
        rounds = rounds_of(course.config, time.workload.family, course.executions)
        return counted_outlook(rounds, asked, time, limits, compiled)
