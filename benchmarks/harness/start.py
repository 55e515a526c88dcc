"""Start sweeps from one process that has imported everything; wait for them, signal them, kill them."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import time
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.harness.child import Task, run

if TYPE_CHECKING:
    from pathlib import Path

POLL_SECONDS = 0.02


class Step(NamedTuple):
    """One line of a sweep's trace."""

    seconds: float
    process: int
    name: str
    about: str


class Running:
    """A sweep at work."""

    def __init__(self, task: Task) -> None:
        """Start it."""
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["benchmarks.harness.preloaded"])
        self._home = task.home
        self._process = context.Process(target=run, args=(task,))
        self.began = time.monotonic()
        self._process.start()

    @property
    def pid(self) -> int:
        """The process, and the group of all that it starts."""
        return int(self._process.pid or 0)

    @property
    def code(self) -> int | None:
        """The exit code; negative after a signal, None while it runs."""
        return self._process.exitcode

    def wait(self, seconds: float) -> int | None:
        """Wait for the end, at most so long; return the exit code."""
        self._process.join(seconds)
        return self.code

    def wait_for(self, step: str, seconds: float) -> bool:
        """Wait until the sweep takes a step; False when it ends before, or takes too long."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.code is None:
            if any(one.name == step and one.process == self.pid for one in trace(self._home)):
                return True
            time.sleep(POLL_SECONDS)
        return False

    def signal(self, number: int) -> None:
        """Signal the sweep alone."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill the sweep with everything it has started, as a machine that is taken away does."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:  # it has just been forked
            self.signal(signal.SIGKILL)
        self._process.join()


def trace(home: Path) -> list[Step]:
    """Return the steps of all sweeps in a folder, in order."""
    path = home / "trace.log"
    if not path.exists():
        return []
    found = []
    for line in path.read_text().splitlines():
        seconds, process, name, *about = line.split(" ", 3)
        found.append(Step(float(seconds), int(process), name, " ".join(about)))
    return found


def finished(words: tuple[str, ...], home: Path, seconds: float = 1800) -> tuple[int, float]:
    """Run a sweep to its end; return its exit code and seconds."""
    running = Running(Task(words, home))
    code = running.wait(seconds)
    if code is None:
        running.kill()
        raise TimeoutError(f"the sweep in {home} did not end within {seconds:g} s")
    return code, time.monotonic() - running.began
