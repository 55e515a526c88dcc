"""What an engine is told and gives back: `stacked` and `fit` stand behind the same call."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.config.choices import EngineKind
from pipeline.core.control import Control
from pipeline.core.family import Family
from pipeline.core.records import Arrays, FitResult, Stack
from pipeline.training.host import start
from pipeline.training.settings import Settings

Engine = Callable[[Stack, Arrays, Family, Settings, Control], list[FitResult]]
"""Trains every fit of a stack and returns their results in the same order; the same answer from every engine.

A fit that diverges, is too large or is cut short has that outcome and a message; only errors in the
program are raised.
"""


def engine(kind: EngineKind | str) -> Engine:
    """Return an engine by name; imports its framework."""
    start()
    if EngineKind(kind) is EngineKind.stacked:
        from pipeline.training.stacked.engine import train_stack

        return train_stack
    from pipeline.training.fit import train_one_by_one

    return train_one_by_one
