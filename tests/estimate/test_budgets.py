"""What a budget of seconds leaves for training, and which stacks are still begun."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.estimate.affordable import PLENTY, affordable
from pipeline.estimate.calibration import Calibration
from pipeline.estimate.reserve import MOST_SHARE, Facts, reserve
from pipeline.records import Stack, StackPlan
from tests.estimate.workplace import TABLE, fit

COSTS = st.lists(st.floats(0.1, 100.0), min_size=1, max_size=8)


def plan_of(costs: list[float]) -> tuple[StackPlan, dict[int, float]]:
    """Return stacks that take so many seconds each."""
    stacks = tuple(Stack(n, (fit(8, execution=n),)) for n in range(len(costs)))
    return StackPlan(stacks, "stacked", ""), dict(enumerate(costs))


@given(costs=COSTS, left=st.floats(0.0, 300.0), workers=st.integers(1, 4), usable=st.booleans())
def test_begun_stacks_are_planned_ones_that_finish_in_time(
    costs: list[float], left: float, workers: int, usable: bool
) -> None:
    """A choice and an order, never a change; in time together, or the cheapest where nothing is."""
    plan, cost = plan_of(costs)
    now = affordable(plan, lambda stack: cost[stack.number], left, workers, usable=usable)
    assert set(now.stacks) <= set(plan.stacks)
    assert len(set(now.stacks)) == len(now.stacks)
    if now == plan and sum(costs) * PLENTY <= left:
        return
    took = [cost[stack.number] for stack in now.stacks]
    assert took == sorted(took)
    in_time = sum(took) <= left * workers and max(took, default=0.0) <= left
    assert in_time or (not usable and took == [min(costs)])
    if not usable:
        assert now.stacks


@given(costs=COSTS, workers=st.integers(1, 4), usable=st.booleans())
def test_without_hurry_a_round_is_trained_as_planned(
    costs: list[float], workers: int, usable: bool
) -> None:
    """No limit, or plenty of time: the plan itself, in its order."""
    plan, cost = plan_of(costs)
    for left in (None, 1e6):
        now = affordable(plan, lambda stack: cost[stack.number], left, workers, usable=usable)
        assert now is plan


FACTS = st.builds(
    Facts,
    fits=st.integers(0, 1000),
    unwritten=st.floats(0.0, 60.0),
    open_fits=st.integers(0, 100),
    open_stacks=st.integers(0, 8),
    slowness=st.floats(0.1, 10.0),
)


@given(facts=FACTS, limit=st.floats(1.0, 1e5))
def test_the_reserve_covers_the_end_and_leaves_room_to_train(facts: Facts, limit: float) -> None:
    """At least the calibrated end at today's speed, at most a share of the budget."""
    rates = Calibration()
    kept = reserve(rates, TABLE, facts, limit)
    assert kept <= MOST_SHARE * limit
    assert kept >= min(facts.slowness * rates.ending_seconds, MOST_SHARE * limit)


@pytest.mark.parametrize("name", ["fits", "unwritten", "open_fits", "open_stacks", "slowness"])
def test_whatever_must_still_be_done_is_kept_time_for(name: str) -> None:
    """More fits to rank, more to write, more to stop, a slower machine: a larger reserve."""
    little, much = (
        reserve(Calibration(), TABLE, Facts(**{**START, name: value}), 1e6) for value in (1, 50)
    )
    assert much > little


START = {"fits": 10, "unwritten": 1.0, "open_fits": 10, "open_stacks": 1, "slowness": 1.0}
