"""A fork of this process, with everything imported that takes seconds to import."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, NoReturn

POLL_SECONDS = 0.01
"""Between two checks whether a fork has ended."""


def may_fork() -> bool:
    """Return whether a fork is safe: on Linux, from the main thread, before TensorFlow is imported.

    A fork has no threads but this one, and the locks of the others stay locked in it. The libraries of
    macOS may not be used after a fork (https://bugs.python.org/issue33725).
    """
    is_main = threading.current_thread() is threading.main_thread()
    return sys.platform == "linux" and is_main and "tensorflow" not in sys.modules


class Forked:
    """A fork of this process, with the part of the interface of `subprocess.Popen` that is used here."""

    def __init__(
        self,
        work: Callable[[], object],
        *,
        keep: Sequence[int] = (),
        stderr: IO[str] | None = None,
    ) -> None:
        """Fork, from the main thread.

        Args:
            work: Runs in the fork, which ends after it with exit code 0, or 1 after an exception.
            keep: File descriptors that it uses. It lets go of all others: of locks, and of pipes whose
                other end waits for this process to end.
            stderr: The file for its errors; None: that of this process.

        Raises:
            OSError: No more processes or memory.
        """
        theirs, ours = os.pipe()
        try:
            self.pid = os.fork()
        except OSError:
            os.close(theirs)
            os.close(ours)
            raise
        if not self.pid:
            _become(work, theirs, keep, stderr)
        os.close(theirs)
        self.stdin: IO[str] | None = os.fdopen(ours, "w", encoding="utf-8")
        self._code: int | None = None
        self._reaping = threading.Lock()

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal; None while it runs."""
        with self._reaping:
            if self._code is None:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                self._code = os.waitstatus_to_exitcode(status) if pid else None
            return self._code

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code once it has ended.

        Raises:
            subprocess.TimeoutExpired: It still runs after `timeout` seconds.
        """
        began = time.monotonic()
        while (code := self.poll()) is None:
            if timeout is not None and time.monotonic() - began > timeout:
                raise subprocess.TimeoutExpired(f"copy {self.pid}", timeout)
            time.sleep(POLL_SECONDS)
        return code

    def kill(self) -> None:
        """Kill it."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


def _become(
    work: Callable[[], object], stdin: int, keep: Sequence[int], stderr: IO[str] | None
) -> NoReturn:
    """In the fork: let go of the files and handlers of the parent, do the work, and end."""
    code = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        logging.root.handlers.clear()
        nowhere = os.open(os.devnull, os.O_RDWR)
        os.dup2(stdin, 0)
        os.dup2(nowhere, 1)
        if stderr is not None:
            os.dup2(stderr.fileno(), 2)
        for place in Path("/proc/self/fd").iterdir():
            # Not closed: another file would get the number, and an object of the parent would close it.
            if (number := int(place.name)) not in {0, 1, 2, *keep}:
                with contextlib.suppress(OSError):  # that of the listing itself is gone
                    os.dup2(nowhere, number, inheritable=False)
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - as long as the process
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.stderr = open(  # noqa: SIM115
            2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False
        )
        work()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001 - the process ends here
        traceback.print_exc()
    finally:
        os._exit(code)
