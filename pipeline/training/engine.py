"""The interface of both engines, `stacked` and `fit`, and the retry in halves when memory runs out."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from pipeline.config.choices import EngineKind
from pipeline.core.control import Control
from pipeline.core.family import Family
from pipeline.core.records import Arrays, Fit, FitResult, Outcome, Stack
from pipeline.training.host import start
from pipeline.training.settings import Settings

Engine = Callable[[Stack, Arrays, Family, Settings, Control], list[FitResult]]
"""Trains every fit of a stack and returns their results in order; every engine has the same results.

A fit that diverges or is cut has that outcome and a message; other errors are raised, as is a lack of
memory, which `train` handles.
"""

log = logging.getLogger(__name__)


def engine(kind: EngineKind | str) -> Engine:
    """Return an engine by name; imports its framework."""
    start()
    if EngineKind(kind) is EngineKind.stacked:
        from pipeline.training.stacked.engine import train_stack

        return train_stack
    from pipeline.training.fit import train_one_by_one

    return train_one_by_one


def train(
    engine: Engine,
    stack: Stack,
    arrays: Arrays,
    family: Family,
    settings: Settings,
    control: Control,
) -> list[FitResult]:
    """Train a stack; where memory runs out, its halves one after the other.

    Returns:
        Results in the order of the stack's fits. A split changes numbers only by float32 rounding, but
        learning rates are then compared within each half alone.
    """
    try:
        return engine(stack, arrays, family, settings, control)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
    if len(stack.fits) == 1:
        return [_too_large(stack, reason)]
    log.warning("stack %d ran out of memory and is split in two: %s", stack.number, reason)
    middle = len(stack.fits) // 2
    halves = (stack.fits[:middle], stack.fits[middle:])
    return [
        result
        for fits in halves
        for result in train(
            engine, replace(stack, fits=fits, bytes=0), arrays, family, settings, control
        )
    ]


def _too_large(stack: Stack, reason: str) -> FitResult:
    fit = stack.fits[0]
    size = f"{fit.trial.capacity.label} ({fit.trial.parameters:,} parameters)"
    message = f"{size} does not fit into memory: {reason}"
    return FitResult(fit, Outcome.infeasible, {}, -1, None, None, 0.0, message=message)


def never_begun(fit: Fit, reason: str) -> FitResult:
    """Return the result of a fit that was cut before its first step."""
    return FitResult(fit, Outcome.cut, {}, -1, None, None, 0.0, message=reason)


_SIGNS = ("RESOURCE_EXHAUSTED", "out of memory", "OOM when allocating")


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error of Python, TensorFlow or JAX means that memory ran out."""
    if isinstance(error, MemoryError):
        return True
    name = type(error).__name__
    if name == "ResourceExhaustedError":
        return True
    return name in {"XlaRuntimeError", "JaxRuntimeError", "InternalError"} and any(
        sign.lower() in str(error).lower() for sign in _SIGNS
    )
