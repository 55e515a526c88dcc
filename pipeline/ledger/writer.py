"""The one background writer: jobs in turn, retried while the store is away, never lost silently.

In turn, but for what goes first: the plans of rounds and the files of stacks, which make fits safe.
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
"""Jobs that may wait, each with the weights of a fit; more hold the sweep up instead of memory."""

MOST_BEHIND = 24
"""Jobs that may still wait when a round has ended: about a second of writing."""

MOST_AT_ONCE = 4
"""Jobs written at the same time: each waits 14 times for a server's answer."""

BEAT_SECONDS = 10.0
"""Between two signs of life."""

STOPPING_SECONDS = 8.0
"""How long a sweep that must stop still waits for its store; it must exit within 20 s."""

FIRST_PAUSE, LONGEST_PAUSE = 0.25, 5.0
"""Seconds between tries: doubled each time."""


@dataclass
class Job:
    """Work in steps; a step that failed is tried again without repeating the steps before it."""

    name: str
    steps: Sequence[Callable[[], object]]
    alone: bool = True
    """Runs exclusively; else up to `MOST_AT_ONCE` jobs run at a time."""
    first: bool = False
    """Goes before what waits, unless that goes first as well; and beside what is being written."""
    done: int = field(default=0, init=False)

    def advance(self) -> None:
        """Do what is left, remembering every finished step."""
        while self.done < len(self.steps):
            self.steps[self.done]()
            self.done += 1


FIRST, IN_TURN, LAST = range(3)


class Writer:
    """A thread that writes to the store, so that training does not wait for it.

    Fits it hands on to a process of their own (`fitwriter`).
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
            retry_seconds: How long a failing step is tried again.
            beat: Leaves a sign of life, about every `BEAT_SECONDS`; its failure is logged, never fatal.
            stopping: Whether the sweep must stop: then waiting is cut short.
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
        """Jobs that are not done, by whether they go first."""
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="ledger", daemon=True)
        self._thread.start()

    def put(self, job: Job) -> None:
        """Queue a job; raises the error that ended the writer, if one did."""
        self._raise()
        with self._changed:
            self._left[job.first] += 1
        self._jobs.put((FIRST if job.first else IN_TURN, next(self._numbers), job))

    def flush(self) -> None:
        """Wait until everything queued is in the store.

        Raises:
            StoreError: The store stayed out of reach for `retry_seconds`.
        """
        self._wait(lambda: not any(self._left.values()))

    def flush_first(self) -> None:
        """Wait until all that goes first is in the store; or StoreError."""
        self._wait(lambda: not self._left[True])

    def catch_up(self) -> None:
        """Wait until all is in the store that makes fits safe, and little else is waiting.

        Raises:
            StoreError: The store stayed out of reach for `retry_seconds`.
        """
        self._wait(lambda: not self._left[True] and self._left[False] <= MOST_BEHIND)

    def _wait(self, enough: Callable[[], bool]) -> None:
        with self._changed:
            self._changed.wait_for(enough)
        self._raise()

    def close(self) -> None:
        """Write what is queued and end the thread; does not raise."""
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
        """Do a job here, or in a thread of its own while the next one is begun."""
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
        except RuntimeError:  # no more threads are to be had
            run()

    def _wait_for_others(self) -> None:
        for _ in range(MOST_AT_ONCE):
            self._free.acquire()
        self._free.release(MOST_AT_ONCE)

    def _do(self, job: Job) -> None:
        """Do a job, whatever comes of it."""
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
        """Count the jobs that are being written; time passes once, however many they are."""
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
