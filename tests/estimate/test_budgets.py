"""What a budget of seconds leaves for training, and which fits are still begun."""

from __future__ import annotations

import functools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.records import Stack, StackPlan
from pipeline.forecast.affordable import PLENTY, affordable, by_importance, narrowed, without
from pipeline.forecast.reserve import MOST_SHARE, Facts, reserve
from tests.estimate.workplace import TABLE, fit

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

    def __call__(self, stack: Stack, epochs: float | None = None) -> float:
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
    now = affordable(plan, seconds, left, workers, must=must)
    assert set(fits_of(now)) <= set(fits_of(plan))
    rest = without(plan, now)
    assert sorted(map(repr, fits_of(now) + fits_of(rest))) == sorted(map(repr, fits_of(plan)))
    if must:
        assert now.stacks
    elif now.stacks:
        assert min(seconds(stack, epochs=1.0) for stack in now.stacks) <= left
    cheapest = min(costs)
    if cheapest * SEEDS <= left:  # a trial would finish: the time is used
        assert now.stacks
    if cheapest * len(RATES) * SEEDS <= left:
        assert bracket(costs.index(cheapest), 8 + costs.index(cheapest)) in now.stacks


@given(costs=COSTS, workers=st.integers(1, 4), must=st.booleans())
def test_without_hurry_a_round_is_trained_as_planned(
    costs: list[float], workers: int, must: bool
) -> None:
    """No limit, or plenty of time: the plan itself, in its order."""
    plan, seconds = plan_of(costs)
    for left in (None, PLENTY * 1e4):
        assert affordable(plan, seconds, left, workers, must=must) is plan


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


FACTS = st.builds(
    Facts,
    usable=st.just(value=True),
    table=st.just(TABLE),
    fits=st.integers(0, 1000),
    writing=st.floats(0.0, 0.1),
    unwritten=st.floats(0.0, 60.0),
    load=st.floats(1.0, 3.0),
)


@given(facts=FACTS, limit=st.floats(1.0, 1e5))
def test_the_reserve_is_a_seventh_of_a_budget_at_most(facts: Facts, limit: float) -> None:
    """15 %; and nothing while there is nothing to save."""
    assert 0.0 < reserve(facts, limit) <= 0.15 * limit
    assert MOST_SHARE == 0.15
    assert reserve(replace(facts, usable=False), limit) == 0.0


@pytest.mark.parametrize("name", ["fits", "unwritten", "writing", "load"])
def test_whatever_must_still_be_done_is_kept_time_for(name: str) -> None:
    """More fits to rank, more to write, a machine with other work to do: a larger reserve."""
    start = {"fits": 10, "unwritten": 1.0, "writing": 0.1, "load": 1.0}
    little, much = (
        reserve(Facts(usable=True, table=TABLE, **{**start, name: value}), 1e6) for value in (1, 50)
    )
    assert much > little


def test_a_table_of_a_million_rows_and_ten_classes_has_more_to_predict() -> None:
    """Test and validation rows, and a tree of each class."""
    large = replace(TABLE, rows=1_000_000, train=700_000, inputs=28)
    sizes = [TABLE, large, replace(large, outputs=10)]
    kept = [reserve(Facts(usable=True, table=table), 1e6) for table in sizes]
    assert kept[0] < 10 < kept[1] < kept[2] < 60
