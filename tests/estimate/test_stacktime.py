"""Seconds of stacks and rounds: more work never takes less, and programs are compiled once."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.control import Progress
from pipeline.core.records import Stack, StackPlan
from pipeline.forecast.calibration import Calibration
from pipeline.forecast.inround import InRound
from pipeline.forecast.stacktime import Work
from pipeline.training.planner import plan_stacks
from tests.estimate.workplace import ROOMY, fit, stack_time


def planned(fits, time) -> StackPlan:
    """Return fits packed into stacks."""
    return plan_stacks(tuple(fits), time.workload, ROOMY)


@given(
    networks=st.lists(st.sampled_from([8, 32, 64]), min_size=1, max_size=6),
    wider=st.integers(0, 64),
)
def test_more_work_never_takes_less(networks: list[int], wider: int) -> None:
    """One more fit in a stack, or a stack padded to wider layers."""
    time = stack_time()
    fits = tuple(fit(width, execution=n) for n, width in enumerate(networks))
    stack = Stack(0, fits, (64,))
    seconds = time.core_seconds("stacked", stack)
    assert time.core_seconds("stacked", Stack(0, (*fits, fit(8)), (64,))) > seconds
    assert time.core_seconds("stacked", Stack(0, fits, (64 + wider,))) >= seconds


@given(epochs=st.lists(st.integers(1, 200), min_size=1, max_size=6))
def test_a_stack_takes_as_long_as_its_fits(epochs: list[int]) -> None:
    """Also where they may train for different numbers of epochs, as Hyperband's do."""
    time = stack_time()
    fits = tuple(fit(32, 16, execution=n, epochs=most) for n, most in enumerate(epochs))
    stack = Stack(0, fits, (64, 64))
    alone = sum(time.fit_seconds("stacked", one, stack) for one in fits)
    assert time.core_seconds("stacked", stack) == pytest.approx(alone)


@given(rows=st.integers(40, 5000), factor=st.integers(2, 8))
def test_training_follows_the_rows(rows: int, factor: int) -> None:
    """A larger table takes longer, and no more so than its rows and their larger batches say."""
    stack = Stack(0, tuple(fit(64, 64, execution=n) for n in range(4)), (64, 64))
    small, large = (
        stack_time(rows=n).of_stack("stacked", stack, set()) for n in (rows, rows * factor)
    )
    assert small.training < large.training <= 1.5 * (factor + 1) * small.training
    assert small.fixed == large.fixed


def test_a_program_is_compiled_once() -> None:
    """The second round with the same networks pays for no compilation."""
    time, compiled = stack_time(), set()
    plan = planned([fit(32, execution=n) for n in range(3)], time)
    first = time.of_round(plan, compiled)
    again = time.of_round(plan, compiled)
    assert first.fixed - again.fixed == pytest.approx(Calibration().compile_seconds)
    assert first.training == again.training
    half = time.with_compiling(0.5).of_round(plan, set())
    assert first.fixed - half.fixed == pytest.approx(0.5 * Calibration().compile_seconds)
    assert half.training == first.training


def test_the_linear_model_and_model_fit_are_timed_too() -> None:
    """No hidden widths to pad, and an engine that compiles for every trial anew."""
    time = stack_time()
    linear = time.of_stack("stacked", Stack(0, (fit(), fit(execution=1))), set())
    assert linear.training > 0.0
    plan = StackPlan((Stack(0, (fit(32),)), Stack(1, (fit(64),))), "fit", "")
    alone = sum(time.core_seconds("fit", stack) for stack in plan.stacks)
    assert time.of_round(plan, set()).training == pytest.approx(1.2 * alone)


@given(live=st.integers(1, 9), epoch=st.integers(1, 59))
def test_what_is_left_of_a_round_shrinks_as_it_trains(live: int, epoch: int) -> None:
    """Every epoch and every fit that stops takes work away; a finished round has none left."""
    time = stack_time()
    plan = planned([fit(32, execution=n) for n in range(9)], time)
    (stack,) = plan.stacks
    here = InRound(plan, time, set())
    assert here.left().seconds == pytest.approx(time.of_round(plan, set()).seconds)
    here.progress(Progress(stack.number, epoch, 60, live, 0.5))
    before = here.left().training
    here.progress(Progress(stack.number, epoch + 1, 60, live, 0.5))
    assert here.left().training <= before
    here.progress(Progress(stack.number, epoch + 1, 60, live - 1, 0.5))
    assert here.left().training <= before
    here.done(stack)
    assert here.left() == Work(Calibration().round_seconds, 0.0)


def test_dropped_rates_shorten_a_round() -> None:
    """Where rates are dropped after some epochs, the others' epochs are not theirs."""
    rates = Calibration(share_dropped=0.5)
    one = fit(32)
    with_drops, without = stack_time(rates), stack_time(rates, drop_after=0)
    assert with_drops.epochs(one) < without.epochs(one)
    assert replace(rates, share_dropped=0.0).share_of_epochs * 60 == without.epochs(one)
