"""Stacks on this machine: side by side in threads, because XLA works without Python's lock."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed

from pipeline.config.schema import ComputeConfig, TrainingConfig
from pipeline.core.control import Control, Unattended
from pipeline.core.family import Family
from pipeline.core.records import Arrays, Fit, FitResult, Stack, StackPlan
from pipeline.runtime import memory
from pipeline.training.engine import engine, train
from pipeline.training.planner import Limits
from pipeline.training.settings import Settings
from pipeline.training.threads import cores, prepare


def run_here(
    plan: StackPlan,
    arrays_of: Callable[[Fit], Arrays],
    family: Family,
    settings: Settings,
    control: Control,
    config: ComputeConfig,
) -> Iterator[tuple[Stack, list[FitResult]]]:
    """Train the stacks of a round on this machine and yield each with its results as soon as it has ended.

    Args:
        plan: The round, packed; its engine trains it.
        arrays_of: Returns what a fit is trained on; the fits of a stack share it.
        control: Listens in, and may say stop; open fits are then cut.

    Yields:
        Every stack of the plan, in the order in which they end, its results in the order of its fits.
    """
    prepare(convolutional=family.convolutional)  # before TensorFlow starts: sums follow the threads
    trainer = engine(plan.engine)
    closed = threading.Event()
    closing = Unattended(
        lambda: "closed" if closed.is_set() else control.stop_reason(), control.report
    )
    workers = stacks_at_once(plan.engine, config)
    with ThreadPoolExecutor(workers, thread_name_prefix="stack") as pool:
        waiting = {
            pool.submit(
                train, trainer, stack, arrays_of(stack.fits[0]), family, settings, closing
            ): stack
            for stack in plan.stacks
        }
        try:
            for done in as_completed(waiting):
                yield waiting[done], done.result()
        finally:  # an error, or the caller wants no more: what still runs ends at its next boundary
            closed.set()
            pool.shutdown(cancel_futures=True)


def stacks_at_once(engine_name: str, config: ComputeConfig) -> int:
    """Return how many stacks run side by side.

    `model.fit` is not made for several threads, and spreads over the cores by itself.
    """
    return 1 if engine_name == "fit" else config.workers or cores()


def limits(training: TrainingConfig, compute: ComputeConfig) -> Limits:
    """Return memory and number of stacks at once.

    Free memory wavers; rounded down to a power of two it seldom changes a plan, and the plan is
    recorded with its round.
    """
    room = int(training.memory_share * memory.free())
    return Limits(
        1 << max(0, room.bit_length() - 1), stacks_at_once(training.engine.value, compute)
    )
