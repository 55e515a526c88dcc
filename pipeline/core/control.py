"""What a training engine tells whoever listens, and how it is told to stop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Progress:
    """What an engine reports while it works; cheap, sent at most a few times a second."""

    stack: int
    epoch: int
    """Epochs finished by the slowest live member."""
    epochs: int
    live: int
    """Members still training."""
    best: float
    """Best objective (as logged) seen in this stack so far."""


class Control(Protocol):
    """How the runner listens in on an engine, and tells it to stop."""

    def report(self, progress: Progress) -> None:
        """Take note of progress; must not block."""

    def stop_reason(self) -> str:
        """Return why training must stop at the next boundary (budget, signal), or an empty string."""


class Unattended:
    """A control that nobody listens to and that never stops."""

    def report(self, progress: Progress) -> None:
        """Let it pass."""

    def stop_reason(self) -> str:
        """Return the empty string: go on."""
        return ""
