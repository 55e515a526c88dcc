"""Budgets count from the start of the process and end what they should."""

from __future__ import annotations

import time

import pytest

from pipeline.config.schema import BudgetConfig
from pipeline.runtime.budget import Budget, process_seconds


def test_without_limits_nothing_ends() -> None:
    """No limit: no end, no seconds left to name."""
    budget = Budget(BudgetConfig())
    assert (budget.ended(), budget.seconds_left(), budget.fits_left(10)) == ("", None, None)


def test_seconds_of_earlier_processes_count() -> None:
    """A resumed sweep has spent what its earlier processes spent."""
    budget = Budget(BudgetConfig(seconds=process_seconds() + 100))
    budget.before = 200.0
    assert "budget.seconds" in budget.ended()


def test_money_is_time_at_a_price() -> None:
    """One unit of money at 3,600 an hour is one second."""
    budget = Budget(BudgetConfig(cost=1.0, cost_per_hour=3600.0))
    assert budget.limit == pytest.approx(1.0)
    assert budget.cost() == pytest.approx(budget.spent(), rel=0.1)


def test_the_tighter_of_time_and_money_holds_and_is_named() -> None:
    """The message names the limit that ended the sweep."""
    budget = Budget(BudgetConfig(seconds=1e6, cost=1e-6, cost_per_hour=1.0))
    assert "budget.cost" in budget.ended()


def test_the_reserve_is_taken_off() -> None:
    """Saving and testing have their time even when training uses up its own."""
    budget = Budget(BudgetConfig(seconds=process_seconds() + 50))
    assert budget.ended() == ""
    budget.reserve = 60
    assert "60 s of the budget kept" in budget.ended()


def test_a_budget_that_has_ended_stays_so() -> None:
    """Less to keep back afterwards is no reason to begin again."""
    budget = Budget(BudgetConfig(seconds=process_seconds() + 50))
    budget.reserve = 60
    ended = budget.ended()
    budget.reserve = 0
    assert budget.ended() == ended != ""


def test_a_clock_that_is_set_back_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the monotonic clock counts once the process runs."""
    before = process_seconds()
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert 0 <= process_seconds() - before < 5


@pytest.mark.parametrize(("done", "left"), [(0, 6), (4, 2), (9, 0)])
def test_fits_left_never_falls_below_none(done: int, left: int) -> None:
    """The budget of fits counts down to zero."""
    assert Budget(BudgetConfig(fits=6)).fits_left(done) == left
