"""A stack that runs out of memory is halved until it fits, or is found infeasible."""

from __future__ import annotations

import logging
from dataclasses import replace

from pipeline.core.control import Control
from pipeline.core.family import Family
from pipeline.core.records import Arrays, FitResult, Outcome, Stack
from pipeline.training.engine import Engine
from pipeline.training.memory import is_out_of_memory
from pipeline.training.settings import Settings

log = logging.getLogger(__name__)


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
        Results in the order of the stack's fits. Numbers after a split are equal to those without
        to float32 rounding; a learning rate is then only compared within its half.
    """
    try:
        return engine.train(stack, arrays, family, settings, control)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        reason = _first_line(error)
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


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
