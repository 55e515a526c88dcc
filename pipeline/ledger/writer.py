"""The background writer: runs jobs in order, retries while the store is away, loses none silently.

Jobs that make fits safe, the plans of rounds and the files of stacks, go first.
"""

from __future__ import annotations

import itertools
import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pipeline.ledger.location import Location
from pipeline.ledger.store import is_deleted, is_final, is_of_store, out_of_reach

logger = logging.getLogger(__name__)

QUEUED_JOBS = 512
"""Most jobs in the queue, each with the weights of a fit; a full queue blocks the sweep, to limit memory."""

MOST_BEHIND = 24
"""Most jobs that may be queued when a round has ended: about a second of writing."""

MOST_AT_ONCE = 4
"""Most jobs written at the same time: each waits for 14 answers of a server."""

BEAT_SECONDS = 10.0
"""Seconds between two heartbeats."""

STOPPING_SECONDS = 8.0
"""Seconds that a sweep which must stop still waits for its store; it must exit within 20 s."""

FIRST_PAUSE, LONGEST_PAUSE = 0.25, 5.0
"""Seconds between retries, doubled each time."""


@dataclass
class Job:
    """Work in steps; a failed step is retried without repeating the steps before it."""

    name: str
    steps: Sequence[Callable[[], object]]
    alone: bool = True
    """Runs exclusively; else up to `MOST_AT_ONCE` jobs run at a time."""
    first: bool = False
    """Goes before queued jobs that do not go first, and runs beside jobs that are being written."""
    done: int = field(default=0, init=False)

    def advance(self) -> None:
        """Run the remaining steps, counting every finished one."""
        while self.done < len(self.steps):
            self.steps[self.done]()
            self.done += 1


FIRST, IN_TURN, LAST = range(3)


class Writer:
    """A thread that writes to the store, so that training does not wait for it.

    Fits are handed to a separate process (`fitwriter`).
    """

    def __init__(
        self,
        location: Location,
        retry_seconds: float,
        beat: Callable[[], None],
        stopping: Callable[[], bool],
    ) -> None:
        """Start the thread.

        Args:
            location: The store, for messages.
            retry_seconds: How long a failing step is retried.
            beat: Writes a heartbeat, about every `BEAT_SECONDS`; errors of the store are only logged.
            stopping: Whether the sweep must stop: then retries are cut short.
        """
        self.busy_seconds = 0.0
        """Time in which at least one job was being written."""
        self._counting, self._counted, self._writing = threading.Lock(), 0.0, 0
        self._location = location
        self._retry_seconds = retry_seconds
        self.beat = beat
        self._stopping = stopping
        self._error: BaseException | None = None
        self._free = threading.Semaphore(MOST_AT_ONCE)
        self._jobs: queue.PriorityQueue[tuple[int, int, Job | None]] = queue.PriorityQueue(
            QUEUED_JOBS
        )
        self._numbers = itertools.count()
        self._left = {True: 0, False: 0}
        """Number of unfinished jobs, by `first`."""
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="ledger", daemon=True)
        self._thread.start()

    def put(self, job: Job) -> None:
        """Queue a job; raises the error that ended the writer, if one did."""
        self._raise()
        with self._changed:
            self._left[job.first] += 1
        self._jobs.put((FIRST if job.first else IN_TURN, next(self._numbers), job))

    def flush(self, *, first: bool = False) -> None:
        """Wait until everything queued is in the store, or where `first` all jobs that go first.

        Raises:
            StoreError: The store stayed out of reach for `retry_seconds`.
        """
        self._wait(lambda: not self._left[True] and (first or not self._left[False]))

    def catch_up(self) -> None:
        """Wait until all jobs that go first are written, and at most `MOST_BEHIND` others are queued.

        Raises:
            StoreError: The store stayed out of reach for `retry_seconds`.
        """
        self._wait(lambda: not self._left[True] and self._left[False] <= MOST_BEHIND)

    def _wait(self, enough: Callable[[], bool]) -> None:
        with self._changed:
            self._changed.wait_for(enough)
        self._raise()

    def close(self) -> None:
        """Write all queued jobs and end the thread; does not raise."""
        if self._thread.is_alive():
            self._jobs.put((LAST, next(self._numbers), None))
            self._thread.join()

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        next_beat = time.monotonic() + BEAT_SECONDS
        while True:
            try:
                _, _, job = self._jobs.get(timeout=max(next_beat - time.monotonic(), 0.01))
            except queue.Empty:
                pass  # time for a sign of life
            else:
                if job is None:
                    self._wait_for_others()
                    return
                self._start(job)
            if time.monotonic() >= next_beat:
                self._sign_of_life()
                next_beat = time.monotonic() + BEAT_SECONDS

    def _start(self, job: Job) -> None:
        """Run a job here, or in a thread of its own where it is not exclusive."""
        if job.alone:
            if not job.first:
                self._wait_for_others()
            self._do(job)
            return
        self._free.acquire()

        def run() -> None:
            self._do(job)
            self._free.release()

        try:
            threading.Thread(target=run, name="ledger fit", daemon=True).start()
        except RuntimeError:  # no more threads available
            run()

    def _wait_for_others(self) -> None:
        for _ in range(MOST_AT_ONCE):
            self._free.acquire()
        self._free.release(MOST_AT_ONCE)

    def _do(self, job: Job) -> None:
        """Run a job; keep its exception for the sweep's own thread."""
        if self._error is None:  # else dropped: `put` and `flush` say so, and resume does it again
            self._count(1)
            try:
                self._retry(job)
            except BaseException as error:  # noqa: BLE001 - handed to the sweep's own thread
                self._error = self._error or error
            self._count(-1)
        with self._changed:
            self._left[job.first] -= 1
            self._changed.notify_all()

    def _count(self, more: int) -> None:
        """Count the jobs that are being written, and add up the time in which there are any."""
        with self._counting:
            now = time.perf_counter()
            if self._writing:
                self.busy_seconds += now - self._counted
            self._counted, self._writing = now, self._writing + more

    def _retry(self, job: Job) -> None:
        first_failure, pause = None, FIRST_PAUSE
        while True:
            try:
                job.advance()
            except Exception as error:
                if not is_of_store(error):
                    raise
                now, patience = time.monotonic(), self._retry_seconds
                if self._stopping():
                    patience = min(STOPPING_SECONDS, patience)
                first_failure = first_failure or now
                final = is_final(error) or is_deleted(self._location)
                if final or now + pause > first_failure + patience:
                    raise out_of_reach(self._location, error) from error
                logger.warning(
                    "%s: %s Trying again.", job.name, out_of_reach(self._location, error)
                )
                time.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            else:
                return

    def _sign_of_life(self) -> None:
        if self._error is not None:
            return
        try:
            self.beat()
        except Exception as error:  # noqa: BLE001 - handed to the sweep's own thread
            if not is_of_store(error):
                self._error = error
            logger.debug("sign of life: %s", error)
