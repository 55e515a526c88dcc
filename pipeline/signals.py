"""SIGTERM and SIGINT: the first asks the sweep to stop at the next boundary, the second ends it."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import FrameType

HANDLED = (signal.SIGTERM, signal.SIGINT)


class StopRequest:
    """Whether a signal asked for an end; a context manager that puts the old handlers back."""

    def __init__(self) -> None:
        """Start without a request."""
        self.number: int | None = None
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> Self:
        """Install the handlers; outside the main thread (a notebook's worker) there are none."""
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._handle) for number in HANDLED}
        return self

    def __exit__(self, *_: object) -> None:
        """Put the old handlers back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        """Note the first signal; the second ends the process at once: the ledger is resumable."""
        if self.number is not None:
            os.write(2, b"second signal: ended at once; finished fits are recorded\n")
            os._exit(128 + number)
        self.number = number
        os.write(2, b"stopping at the next boundary; a second signal ends at once\n")

    @property
    def name(self) -> str:
        """The signal's name, or an empty string."""
        return "" if self.number is None else signal.Signals(self.number).name
