"""Seconds of stacks and rounds: more work never takes less, and programs are compiled once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.records import Stack, StackPlan
from pipeline.forecast.stacktime import ENCODED_BYTES, KEPT
from pipeline.training.cost import COMPILE_SECONDS, SHARE_OF_EPOCHS, Cost
from pipeline.training.planner import plan_stacks
from tests.forecast.workplace import EPOCHS, ROOMY, fit, stack_time


def seconds(stack: Stack, rows: int = 680, epochs: float | None = None) -> float:
    """Return the seconds of a stack on one core that compiles nothing."""
    time = stack_time(rows, cores=1)
    known = time.prepared(StackPlan((stack,), "stacked", ""))
    return time.of_stack("stacked", stack, known, 1, epochs)


@given(
    networks=st.lists(st.sampled_from([8, 32, 64]), min_size=1, max_size=6),
    wider=st.integers(0, 64),
)
def test_more_work_never_takes_less(networks: list[int], wider: int) -> None:
    """One more fit in a stack, or a stack padded to wider layers."""
    fits = tuple(fit(width, execution=n) for n, width in enumerate(networks))
    assert seconds(Stack(0, (*fits, fit(8)), (64,))) > seconds(Stack(0, fits, (64,)))
    assert seconds(Stack(0, fits, (64 + wider,))) >= seconds(Stack(0, fits, (64,)))


@given(rows=st.integers(40, 5000), factor=st.integers(2, 8))
def test_training_follows_the_rows(rows: int, factor: int) -> None:
    """A larger table takes longer, and no more so than its rows and their larger batches say."""
    stack = Stack(0, tuple(fit(64, 64, execution=n) for n in range(4)), (64, 64))
    beside = seconds(stack, rows, epochs=0.0)
    small, large = (seconds(stack, n) - beside for n in (rows, rows * factor))
    assert small < large <= 1.5 * (factor + 1) * small


def test_fewer_epochs_take_less() -> None:
    """An epoch of each fit is a share of what fits usually train."""
    stack = Stack(0, tuple(fit(64, 64, execution=n) for n in range(4)), (64, 64))
    beside = seconds(stack, epochs=0.0)
    one, usual = seconds(stack, epochs=1.0) - beside, seconds(stack) - beside
    assert usual == pytest.approx(SHARE_OF_EPOCHS * EPOCHS * one)


def test_a_program_is_compiled_once() -> None:
    """The second round with the same networks pays for no compilation."""
    time, compiled = stack_time(), set()
    work = time.workload
    plan = plan_stacks([fit(32, execution=n) for n in range(3)], work, ROOMY)
    first, again = (time.of_round(plan, compiled) for _ in range(2))
    (stack,) = plan.stacks
    price = Cost(work).compile_seconds(stack.fits[0].trial, stack.padded_units)
    assert first.compiling == pytest.approx(KEPT * price)
    inputs = Cost(work).table("standard") / ENCODED_BYTES
    assert first.seconds - again.seconds == pytest.approx(price + inputs)
    assert again.compiling == 0.0


def test_a_slower_machine_takes_longer() -> None:
    """All of it in proportion: one rate."""
    plan = plan_stacks([fit(32, execution=n) for n in range(3)], stack_time().workload, ROOMY)
    usual, slow = (stack_time(pace=pace).of_round(plan, set()) for pace in (1.0, 3.0))
    assert (slow.again, slow.compiling) == pytest.approx((3 * usual.again, 3 * usual.compiling))


def test_stacks_share_the_cores() -> None:
    """Two at once take longer each than one alone, where there are only two cores."""
    stack = Stack(0, tuple(fit(64, 64, execution=n) for n in range(8)), (64, 64))
    alone, beside = (stack_time().of_stack("stacked", stack, set(), n, None) for n in (1, 2))
    assert alone < beside


def test_the_linear_model_and_model_fit_are_timed_too() -> None:
    """No hidden widths to pad, and an engine that compiles for every trial anew and keeps nothing."""
    assert seconds(Stack(0, (fit(), fit(execution=1)))) > 0.0
    plan = StackPlan((Stack(0, (fit(32),)), Stack(1, (fit(64),))), "fit", "")
    work = stack_time().of_round(plan, compiled := set())
    assert work.compiling == 0.0
    assert len(compiled) == 2 + 1  # and the inputs of both
    assert work.again > 2 * COMPILE_SECONDS


def test_the_inputs_of_an_encoding_are_made_once() -> None:
    """The first stack of an encoding pays for its inputs, which follow the rows; the next finds them."""
    stack = Stack(0, (fit(32),), (32,))
    for rows in (1000, 100_000):
        time = stack_time(rows)
        prepared = time.prepared(StackPlan((stack,), "stacked", ""))
        programs = {key for key in prepared if key != ("standard", stack.fits[0].fold)}
        assert len(programs) == len(prepared) - 1
        with_inputs = time.of_stack("stacked", stack, programs, 1, 0.0)
        without = time.of_stack("stacked", stack, prepared, 1, 0.0)
        assert with_inputs - without == pytest.approx(
            Cost(time.workload).table("standard") / ENCODED_BYTES
        )
