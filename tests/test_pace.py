"""A whole sweep on a scripted clock: budgets are kept, and the time left is about right.

A machine is played that trains the stacks of the real search and planner, faster or slower than it
was calibrated; nothing is trained and nobody waits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from pipeline.config.schema import BudgetConfig
from pipeline.core.control import Progress
from pipeline.core.records import FitResult, Outcome
from pipeline.forecast.calibration import Calibration
from pipeline.forecast.forecast import ending_seconds, path_of_rounds, startup_seconds
from pipeline.forecast.meter import SPARED, Meter
from pipeline.forecast.pace import Course, Pace
from pipeline.forecast.reserve import RANKED
from pipeline.forecast.walk import walk
from pipeline.runtime import budget as budget_module
from pipeline.runtime.budget import Budget
from pipeline.search import missing
from pipeline.training.planner import plan_stacks
from tests.estimate.workplace import ROOMY, TABLE, bowl, capacity_search, stack_time

if TYPE_CHECKING:
    from collections.abc import Hashable

    from pipeline.core.records import Round, Scored, Stack, StackPlan
    from pipeline.forecast.path import Path

RATES = Calibration(
    startup_seconds=10.0, ending_seconds=6.0, share_of_epochs=0.5, share_dropped=0.0, sweeps=5
)
ESSENTIAL = 0.5
"""Share of the ending that is done whatever the time: the report and the baselines give way."""
STEP = 0.5
"""Seconds between two questions whether to stop."""


class Clock:
    """Seconds of the process, moved by hand."""

    def __init__(self) -> None:
        """Start with the process."""
        self.now, self.slow = 0.0, 1.0

    def cpu(self) -> float:
        """Return the processor time that this process got so far."""
        return self.now / self.slow

    def __call__(self) -> float:
        """Return the seconds since the start."""
        return self.now


class AtOnce:
    """A pool without threads, which would race with the scripted clock."""

    def submit(self, work, *given) -> None:
        """Do the work at once."""
        work(*given)

    def shutdown(self, **_: bool) -> None:
        """Do nothing."""


@dataclass
class Played:
    """What a played sweep did."""

    seconds: float = 0.0
    """When the process would have ended."""
    finished: list[Scored] = field(default_factory=list)
    rounds: int = 0
    ended: str = ""
    """Why, where a budget ended it."""
    told: list[tuple[float, float]] = field(default_factory=list)
    """(when, seconds left) as shown."""


class Machine:
    """Runs the loop of the runner on a scripted clock."""

    def __init__(
        self, clock: Clock, slow: float = 1.0, rows: int = 680, compiling: float | None = 1.0
    ) -> None:
        """Play a machine.

        Args:
            clock: Is moved.
            slow: How many times longer than calibrated everything takes.
            rows: Training rows.
            compiling: What stacks say that they waited for programs; 0.0: those are on the disk.
        """
        self.clock, self.slow, self.search = clock, slow, capacity_search()
        clock.slow = slow
        self.time = stack_time(RATES, rows=rows)
        self.table = replace(TABLE, train=rows)
        self.compiled: set[Hashable] = set()
        self.compiling = compiling

    def sweep(self, limits: BudgetConfig, scores, remembered: Path | None = None) -> Played:
        """Play a sweep from start to exit."""
        played, budget = Played(), Budget(limits)
        course = Course(
            self.time, self.table, ROOMY, self.search, self.search.config, self.search.executions,
            remembered,
        )  # fmt: skip
        pace = Pace(course, budget, Meter(self.time, lambda: self.clock.now), lambda _: None)
        pace._pool = AtOnce()
        self.clock.now += self.slow * startup_seconds(RATES, self.table)
        pace.begin_search(0)
        while not played.ended:
            asked = self.search.propose(played.finished).round
            if asked is None:
                break
            self._round(pace, budget, asked, scores, played)
        pace.end_search()
        ranking = RANKED * RATES.tracking_seconds * pace.meter.fits
        ending = self.slow * (ending_seconds(RATES, self.table) + ranking)
        self.clock.now += ESSENTIAL * ending
        if budget.limit is None or self.clock.now < budget.limit:
            self.clock.now += (1.0 - ESSENTIAL) * ending
        played.seconds = self.clock.now
        return played

    def _round(self, pace: Pace, budget: Budget, asked: Round, scores, played: Played) -> None:
        plan = plan_stacks(asked.fits, self.time.workload, ROOMY)
        pace.begin_round(asked, plan, played.finished)
        usable = lambda: any(one.outcome.is_ranked for one in played.finished)  # noqa: E731
        for part in pace.parts(plan, usable):
            self._train(pace, budget, part, scores, played)
            if budget.ended():
                break
        self.clock.now += self.slow * RATES.round_seconds
        pace.end_round()
        played.rounds += 1
        if missing(asked, played.finished):
            played.ended = budget.ended() or pace.unfinished

    def _train(self, pace: Pace, budget: Budget, plan: StackPlan, scores, played: Played) -> None:
        """Train stacks side by side: each gets its share of the time, until told to stop."""
        time = self.time if self.compiling else self.time.with_compiling(1.0 - SPARED)
        whole = time.of_round(plan, self.compiled)
        compiling = self.slow * (whole.fixed - RATES.round_seconds)
        seconds = compiling + self.slow * whole.training
        begun = self.clock.now
        while self.clock.now < begun + seconds and not budget.ended():
            self.clock.now += min(STEP, begun + seconds - self.clock.now + 1e-9)
            trained = self.clock.now - begun - compiling
            if trained > 0.0:
                epoch = int(trained / (seconds - compiling) * 0.5 * plan.stacks[0].fits[0].epochs)
                for stack in plan.stacks:
                    pace.progress(Progress(stack.number, epoch, 60, len(stack.fits), 1.0))
            left = pace.seconds_left()
            if left is not None:
                played.told.append((self.clock.now, left))
        done = self.clock.now >= begun + seconds - 1e-6
        for stack in plan.stacks:
            self._record(pace, stack, scores, played, done=done)

    def _record(self, pace: Pace, stack: Stack, scores, played: Played, *, done: bool) -> None:
        outcome = Outcome.completed if done else Outcome.cut
        epochs = int(0.5 * stack.fits[0].epochs)
        results = [
            FitResult(
                fit,
                outcome,
                {"loss": [1.0] * epochs},
                0,
                None,
                None,
                0.0,  # type: ignore[dict-item]
                compile_seconds=self.compiling,
            )
            for fit in stack.fits
        ]
        pace.stack_done(stack, results)
        if done:
            played.finished += [scores(fit) for fit in stack.fits]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Return the clock that budgets of this test go by."""
    scripted = Clock()
    monkeypatch.setattr(budget_module, "process_seconds", scripted)
    monkeypatch.setattr(budget_module, "cpu_seconds", scripted.cpu)
    return scripted


@pytest.mark.parametrize(
    ("seconds", "slow"),
    [(60.0, 0.6), (60.0, 3.0), (120.0, 1.0), (300.0, 0.6), (300.0, 3.0), (900.0, 1.0)],
)
@pytest.mark.parametrize("rows", [680, 22_000])
def test_a_budget_of_seconds_is_kept(clock: Clock, seconds: float, slow: float, rows: int) -> None:
    """On small and large tables, also on a machine that is slower than ever: within 5 % or 5 s."""
    machine = Machine(clock, slow, rows)
    played = machine.sweep(BudgetConfig(seconds=seconds), bowl(13.0))
    assert played.seconds <= seconds + max(5.0, 0.05 * seconds)
    if played.ended:
        assert "budget.seconds" in played.ended
        assert played.seconds >= 0.85 * seconds  # time is not given away


def test_programs_that_are_found_are_expected_to_be_found_further_on(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The seconds shown come nearer to those that are left than if all were to be compiled."""

    def off() -> float:
        clock.now = 0.0
        played = Machine(clock, compiling=0.0).sweep(BudgetConfig(), bowl(13.0))
        errors = [
            abs(math.log((left + 1.0) / (played.seconds - now + 1.0))) for now, left in played.told
        ]
        return sum(errors) / len(errors)

    known = off()
    monkeypatch.setattr(Pace, "_time", property(lambda pace: pace.course.time))
    assert known < off()


def test_half_a_minute_is_enough_for_a_champion(clock: Clock) -> None:
    """On a quiet machine with 22,000 rows, though it takes ten seconds to start and six to end."""
    played = Machine(clock, 1.0, 22_000).sweep(BudgetConfig(seconds=30.0), bowl(13.0))
    assert any(one.outcome.is_ranked for one in played.finished)
    assert played.seconds <= 35.0


def test_money_ends_a_sweep_as_seconds_do(clock: Clock) -> None:
    """A minute at a price."""
    limits = BudgetConfig(cost=1.0, cost_per_hour=60.0)
    played = Machine(clock).sweep(limits, bowl(13.0))
    assert "budget.cost" in played.ended
    assert played.seconds <= 65.0


def test_the_numbers_do_not_depend_on_the_clock(clock: Clock) -> None:
    """What is trained before a budget ends is what a sweep without one trains, score for score."""
    free = Machine(clock).sweep(BudgetConfig(), bowl(11.0))
    clock.now = 0.0
    short = Machine(clock, 2.0).sweep(BudgetConfig(seconds=90.0), bowl(11.0))
    assert 0 < len(short.finished) < len(free.finished)
    scores = {(one.fit.name, one.fit.seed): one.score for one in free.finished}
    assert all(scores[one.fit.name, one.fit.seed] == one.score for one in short.finished)


@pytest.mark.parametrize("slow", [0.7, 1.0, 2.5])
@pytest.mark.parametrize("best", [9.0, 11.0, 13.0])
def test_the_time_left_of_a_sweep_that_ran_before(clock: Clock, best: float, slow: float) -> None:
    """Within 25 % from a fifth of the work on, whatever the machine's speed is today."""
    machine = Machine(clock, slow)
    rounds = walk(machine.search, bowl(best)).rounds
    path = path_of_rounds(rounds, machine.table, machine.time, ROOMY)
    played = machine.sweep(BudgetConfig(), bowl(best), path)
    later = [one for one in played.told if 0.2 * played.seconds < one[0] < 0.9 * played.seconds]
    assert later
    for now, left in later:
        assert left == pytest.approx(played.seconds - now, rel=0.25)


def test_the_time_left_of_new_data_is_of_the_right_size(clock: Clock) -> None:
    """Nobody knows how far growing pays: half to double, at a fifth of the work."""
    for best in (9.0, 11.0, 13.0):
        clock.now = 0.0
        played = Machine(clock, 1.5).sweep(BudgetConfig(), bowl(best))
        now, left = next(one for one in played.told if one[0] > 0.2 * played.seconds)
        assert 0.5 < left / (played.seconds - now) < 2.0


def test_the_time_left_never_exceeds_the_budget(clock: Clock) -> None:
    """A sweep with a limit ends by then."""
    played = Machine(clock, 2.0).sweep(BudgetConfig(seconds=100.0), bowl(13.0))
    assert played.told
    assert all(left <= max(0.0, 100.0 - now) + 1e-6 for now, left in played.told)


def test_a_path_that_is_left_is_forgotten(clock: Clock) -> None:
    """Last night's way tells nothing once the search has gone another."""
    machine = Machine(clock)
    rounds = walk(machine.search, bowl(7.0)).rounds
    other = path_of_rounds(rounds, machine.table, machine.time, ROOMY)
    played = machine.sweep(BudgetConfig(), bowl(13.0), other)
    now, left = next(one for one in played.told if one[0] > 0.4 * played.seconds)
    assert 0.4 < left / (played.seconds - now) < 2.5
