"""What an engine is told and gives back; `stacked` and `fit` stand behind the same interface."""

from __future__ import annotations

from typing import Protocol

from pipeline.config.choices import EngineKind
from pipeline.core.control import Control
from pipeline.core.family import Family
from pipeline.core.records import Arrays, FitResult, Stack
from pipeline.training.host import start
from pipeline.training.settings import Settings


class Engine(Protocol):
    """Trains the fits of a stack; the same answer from every engine."""

    name: str

    def train(
        self,
        stack: Stack,
        arrays: Arrays,
        family: Family,
        settings: Settings,
        control: Control,
    ) -> list[FitResult]:
        """Train every fit of a stack and return their results in the same order.

        A fit that diverges, is too large or is cut short has that outcome and a message; only
        errors in the program are raised.
        """
        ...


def engine(kind: EngineKind | str) -> Engine:
    """Return an engine by name; imports its framework."""
    start()
    if EngineKind(kind) is EngineKind.stacked:
        from pipeline.training.stacked import StackedEngine

        stacked: Engine = StackedEngine()
        return stacked
    from pipeline.training.fit import FitEngine

    return FitEngine()
