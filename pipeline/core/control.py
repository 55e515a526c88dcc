"""How a training engine reports its progress, and how it is stopped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Progress:
    """A report of an engine while it trains; cheap, sent at most a few times a second."""

    stack: int
    epoch: int
    """Epochs finished by the slowest live member."""
    epochs: int
    live: int
    """Members still training."""
    best: float
    """Best objective (as logged) seen in this stack so far."""
    compiling: bool = False
    """Whether its program is being compiled: nothing is trained yet."""


class Control(Protocol):
    """How the runner follows an engine, and stops it."""

    def report(self, progress: Progress) -> None:
        """Receive progress; must not block."""

    def stop_reason(self) -> str:
        """Return why training must stop at the next boundary (budget, signal), or an empty string."""


GoOn = Callable[[], None]
"""Called by work outside an engine at its boundaries; raises Stopped where it must end."""


def always() -> None:
    """Go on, whatever happens."""


class Stopped(Exception):  # noqa: N818 - not an error: the control requested it
    """Work outside an engine was stopped at its next boundary; the message is the reason."""


def go_on(control: Control) -> None:
    """Raise Stopped where training must stop."""
    if reason := control.stop_reason():
        raise Stopped(reason)


@dataclass(frozen=True)
class Unattended:
    """A control made of functions; by default it never stops training and discards reports."""

    stop_reason: Callable[[], str] = str
    """As in Control; `str` always returns an empty string."""
    report: Callable[[Progress], None] = lambda _: None
    """As in Control."""
