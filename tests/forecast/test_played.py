"""A whole sweep on a scripted clock: budgets are kept, and the range of time left holds the truth.

A machine is played that trains the stacks of the real search and planner, faster or slower than it
was calibrated; nothing is trained and nobody waits.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from pipeline.config.schema import BudgetConfig
from pipeline.core.control import Progress
from pipeline.core.files import CACHE
from pipeline.core.records import FitResult, Outcome
from pipeline.forecast import forecaster as forecaster_module
from pipeline.forecast import history
from pipeline.forecast.forecaster import Forecaster
from pipeline.forecast.history import Rates
from pipeline.runtime import budget as budget_module
from pipeline.runtime.budget import Budget
from pipeline.search.protocol import missing
from pipeline.session.champion import half_the_time
from pipeline.training.planner import plan_stacks
from tests.forecast.workplace import ROOMY, bowl, capacity_search, times

if TYPE_CHECKING:
    from collections.abc import Hashable
    from pathlib import Path as File

    from pipeline.core.records import Round, Scored, StackPlan

RATES = Rates(startup_seconds=10.0, ending_seconds=6.0, sweeps=5)
ESSENTIAL = 0.5
"""Share of the ending that is done whatever the time: the report and the baselines give way."""
STEP = 0.5
"""Seconds between two questions whether to stop."""


class Clock:
    """Seconds of the process, moved by hand."""

    def __init__(self) -> None:
        """Start with the process."""
        self.now, self.slow = 0.0, 1.0
        self.programs: set[Hashable] = set()
        """On the disk."""

    def cpu(self) -> float:
        """Return the processor time that this process got so far."""
        return self.now / self.slow

    def __call__(self) -> float:
        """Return the seconds since the start."""
        return self.now


@dataclass
class Played:
    """What a played sweep did."""

    seconds: float = 0.0
    """When the process would have ended."""
    finished: list[Scored] = field(default_factory=list)
    rounds: int = 0
    ended: str = ""
    """Why, where a budget ended it."""
    told: list[tuple[float, float, float]] = field(default_factory=list)
    """When, and the fewest and the most seconds left, as shown."""


class Machine:
    """Runs the loop of the session on a scripted clock."""

    def __init__(
        self,
        clock: Clock,
        slow: float = 1.0,
        rows: int = 680,
        kept: bool = False,
        rates: Rates = RATES,
    ) -> None:
        """Play a machine.

        Args:
            clock: Is moved.
            slow: How many times longer than calibrated everything takes.
            rows: Training rows.
            kept: Whether all programs are on the disk.
            rates: What is known of it.
        """
        self.clock, self.slow, self.kept = clock, slow, kept
        clock.slow = slow
        self.times = times(rates, rows)
        self.truth = times(RATES, rows)
        self.search = capacity_search(self.times)
        self.compiled: set[Hashable] = set()

    def sweep(self, limits: BudgetConfig, scores, digest: str = "new") -> Played:
        """Play a sweep from start to exit."""
        played, budget = Played(), Budget(limits)
        self.clock.now = self.slow * self.truth.startup_seconds

        def show(low: float, high: float) -> None:
            played.told.append((self.clock.now, low, high))

        forecaster = Forecaster(self.times, digest, budget, lambda: 0.1 * self.clock.now, show)
        forecaster.begin_search(0)
        while not played.ended:
            asked = self.search.propose(played.finished).round
            if asked is None:
                break
            self._round(forecaster, budget, asked, scores, played)
        forecaster.end_search()
        ending = self.slow * self.truth.ending_seconds
        self.clock.now += ESSENTIAL * ending
        left = ending if budget.limit is None else max(0.0, budget.limit - self.clock.now)
        self.clock.now += min(left, (1.0 - ESSENTIAL) * ending)
        forecaster.keep(self.clock.now, whole=not played.ended)
        played.seconds = self.clock.now
        return played

    def _round(
        self, forecaster: Forecaster, budget: Budget, asked: Round, scores, played: Played
    ) -> None:
        plan = plan_stacks(asked.fits, self.times.time.workload, ROOMY)
        forecaster.begin_round(asked, plan)
        usable = lambda: any(one.outcome.is_ranked for one in played.finished)  # noqa: E731
        for part in forecaster.parts(plan, usable):
            self._train(forecaster, budget, part, scores, played)
            if budget.ended():
                break
        forecaster.end_round()
        played.rounds += 1
        if missing(asked, played.finished):
            played.ended = budget.ended() or forecaster.unfinished

    def _train(
        self, forecaster: Forecaster, budget: Budget, plan: StackPlan, scores, played: Played
    ) -> None:
        """Train stacks side by side: each gets its share of the time, until told to stop."""
        work = self.truth.time.of_round(plan, self.compiled)
        end = self.clock.now + self.slow * (work.again if self.kept else work.seconds)
        self.clock.programs |= set() if self.kept else self.compiled
        while self.clock.now < end and not budget.ended():
            self.clock.now += min(STEP, end - self.clock.now + 1e-9)
            for stack in plan.stacks:
                forecaster.progress(Progress(stack.number, 1, 100, len(stack.fits), 1.0))
        done = self.clock.now >= end - 1e-6
        outcome = Outcome.completed if done else Outcome.cut
        for stack in plan.stacks:
            losses = {"loss": [1.0] * 50}
            forecaster.stack_done(
                [
                    FitResult(fit, outcome, losses, 0, [], None, 0.0)  # type: ignore[arg-type]
                    for fit in stack.fits
                ]
            )
            if done:
                played.finished += [scores(fit) for fit in stack.fits]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Return the clock that budgets of this test go by."""
    scripted = Clock()
    monkeypatch.setattr(budget_module, "process_seconds", scripted)
    monkeypatch.setattr(budget_module.time, "process_time", scripted.cpu)
    monkeypatch.setattr(forecaster_module, "kept", lambda: frozenset(scripted.programs))
    return scripted


@pytest.fixture(autouse=True)
def memory(tmp_path: File, monkeypatch: pytest.MonkeyPatch) -> None:
    """Remember what is played in a cache of its own."""
    monkeypatch.setenv(CACHE, str(tmp_path))


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


def test_half_a_minute_is_enough_for_a_champion(clock: Clock) -> None:
    """On a quiet machine with 22,000 rows, though it takes ten seconds to start and six to end."""
    played = Machine(clock, 1.0, 22_000).sweep(BudgetConfig(seconds=30.0), bowl(13.0))
    assert any(one.outcome.is_ranked for one in played.finished)
    assert played.seconds <= 35.0


@pytest.mark.parametrize(("left", "half"), [(8.0, 4.0), (0.2, 0.5), (-20.0, 0.5)])
def test_the_last_training_ends_with_the_budget(clock: Clock, left: float, half: float) -> None:
    """That of the champion on all rows, which begins when the search has ended, maybe late."""
    budget, known = Budget(BudgetConfig(seconds=100.0)), times(RATES)
    forecaster = Forecaster(known, "new", budget, lambda: 0.0, lambda *_: None)
    clock.now = 100.0 - known.ending_seconds - left
    control = half_the_time(str, forecaster.spare_clock())
    clock.now += half - 0.01
    assert control.stop_reason() == ""
    clock.now += 0.02
    assert control.stop_reason() == "budget.seconds"


def test_money_ends_a_sweep_as_seconds_do(clock: Clock) -> None:
    """A minute at a price."""
    limits = BudgetConfig(cost=1.0, cost_per_hour=60.0)
    played = Machine(clock).sweep(limits, bowl(13.0))
    assert "budget.cost" in played.ended
    assert played.seconds <= 65.0


def test_the_numbers_do_not_depend_on_the_clock(clock: Clock) -> None:
    """What is trained before a budget ends is what a sweep without one trains, score for score."""
    free = Machine(clock).sweep(BudgetConfig(), bowl(11.0))
    short = Machine(clock, 2.0).sweep(BudgetConfig(seconds=90.0), bowl(11.0))
    assert 0 < len(short.finished) < len(free.finished)
    scores = {(one.fit.name, one.fit.seed): one.score for one in free.finished}
    assert all(scores[one.fit.name, one.fit.seed] == one.score for one in short.finished)


def holds(played: Played, share: float) -> bool:
    """Return whether the range held what was left for so large a share of the time."""
    held = [low <= played.seconds - now <= high for now, low, high in played.told]
    return sum(held) >= share * len(held)


@pytest.mark.parametrize(("slow", "rates"), [(0.7, RATES), (2.5, RATES), (1.6, Rates())])
@pytest.mark.parametrize(("best", "rows"), [(7.0, 22_000), (9.0, 680), (13.0, 22_000)])
def test_the_range_holds_what_is_left_and_narrows(
    clock: Clock, best: float, rows: int, slow: float, rates: Rates
) -> None:
    """New data on a machine that is faster or slower today: known from the start, never unknown again."""
    machine = Machine(clock, slow, rows, rates=rates)
    played = machine.sweep(BudgetConfig(), bowl(best))
    assert played.told[0][0] == pytest.approx(slow * machine.truth.startup_seconds)
    assert holds(played, 0.9)
    widths = [high - low for _, low, high in played.told]
    assert all(later <= sooner + 1e-9 for sooner, later in pairwise(widths))
    assert widths[-1] < 0.5 * widths[0]


@pytest.mark.parametrize(("best", "slow"), [(9.0, 0.7), (13.0, 1.0), (9.0, 2.5)])
def test_a_sweep_that_ran_before_has_a_narrow_range(clock: Clock, best: float, slow: float) -> None:
    """As its own rounds took, at today's speed; whether its programs are kept or not."""
    new = Machine(clock).sweep(BudgetConfig(), bowl(best), "every night")
    played = Machine(clock, slow, kept=True).sweep(BudgetConfig(), bowl(best), "every night")
    assert holds(played, 0.9)
    (_, least, most), (_, low, high) = new.told[0], played.told[0]
    assert high / low < 0.5 * most / least


def test_the_time_left_never_exceeds_the_budget(clock: Clock) -> None:
    """A sweep with a limit ends by then."""
    played = Machine(clock, 2.0).sweep(BudgetConfig(seconds=100.0), bowl(13.0))
    assert played.told
    assert all(low <= high <= max(0.0, 100.0 - now) + 1e-6 for now, low, high in played.told)


def test_a_search_that_goes_another_way_than_last_time_is_followed(clock: Clock) -> None:
    """Another night's rounds are no more than a guess: at the end it is not far from the truth."""
    Machine(clock).sweep(BudgetConfig(), bowl(7.0), "last night")
    played = Machine(clock).sweep(BudgetConfig(), bowl(13.0), "last night")
    now, low, high = played.told[-1]
    assert low <= played.seconds - now <= high + 1.0


def test_a_machine_is_known_by_its_sweeps(clock: Clock) -> None:
    """What was measured is what the next sweep expects."""
    machine = Machine(clock, 2.0, rates=Rates())
    machine.sweep(BudgetConfig(), bowl(9.0))
    found = history.known_rates("here")
    assert (found.pace, found.sweeps) == (pytest.approx(2.0, rel=0.2), 1)
    assert found.startup_seconds == pytest.approx(20.0, rel=0.01)
    assert found.ending_seconds == pytest.approx(12.0, rel=0.1)
