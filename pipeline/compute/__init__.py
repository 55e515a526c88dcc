"""Trains stacks of fits: on this machine, or on a Ray cluster.

Hands out `run`, which yields each stack with the results of its fits as it ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pipeline.config.choices import ComputeKind
from pipeline.config.schema import ComputeConfig
from pipeline.core.control import Control
from pipeline.core.family import Family
from pipeline.core.records import Arrays, Fit, FitResult, Stack, StackPlan
from pipeline.training.settings import Settings


def run(
    plan: StackPlan,
    arrays_of: Callable[[Fit], Arrays],
    family: Family,
    settings: Settings,
    control: Control,
    config: ComputeConfig,
) -> Iterator[tuple[Stack, list[FitResult]]]:
    """Train the stacks of a round and yield each with its results as soon as it has ended.

    Args:
        plan: The round, packed; its engine trains it.
        arrays_of: Returns what a fit is trained on; the fits of a stack share it.
        control: Listens in, and may say stop; open fits are then cut.
        config: Where to train.

    Yields:
        Every stack of the plan, in the order in which they end, its results in the order of its
        fits. A cluster yields a stack in parts: the stack with those fits alone.
    """
    if config.kind is ComputeKind.ray:
        from pipeline.compute.ray import run_on_ray

        yield from run_on_ray(plan, arrays_of, family, settings, control, config)
    else:
        from pipeline.compute.local import run_here

        yield from run_here(plan, arrays_of, family, settings, control, config)
