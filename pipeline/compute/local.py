"""Stacks on this machine: side by side in threads, because XLA works without Python's lock."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed

from pipeline.config.schema import ComputeConfig, TrainingConfig
from pipeline.core.control import Control, GoOn, Stopped, Unattended, go_on
from pipeline.core.family import Family
from pipeline.core.records import Arrays, Fit, FitResult, Stack, StackPlan
from pipeline.runtime import memory
from pipeline.training.engine import engine, never_begun, train
from pipeline.training.planner import Limits
from pipeline.training.settings import Settings
from pipeline.training.threads import cores, prepare


def run_here(
    plan: StackPlan,
    arrays_of: Callable[[Fit, GoOn], Arrays],
    family: Family,
    settings: Settings,
    control: Control,
    config: ComputeConfig,
) -> Iterator[tuple[Stack, list[FitResult]]]:
    """Train the stacks of a round on this machine and yield each with its results as soon as it has ended.

    Args:
        plan: The stacks, and the engine that trains them.
        arrays_of: Returns the arrays of a fit; the fits of a stack share them. One thread calls it at a
            time, beside stacks in training, with what raises Stopped where it must end: the stack is cut.
        control: Receives progress, and may stop training; open fits are then cut.

    Yields:
        Every stack of the plan, in the order in which they end, its results in the order of its fits.
    """
    prepare(convolutional=family.convolutional)  # before TensorFlow starts: sums follow the threads
    trainer = engine(plan.engine)
    closed = threading.Event()
    closing = Unattended(
        lambda: "closed" if closed.is_set() else control.stop_reason(), control.report
    )
    workers, encoding = stacks_at_once(plan.engine, config), threading.Lock()

    def trained(stack: Stack) -> list[FitResult]:
        try:
            with encoding:
                arrays = arrays_of(stack.fits[0], lambda: go_on(closing))
        except Stopped as stopped:
            return [never_begun(fit, str(stopped)) for fit in stack.fits]
        return train(trainer, stack, arrays, family, settings, closing)

    with ThreadPoolExecutor(workers, thread_name_prefix="stack") as pool:
        waiting = {pool.submit(trained, stack): stack for stack in plan.stacks}
        try:
            for done in as_completed(waiting):
                yield waiting[done], done.result()
        finally:  # an error, or a caller that stops: running stacks end at their next boundary
            closed.set()
            pool.shutdown(cancel_futures=True)


def stacks_at_once(engine_name: str, config: ComputeConfig) -> int:
    """Return the number of stacks that run side by side; 1 for `model.fit`, which uses all cores itself."""
    return 1 if engine_name == "fit" else config.workers or cores()


def limits(training: TrainingConfig, compute: ComputeConfig) -> Limits:
    """Return the memory of running stacks and their number.

    Free memory fluctuates; rounded down to a power of two it seldom changes a plan.
    """
    room = int(training.memory_share * memory.free())
    workers = stacks_at_once(training.engine.value, compute)
    return Limits(1 << max(0, room.bit_length() - 1), workers)
