"""What a budget of seconds leaves for training, and which fits are still begun."""

from __future__ import annotations

import functools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.records import Stack, StackPlan
from pipeline.forecast.budgeting import (
    MOST_SHARE,
    PLENTY,
    by_importance,
    fitting,
    narrowed,
    reserve,
    without,
)
from tests.forecast.workplace import TABLE, fit

COSTS = st.lists(st.floats(0.1, 100.0), min_size=1, max_size=8)
RATES = (0.001, 0.003, 0.01)
SEEDS = 3


@functools.cache
def bracket(number: int, width: int = 8) -> Stack:
    """Return three rates with three seeds each."""
    fits = [fit(width, rate=rate, execution=seed) for rate in RATES for seed in range(SEEDS)]
    return Stack(number, tuple(fits), (width,))


def plan_of(costs: list[float]) -> tuple[StackPlan, Clocked]:
    """Return stacks whose fits take so many seconds each, a tenth of it for an epoch."""
    stacks = tuple(bracket(n, 8 + n) for n in range(len(costs)))
    return StackPlan(stacks, "stacked", ""), Clocked(dict(enumerate(costs)))


class Clocked:
    """Seconds of stacks by the number of their fits."""

    def __init__(self, costs: dict[int, float]) -> None:
        """Take the seconds of one fit of each stack."""
        self.costs = costs

    def __call__(self, stack: Stack, epochs: float | None) -> float:
        """Return the seconds."""
        share = 1.0 if epochs is None else 0.1 * epochs
        return share * self.costs[stack.number] * len(stack.fits)


def fits_of(plan: StackPlan) -> list:
    """Return all fits of a plan."""
    return [one for stack in plan.stacks for one in stack.fits]


@given(costs=COSTS, left=st.floats(0.0, 3000.0), workers=st.integers(1, 4), must=st.booleans())
def test_begun_fits_are_planned_ones_that_have_time_for_an_epoch(
    costs: list[float], left: float, workers: int, must: bool
) -> None:
    """A choice and an order, never a change; one trial in any case where it must be."""
    plan, seconds = plan_of(costs)
    now = fitting(plan, seconds, left, workers, must=must)
    assert set(fits_of(now)) <= set(fits_of(plan))
    rest = without(plan, now)
    assert sorted(map(repr, fits_of(now) + fits_of(rest))) == sorted(map(repr, fits_of(plan)))
    if must:
        assert now.stacks
    elif now.stacks:
        assert min(seconds(stack, 1.0) for stack in now.stacks) <= left
    cheapest = min(costs)
    if cheapest * SEEDS <= left:  # a trial would finish: the time is used
        assert now.stacks
    share = min(left, left * workers / len(costs))  # of each stack, where not all would finish
    if cheapest * len(RATES) * SEEDS <= share:
        assert bracket(costs.index(cheapest), 8 + costs.index(cheapest)) in now.stacks


@given(costs=COSTS, workers=st.integers(1, 4), must=st.booleans())
def test_without_hurry_a_round_is_trained_as_planned(
    costs: list[float], workers: int, must: bool
) -> None:
    """No limit, or plenty of time: the plan itself, in its order."""
    plan, seconds = plan_of(costs)
    for left in (None, PLENTY * 1e4):
        assert fitting(plan, seconds, left, workers, must=must) is plan


def test_where_stacks_wait_for_workers_and_time_is_short_each_has_its_share() -> None:
    """Three encodings on two workers, time for a half: none is left out for the rates of another."""
    plan, seconds = plan_of([1.0, 2.0, 2.0])
    now = fitting(plan, seconds, 15.0, 2, must=False)
    assert [one.number for one in now.stacks] == [0, 1, 2]
    assert [len(one.fits) for one in now.stacks] == [9, 5, 3]
    assert {one.trial.learning_rate for one in now.stacks[2].fits} == {RATES[1]}


def test_trials_are_trained_one_after_the_other_where_time_is_short() -> None:
    """A trial with all its seeds counts; two with some of them may not."""
    fits = [
        fit(width, rate=rate, execution=seed)
        for width in (8, 16)
        for rate in RATES
        for seed in range(SEEDS)
    ]
    order = by_importance(fits)
    trials = [order[at].trial for at in range(0, len(order), SEEDS)]
    assert [one.trial for one in order] == [one for one in trials for _ in range(SEEDS)]
    assert [one.learning_rate for one in trials[:2]] == [RATES[1]] * 2


def test_the_middle_rate_goes_first_with_all_its_seeds() -> None:
    """It is the best rate of the network that was grown from; the order of the stack is kept."""
    stack = bracket(0)
    first = by_importance(stack.fits)[:SEEDS]
    assert {one.trial.learning_rate for one in first} == {RATES[1]}
    part = narrowed(stack, Clocked({0: 1.0}), 4.5)
    assert len(part.fits) == SEEDS + 1
    assert [one for one in stack.fits if one in part.fits] == list(part.fits)
    assert part == replace(stack, fits=part.fits)
    assert len(narrowed(stack, Clocked({0: 1.0}), 0.0).fits) == SEEDS


@given(limit=st.floats(1.0, 1e5), ending=st.floats(1.0, 60.0), writing=st.floats(0.0, 60.0))
def test_the_reserve_is_a_seventh_of_a_budget_at_most(
    limit: float, ending: float, writing: float
) -> None:
    """15 %."""
    assert 0.0 < reserve(TABLE, limit, ending, writing) <= 0.15 * limit
    assert MOST_SHARE == 0.15


@pytest.mark.parametrize("more", [{"ending": 27.0}, {"writing": 50.0}])
def test_whatever_must_still_be_done_is_kept_time_for(more: dict[str, float]) -> None:
    """More to write, a machine whose endings take longer: a larger reserve."""
    little = {"ending": 9.0, "writing": 1.0}
    assert reserve(TABLE, 1e6, **{**little, **more}) > reserve(TABLE, 1e6, **little)


def test_a_table_of_a_million_rows_and_ten_classes_has_more_to_predict() -> None:
    """Test and validation rows, and a tree of each class."""
    large = replace(TABLE, rows=1_000_000, train=700_000, inputs=28)
    tables = [TABLE, large, replace(large, outputs=10)]
    kept = [reserve(table, 1e6, 6.0 + table.baseline_seconds, 0.0) for table in tables]
    assert kept[0] < 10 < kept[1] < kept[2] < 60
