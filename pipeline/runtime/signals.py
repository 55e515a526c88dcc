"""SIGTERM and SIGINT: the first requests that the sweep stops at the next boundary, the second ends it.

Cluster schedulers wait 20 or 30 s and then kill. The next boundary may be further off: a program is being
compiled, a baseline fitted, a slow store written to. A boundary that is not reached in time therefore ends
the process as a second signal does. No finished fit is lost by that: the ledger can be resumed after a kill
at any instruction.
"""

from __future__ import annotations

import contextlib
import math
import os
import select
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import NoReturn, Self

HANDLED = (signal.SIGTERM, signal.SIGINT)

GRACE_SECONDS = 15.0
"""From the first signal to the end of the process; it must be gone within 20 s."""

_STDERR = 2
_SHOW_CURSOR = "\x1b[?25h"
"""A panel hides the cursor, and could not show it again."""


def end_at_once() -> None:
    """Let SIGTERM end this process while no sweep is under way: at start-up, between two sweeps.

    The system does so by itself, except for the first process of a container, which would ignore the
    signal.
    """
    line = "ended by SIGTERM; no sweep was under way"
    signal.signal(signal.SIGTERM, lambda number, _: _leave(number, line))


class StopRequest:
    """Whether a signal requested an end; a context manager that restores the old handlers.

    A thread receives signals beside the handlers: Python calls those on the main thread alone, and not
    while it is inside a long call of C.
    """

    def __init__(self, grace: float | None = GRACE_SECONDS) -> None:
        """Start without a request.

        Args:
            grace: Most seconds from the first signal to the end of the process; None: no limit, where
                the process is the user's own (a notebook).
        """
        self.number: int | None = None
        self.advice = ""
        """How to resume after an end without a boundary; set once there is a run to resume."""
        self.show: Callable[[str], bool] = lambda _: False
        """Shows a line on the display without taking a lock; False: there is no display."""
        self._grace = grace
        self._before: dict[signal.Signals, object] = {}
        self._woken_before = -1
        self._ear = -1

    def __enter__(self) -> Self:
        """Install the handlers; outside the main thread (a notebook's worker) there are none."""
        if threading.current_thread() is threading.main_thread():
            read_end, self._ear = os.pipe()
            os.set_blocking(self._ear, False)
            self._woken_before = signal.set_wakeup_fd(self._ear, warn_on_full_buffer=False)
            self._before = {number: signal.signal(number, self._note) for number in HANDLED}
            threading.Thread(
                target=self._listen, args=(read_end,), name="signals", daemon=True
            ).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Restore the old handlers."""
        if self._ear < 0:
            return
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        signal.set_wakeup_fd(self._woken_before)
        os.close(self._ear)  # the listener ends with it

    def _note(self, number: int, _frame: FrameType | None) -> None:
        """Keep the first signal; the listener does the rest."""
        self.number = self.number or number

    def _listen(self, read_end: int) -> None:
        """Answer signals until the other end of the pipe is closed."""
        is_requested, deadline = False, math.inf
        with os.fdopen(read_end, "rb", buffering=0) as pipe:
            while True:
                left = None if deadline == math.inf else max(0.0, deadline - time.monotonic())
                if not select.select([pipe], [], [], left)[0]:
                    _leave(self.number or 0, f"no boundary came in time: ended{self.advice}")
                received = pipe.read(64)
                if not received:
                    return
                for number in (each for each in received if each in HANDLED):
                    if is_requested:
                        _leave(number, f"second signal: ended at once{self.advice}")
                    is_requested, self.number = True, self.number or number
                    deadline = time.monotonic() + (math.inf if self._grace is None else self._grace)
                    line = "stopping at the next boundary; a second signal ends at once"
                    if not self.show(line):
                        _say(line)

    @property
    def is_ours(self) -> bool:
        """Whether this process is a command of this package's."""
        return self._grace is not None

    @property
    def name(self) -> str:
        """The signal's name, or an empty string."""
        return "" if self.number is None else signal.Signals(self.number).name


def _say(line: str) -> None:
    """Write to stderr without its locks: the thread that holds them may be stuck."""
    with contextlib.suppress(OSError):
        os.write(_STDERR, f"{line}\n".encode())


def _leave(number: int, line: str) -> NoReturn:
    """End the process now, with the exit code that shells expect."""
    _say(f"{_SHOW_CURSOR if os.isatty(_STDERR) else ''}{line}")
    os._exit(128 + number)
