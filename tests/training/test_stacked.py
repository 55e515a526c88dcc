"""How the stacked engine works: chunks, tiles, companions and programs must not change a number."""

from __future__ import annotations

import gc
import logging
import threading
import time
import weakref
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import psutil
import pytest

from pipeline.compute.local import run_here
from pipeline.config.schema import ComputeConfig
from pipeline.core.control import Stopped
from pipeline.core.records import Arrays, Outcome, Stack, StackPlan
from pipeline.training import sizes
from pipeline.training.engine import engine
from pipeline.training.engine import train as train_or_split
from pipeline.training.families.mlp import of_widths
from pipeline.training.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pipeline.core.family import Family
    from pipeline.core.records import Fit, FitResult

WIDTHS = (16,)
"""Padded widths of nearly all stacks here: one program."""

SOME_STEPS = replace(sizes.CPU, flops=6 * 32 * 81 * sizes.CPU.members * 2)
"""A call trains two of the three steps of an epoch."""


@pytest.fixture(scope="module")
def family(regression: Arrays, make_family: Callable[..., Family]) -> Family:
    """MLPs for the regression."""
    return make_family(regression)


@pytest.fixture(scope="module")
def fits(family: Family, make_fits: Callable[..., tuple[Fit, ...]]) -> tuple[Fit, ...]:
    """Return six fits of two widths that stop at different epochs."""
    rates = (0.3, 0.01, 0.003)
    return tuple(
        fit for width in (16, 9) for fit in make_fits(family, of_widths(width), rates, epochs=9)
    )


@pytest.fixture
def stacked(regression: Arrays, family: Family, stopping_control: type) -> Callable[..., Any]:
    """`stacked(fits, control=..., arrays=...)`: train as one stack of the usual widths."""

    def trained(
        fits: Iterable[Fit], control: Any = None, arrays: Arrays = regression, **options: Any
    ) -> list[FitResult]:
        told = Settings(**{"patience": 2, **options})
        stack = Stack(3, tuple(fits), WIDTHS)
        return engine("stacked")(stack, arrays, family, told, control or stopping_control())

    return trained


def same(one: FitResult, other: FitResult) -> bool:
    """Tell whether two results are equal bit for bit."""
    curves = all(np.array_equal(one.curves[n], other.curves[n]) for n in one.curves)
    pairs = zip(one.weights or (), other.weights or (), strict=True)
    ended = (one.fit, one.outcome, one.best_epoch) == (other.fit, other.outcome, other.best_epoch)
    return ended and curves and all(np.array_equal(a, b) for a, b in pairs)


def test_training_again_gives_the_same_bits(stacked: Any, fits: tuple[Fit, ...]) -> None:
    """Nothing is left behind by a stack that changes the next."""
    first, second = stacked(fits), stacked(fits)
    assert len({result.epochs for result in first}) > 1
    assert all(map(same, first, second))


def test_companions_and_tiles_change_nothing(stacked: Any, fits: tuple[Fit, ...]) -> None:
    """A fit has the same bits in any place, beside any other fit, diverging ones included."""
    together = stacked(fits)
    broken = replace(fits[0], trial=fits[0].trial.with_rate(1e30))
    beside = stacked([broken, *reversed(fits)])
    assert beside[0].outcome is Outcome.diverged
    assert beside[0].weights is None
    assert all(map(same, beside[1:], reversed(together)))


def test_more_fits_than_a_tile_holds_are_repacked(stacked: Any, fits: tuple[Fit, ...]) -> None:
    """Three tiles of which most members stop early: moved members go on as if nothing happened."""
    many = [replace(fit, seed=seed, execution=seed) for seed in range(4) for fit in fits]
    assert len(many) > 2 * sizes.CPU.members
    together = stacked(many)
    assert all(same(one, stacked([one.fit] * 5)[0]) for one in together[::5])


def test_the_length_of_a_chunk_changes_nothing(
    stacked: Any, fits: tuple[Fit, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some steps, one epoch or many epochs of a call: the same bits."""
    whole = stacked(fits)
    monkeypatch.setattr(sizes, "MOST_EPOCHS", 2)
    assert all(map(same, stacked(fits), whole))
    monkeypatch.setattr(sizes, "CPU", SOME_STEPS)
    assert all(map(same, stacked(fits), whole))


def test_a_stop_cuts_open_fits(stacked: Any, fits: tuple[Fit, ...], stopping_control: Any) -> None:
    """What is not finished is cut, with the reason; before the first epoch's end without weights."""
    results = stacked(fits, stopping_control(0))
    assert {result.outcome for result in results} == {Outcome.cut}
    assert {result.message for result in results} == {"the budget has ended"}
    assert all(result.weights is None for result in results)


def test_a_stop_inside_an_epoch_discards_it(
    stacked: Any, fits: tuple[Fit, ...], stopping_control: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Curves hold whole epochs only, and those are as in an undisturbed run."""
    whole = stacked(fits)
    monkeypatch.setattr(sizes, "CPU", SOME_STEPS)
    cut = stacked(fits, stopping_control(6))
    assert {result.outcome for result in cut} <= {Outcome.cut, Outcome.completed}
    for one, other in zip(cut, whole, strict=True):
        assert one.epochs < other.epochs
        np.testing.assert_array_equal(one.curves["loss"], other.curves["loss"][: one.epochs])


def test_what_is_cut_keeps_its_best_epoch_and_what_had_ended_is_done(
    stacked: Any, fits: tuple[Fit, ...], stopping_control: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Score, network and row losses are those of a fit that was allowed so many epochs."""
    whole = stacked(fits)
    monkeypatch.setattr(sizes, "MOST_EPOCHS", 1)
    early = min(result.epochs for result in whole)
    results = stacked(fits, stopping_control(1 + 3 * (early + 1)))
    done = [one for one in results if one.outcome is Outcome.completed]
    cut = [one for one in results if one.outcome is Outcome.cut]
    assert done
    assert cut
    for one in done:
        assert same(one, next(other for other in whole if other.fit == one.fit))
    for one in cut:
        assert one.epochs > 0
        (shorter,) = stacked([replace(one.fit, epochs=one.epochs)])
        np.testing.assert_array_equal(one.row_losses, shorter.row_losses)
        pairs = zip(one.weights, shorter.weights, strict=True)
        assert all(np.array_equal(a, b) for a, b in pairs)


def test_progress_is_reported(stacked: Any, fits: tuple[Fit, ...], stopping_control: Any) -> None:
    """At least once, with the stack's number and the best objective so far."""
    control = stopping_control()
    results = stacked(fits, control)
    assert control.reports
    last = control.reports[-1]
    assert (last.stack, last.epochs) == (3, 9)
    assert last.best >= min(result.best("val_loss") for result in results)


def test_programs_are_reused(
    stacked: Any, fits: tuple[Fit, ...], regression: Arrays, make_family: Callable[..., Family]
) -> None:
    """Other rates, seeds, widths, epochs, patience, rows of a fold and a new family: no compiling."""
    from pipeline.training.stacked.engine import PROGRAMS

    stacked(fits)
    before = PROGRAMS.count
    stacked([replace(fit, seed=9, epochs=4) for fit in fits], patience=5, min_delta=0.1)
    fewer = replace(regression, x_train=regression.x_train[1:], y_train=regression.y_train[1:])
    stacked(fits, arrays=fewer)
    new = make_family(regression)
    told = Settings(patience=2)
    other = [replace(fit, trial=replace(fit.trial, capacity=of_widths(5))) for fit in fits]
    engine("stacked")(Stack(0, tuple(other), WIDTHS), regression, new, told, _Silent())
    assert before == PROGRAMS.count


class _Silent:
    def report(self, progress: Any) -> None: ...

    def stop_reason(self) -> str:
        return ""


@pytest.mark.parametrize("options", [{"optimizer": "nadam"}])
def test_what_cannot_be_stacked_is_trained_by_fit(
    stacked: Any, fits: tuple[Fit, ...], caplog: pytest.LogCaptureFixture, options: dict[str, Any]
) -> None:
    """With one line that says why."""
    with caplog.at_level(logging.INFO):
        results = stacked([replace(fit, epochs=1) for fit in fits[:2]], **options)
    assert [result.outcome for result in results] == [Outcome.completed] * 2
    assert "stack 3 is trained by model.fit: optimizer nadam" in caplog.text


def test_a_table_too_large_for_another_copy_is_trained_by_fit(
    fits: tuple[Fit, ...],
    regression: Arrays,
    family: Family,
    stopping_control: Any,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """From where it is, with a line that says why and which setting decides."""
    monkeypatch.setattr("pipeline.runtime.memory.free", lambda: 2000)
    caplog.set_level(logging.INFO)
    two = Stack(3, tuple(replace(fit, epochs=1) for fit in fits[:2]), WIDTHS)
    results = engine("stacked")(two, regression, family, Settings(), stopping_control())
    assert [one.outcome for one in results] == [Outcome.completed] * 2
    assert "stack 3 is trained by model.fit: another copy of its table takes" in caplog.text
    assert "stacks may use 1e-06 GB (training.memory_share)" in caplog.text


def test_stacks_side_by_side_give_the_same_bits(
    stacked: Any, fits: tuple[Fit, ...], regression: Arrays, family: Family
) -> None:
    """Two threads on one program change nothing, and every stack comes back once."""
    alone = stacked(fits)
    plan = StackPlan(tuple(Stack(n, fits, WIDTHS) for n in range(4)), "stacked", "")
    told = Settings(patience=2)
    done = {
        stack.number: results
        for stack, results in run_here(
            plan, lambda *_: regression, family, told, _Silent(), ComputeConfig(workers=2)
        )
    }
    assert sorted(done) == [0, 1, 2, 3]
    assert all(same(a, b) for results in done.values() for a, b in zip(results, alone, strict=True))


def test_a_stop_while_inputs_are_made_cuts_that_stack_alone(
    fits: tuple[Fit, ...], regression: Arrays, family: Family
) -> None:
    """The stack whose arrays exist is trained to its end, although the other was planned first."""
    plan = StackPlan((Stack(0, fits[:1], WIDTHS), Stack(1, fits[1:], WIDTHS)), "stacked", "")

    def arrays_of(fit: Fit, _: object) -> Arrays:
        if fit in plan.stacks[0].fits:
            raise Stopped("the budget ends")
        return regression

    done = {
        stack.number: results
        for stack, results in run_here(
            plan, arrays_of, family, Settings(patience=2), _Silent(), ComputeConfig(workers=2)
        )
    }
    assert [(r.outcome, r.message) for r in done[0]] == [(Outcome.cut, "the budget ends")]
    assert all(result.outcome is Outcome.completed for result in done[1])


def test_inputs_are_not_made_to_their_end_when_a_round_ends_early(
    fits: tuple[Fit, ...], regression: Arrays, family: Family
) -> None:
    """After an error, such as a full disk, no stack goes on encoding, nor begins to."""
    plan = StackPlan(tuple(Stack(n, fits[n : n + 1], WIDTHS) for n in range(3)), "stacked", "")
    begun, made = threading.Event(), []

    def arrays_of(fit: Fit, go_on: Callable[[], None]) -> Arrays:
        if fit not in plan.stacks[0].fits:
            begun.set()
            for _ in range(100):
                time.sleep(0.05)
                go_on()
            made.append(fit)
        return regression

    told = Settings(patience=2), _Silent(), ComputeConfig(workers=3)
    round_ = run_here(plan, arrays_of, family, *told)
    assert next(round_)[0].number == 0
    assert begun.wait(60)
    round_.close()  # type: ignore[attr-defined] # waits for the threads
    assert made == []


class _Hungry:
    """An engine that runs out of memory with more fits than it can hold."""

    name = "hungry"

    def __init__(self, most: int) -> None:
        self.most, self.trained = most, list[int]()

    def __call__(self, stack: Stack, *_: Any) -> list[FitResult]:
        if len(stack.fits) > self.most:
            raise MemoryError("RESOURCE_EXHAUSTED: 3 GiB")
        self.trained.append(len(stack.fits))
        return [_result(fit) for fit in stack.fits]


def _result(fit: Fit) -> FitResult:
    from pipeline.core.records import FitResult

    return FitResult(fit, Outcome.completed, {}, 0, None, None, 0.0)


def test_a_stack_without_memory_is_halved(fits: tuple[Fit, ...], family: Family) -> None:
    """Until it fits, with results in the order of the fits; a single fit is then infeasible."""
    hungry = _Hungry(2)
    arguments: Any = (None, family, Settings(), _Silent())
    results = train_or_split(hungry, Stack(0, fits), *arguments)
    assert [result.fit for result in results] == list(fits)
    assert max(hungry.trained) == 2
    results = train_or_split(_Hungry(0), Stack(0, fits[:2]), *arguments)
    assert [result.outcome for result in results] == [Outcome.infeasible] * 2
    assert "does not fit into memory: RESOURCE_EXHAUSTED" in results[0].message


def test_programming_errors_are_not_swallowed(fits: tuple[Fit, ...], family: Family) -> None:
    """Only running out of memory may split a stack."""

    class Broken(_Hungry):
        def __call__(self, stack: Stack, *_: Any) -> list[FitResult]:
            raise TypeError(str(stack.number))

    arguments: Any = (None, family, Settings(), _Silent())
    with pytest.raises(TypeError):
        train_or_split(Broken(0), Stack(0, fits), *arguments)


@pytest.mark.rare
@pytest.mark.slow
def test_a_thousand_fits_do_not_grow_the_process(stacked: Any, fits: tuple[Fit, ...]) -> None:
    """Memory of its own after 1,000 fits is at most 1.2 times that after 100."""
    process = psutil.Process()
    sizes_seen = []
    for count in range(1, 1009 // 48 + 1):
        stacked([replace(fit, seed=seed + 8 * count) for seed in range(8) for fit in fits])
        gc.collect()
        sizes_seen.append(process.memory_full_info().uss)
    assert sizes_seen[-1] < 1.2 * sizes_seen[1]


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="JAX frees its programs itself")
def test_a_program_takes_what_it_compiled_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many sweeps in one process: what TensorFlow compiles for eager functions would stay for good."""
    import tensorflow as tf

    from pipeline.training.stacked.backend import Compiled

    sessions: list[Any] = []

    class Watched(tf.compat.v1.Session):
        def __init__(self, **settings: Any) -> None:
            super().__init__(**settings)
            sessions.append(weakref.ref(self))

    monkeypatch.setattr(tf.compat.v1, "Session", Watched)
    example = ({"a": tf.constant([1.0, 2.0])}, tf.constant(3, "int32"))

    def ones(arrays: Any, count: Any) -> Any:  # `==` must stay a comparison of values
        return {"ones": tf.cast(arrays["a"] == 1.0, "int32") * count}

    program = Compiled.traced(ones, example)
    program.compile(example)
    assert np.asarray(program(*example)["ones"]).tolist() == [3, 0]
    (session,) = sessions
    assert session() is not None
    del program
    gc.collect()
    assert session() is None
