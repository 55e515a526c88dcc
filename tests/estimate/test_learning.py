"""What a sweep teaches: the rates that explain what it measured."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.records import FitResult, Outcome, Round, Stack, StackPlan
from pipeline.forecast.calibration import Calibration
from pipeline.forecast.correction import HALF, LEAST, MOST, Correction, corrected
from pipeline.forecast.learning import Lesson, RoundRecord, StackRecord, training_rates
from pipeline.forecast.meter import FROM_DISK, SPARED, Meter
from pipeline.forecast.stacktime import Work
from tests.estimate.workplace import ROOMY, fit, stack_time

WORKS = st.builds(Work, st.floats(0.0, 50.0), st.floats(0.0, 50.0))


@given(works=st.lists(WORKS, min_size=1, max_size=20), slow=st.floats(0.3, 6.0))
def test_a_machine_slower_than_thought_is_found_out(works: list[Work], slow: float) -> None:
    """However the rounds are mixed, the corrected predictions come nearer to what was measured."""
    rounds = [(work, slow * work.seconds) for work in works]
    before, after = Correction(), corrected(rounds)
    for work, measured in rounds:
        slack = 1e-9 + 0.02 * measured
        assert abs(after.seconds(work) - measured) <= abs(before.seconds(work) - measured) + slack


def test_compiling_and_training_are_told_apart() -> None:
    """Compiling takes as long as thought, training three times as long."""
    rounds = [(Work(5.0, t), 5.0 + 3.0 * t) for t in (1.0, 30.0, 2.0, 60.0, 5.0, 40.0)] * 3
    found = corrected(rounds)
    assert found.fixed == pytest.approx(1.0, abs=0.25)
    assert found.training == pytest.approx(3.0, abs=0.25)


def test_the_latest_rounds_count_most() -> None:
    """A machine that has got a busy neighbour."""
    quiet, busy = [(Work(5.0, 5.0), 10.0)] * 10, [(Work(5.0, 5.0), 30.0)] * int(2 * HALF)
    assert corrected(quiet + busy).seconds(Work(5.0, 5.0)) == pytest.approx(30.0, rel=0.3)


@given(
    rounds=st.lists(st.tuples(WORKS, st.floats(0.0, 1e6)), max_size=10),
    expected=st.builds(Correction, st.floats(0.1, 9.0), st.floats(0.1, 9.0)),
)
def test_a_correction_stays_within_reason(
    rounds: list[tuple[Work, float]], expected: Correction
) -> None:
    """Whatever was measured, the factors are positive and bounded; without rounds nothing changes."""
    found = corrected(rounds, expected)
    for new, old in ((found.fixed, expected.fixed), (found.training, expected.training)):
        assert LEAST * old * 0.999 <= new <= MOST * old * 1.001
    assert corrected([], expected).seconds(Work(1.0, 1.0)) == pytest.approx(
        expected.fixed + expected.training
    )


@given(
    flops=st.floats(1e9, 1e12),
    step=st.floats(1e-7, 1e-3),
    loads=st.lists(
        st.tuples(st.floats(1e8, 1e12), st.integers(10, 100_000)), min_size=6, max_size=12
    ),
)
def test_rates_of_training_explain_the_stacks(
    flops: float, step: float, loads: list[tuple[float, int]]
) -> None:
    """Two rates from many stacks: predictions come nearer, stacks that compiled do not mislead."""
    known = Calibration()
    stacks = [
        StackRecord(operations, steps, operations / flops + steps * step, fresh=False)
        for operations, steps in loads
    ]
    misleading = [StackRecord(1e9, 10, 1e6, fresh=True)]
    found = training_rates([*stacks, *misleading], known)
    assert found is not None
    assert found == training_rates(stacks, known)

    def error(rate: float, seconds: float) -> float:
        return sum(
            abs(one.arithmetic / rate + one.steps * seconds - one.core_seconds) / one.core_seconds
            for one in stacks
        )

    assert error(*found) <= error(known.flops, known.step_seconds) * 1.01 + 0.15 * len(stacks)


def test_without_a_stack_that_only_trained_no_rate_is_learned() -> None:
    """And without rounds nothing at all."""
    assert training_rates([StackRecord(1e9, 10, 5.0, fresh=True)], Calibration()) is None
    assert Lesson().rates(Calibration()) == {}


def test_rounds_teach_what_compiling_and_recording_take() -> None:
    """Twice as slow beside training: twice the rates."""
    lesson = Lesson(rounds=[RoundRecord(Work(10.0, 0.1), 20.1)] * 8)
    rates = lesson.rates(Calibration())
    for name in ("round_seconds", "stack_seconds", "compile_seconds"):
        assert rates[name] == pytest.approx(2.0 * getattr(Calibration(), name), rel=0.1)


def result(one, epochs: int, outcome: Outcome = Outcome.completed) -> FitResult:
    """Return a fit that trained so many epochs in a second."""
    return FitResult(one, outcome, {"loss": [0.5] * epochs}, 0, None, None, 1.0)  # type: ignore[dict-item]


def test_the_meter_counts_what_was_trained() -> None:
    """Trials, fits, shares, the writer's work, and one leg for each round."""
    from pipeline.training.planner import plan_stacks

    time, written = stack_time(), [0.0]
    meter = Meter(time, lambda: written[0])
    fits = tuple(fit(32, rate=rate, execution=n) for rate in (0.001, 0.01) for n in range(3))
    plan = plan_stacks(fits, time.workload, ROOMY)
    meter.begin_round(plan, now=100.0)
    (stack,) = plan.stacks
    ended = [result(one, 30) for one in stack.fits[:3]]
    ended += [result(one, 8, Outcome.dropped) for one in stack.fits[3:]]
    meter.stack_done(stack, ended)
    assert meter.unwritten() == pytest.approx(6 * Calibration().tracking_seconds)
    written[0] = 3.0
    assert meter.unwritten() == 0.0
    meter.end_round(Round(0, "start", fits), len(plan.stacks), Work(2.0, 1.0), now=107.0)
    (leg,) = meter.legs
    assert (leg.phase, leg.trials, leg.fits, leg.stacks, leg.seconds) == ("start", 2, 6, 1, 7.0)
    rates = meter.rates()
    assert rates["tracking_seconds"] == pytest.approx(0.5)
    assert rates["share_dropped"] == pytest.approx(0.5)
    assert rates["share_of_epochs"] == pytest.approx(0.5)


def after(*waits: float | None, workers: int = 1) -> tuple[Meter, Work, Work]:
    """Return a meter after a round of a stack a number, whose tiles waited so long for its program.

    And what the round was predicted to take, and what of that was paid.
    """
    time = stack_time()
    meter = Meter(time, lambda: 0.0, workers)
    fits = tuple(fit(*(32 * 4**n,) * (n + 1)) for n in range(len(waits)))
    stacks = tuple(Stack(n, (one,), (32 * 4**n,) * (n + 1)) for n, one in enumerate(fits))
    plan = StackPlan(stacks, "stacked", "")
    predicted = time.of_round(plan, set())
    meter.begin_round(plan, 0.0)
    for stack, seconds in zip(stacks, waits, strict=True):
        meter.stack_done(stack, [replace(result(stack.fits[0], 30), compile_seconds=seconds)])
    paid = meter.end_round(Round(0, "start", fits), len(waits), predicted, now=9.0)
    return meter, predicted, paid


@pytest.mark.parametrize(("workers", "share"), [(1, 1.0), (2, 0.5), (8, 0.5)])
def test_the_seconds_of_compiling_are_remembered_apart(workers: int, share: float) -> None:
    """One after the other they are all waited for; side by side another stack trains meanwhile."""
    meter, predicted, paid = after(4.0, 1.5, workers=workers)
    (leg,) = meter.legs
    assert (leg.seconds, leg.compiling) == (9.0, pytest.approx(share * (5.5 - 2 * FROM_DISK)))
    assert paid == predicted
    assert after(99.0)[0].legs[0].compiling == 9.0


def test_a_program_from_the_disk_is_not_held_to_have_been_compiled() -> None:
    """Neither remembered, nor does it make the machine look faster than it is."""
    meter, predicted, paid = after(0.0, 4.0)
    (leg,), (taught,) = meter.legs, meter.lesson.rounds
    assert leg.compiling == pytest.approx(4.0 - FROM_DISK)
    assert meter.compiling_share == pytest.approx(1.0 - SPARED / 2)
    spared = SPARED * Calibration().compile_seconds
    assert (paid.fixed, taught.work.fixed) == pytest.approx([predicted.fixed - spared] * 2)


def test_what_is_never_kept_compiles_in_every_sweep() -> None:
    """By `fit`, a CNN on TensorFlow, without a folder: nothing is spared, and nothing was found."""
    meter, predicted, paid = after(None, None)
    assert (meter.legs[0].compiling, paid) == (0.0, predicted)
    assert meter.compiling_share == 1.0


def test_fits_too_short_for_early_stopping_teach_no_share() -> None:
    """Three epochs of three are no sign that fits never stop early."""
    time = stack_time()
    meter = Meter(time, lambda: 0.0)
    from pipeline.training.planner import plan_stacks

    plan = plan_stacks((fit(32, epochs=3),), time.workload, ROOMY)
    meter.begin_round(plan, 0.0)
    meter.stack_done(plan.stacks[0], [result(plan.stacks[0].fits[0], 3)])
    assert "share_of_epochs" not in meter.rates()
