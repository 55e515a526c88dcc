"""Fits are written by a separate process, so that training does not share Python's lock with MLflow.

MLflow needs 30 to 40 ms of Python for a small fit (docs/experiments.md). The process is forked from the
command once that has imported MLflow; where a fork is not safe, it imports MLflow itself. When it dies,
another one is started. A fit whose writing was interrupted, by such a death or by the store, is looked up
in the store: it is complete, or it is marked as dead and written anew.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Sequence
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from pipeline.core.errors import StoreError
from pipeline.core.forked import Forked
from pipeline.ledger import resume
from pipeline.ledger.fitrecord import FitRecord, RowRecord, Written
from pipeline.ledger.fitrun import STATUS
from pipeline.ledger.location import Location
from pipeline.ledger.store import Store, isolate
from pipeline.ledger.writer import MOST_AT_ONCE
from pipeline.ledger.writerprocess import main

log = logging.getLogger(__name__)

PACKAGE = Path(__file__).parents[2]
"""Where `pipeline` is imported from."""

MODULE = "pipeline.ledger.writerprocess"

TRIES = 3
"""Most processes that may die while writing one fit."""


class FitWriter:
    """The sweep's side of the writing process, which ends with the sweep's process."""

    def __init__(self) -> None:
        """Start nothing yet."""
        self._starting = threading.Lock()
        self.process: WriterProcess | None = None

    def start(self, location: Location, *, forks: bool = False) -> None:
        """Start the process unless it runs; it creates the store in the background.

        Args:
            forks: Whether it may be forked from this process, which imports MLflow first.
        """
        with contextlib.suppress(OSError):  # no more processes or memory: the first fit tries again
            if forks and self.process is None:
                isolate()
                if location.folder is not None:
                    import mlflow.store.tracking.sqlalchemy_store  # noqa: F401 - for the copy
                self.process = WriterProcess(forks=True)
            self._running().ask((location, dict(os.environ), None), answered=False)

    def write(self, store: Store, record: FitRecord | RowRecord) -> Written:
        """Write a fit or a row and return its ids; a retried fit is looked up in the store first.

        Raises:
            StoreError: The process died `TRIES` times at this record.
            MlflowException: The store refused, or cannot be reached: can be retried.
            OSError: The process cannot be started: can be retried.
        """
        for _ in range(TRIES):
            process = self._running()
            if isinstance(record, FitRecord):  # a row can be written twice without harm
                if record.begun and (whole := _settled(store, record)):
                    return whole
                record.begun = True
            try:
                answer: Written | Exception = process.ask(
                    (store.location, dict(os.environ), record)
                )
            except (EOFError, OSError):
                process.close()
                continue
            if isinstance(answer, Exception):
                raise answer
            return answer
        raise StoreError(
            f"The process that writes fits died {TRIES} times at {record.name}; what is recorded is kept "
            "and the sweep can be resumed."
        )

    def close(self) -> None:
        """End the process; nothing is being written."""
        with self._starting:
            if self.process is not None:
                self.process.close()
            self.process = None

    def _running(self) -> WriterProcess:
        """Return a process that lives; start another one where it has died."""
        with self._starting:
            if self.process is not None and (code := self.process.popen.poll()) is not None:
                if code:  # else it had nothing to do for a while
                    log.warning("the process that writes fits died (code %d): started again", code)
                self.process.close()
                self.process = None
            if self.process is None:
                self.process = WriterProcess()
            return self.process


FITS = FitWriter()
"""The writer of this process, shared by its sweeps."""
atexit.register(FITS.close)


class WriterProcess:
    """One process, with a connection for each fit that may be written at the same time."""

    def __init__(self, *, forks: bool = False) -> None:
        """Start the process, forked from this one or as a new program."""
        pairs = [Pipe() for _ in range(MOST_AT_ONCE)]
        self._idle: queue.SimpleQueue[Connection] = queue.SimpleQueue()
        places = [its_end.fileno() for _, its_end in pairs]
        try:
            self.popen = Forked(lambda: main(places), keep=places) if forks else _spawn(places)
        finally:
            for _, its_end in pairs:
                its_end.close()
        for our_end, _ in pairs:
            self._idle.put(our_end)

    def ask(self, task: Any, *, answered: bool = True) -> Any:
        """Return the answer to a task, if it has one; EOFError or OSError when the process has died."""
        connection = self._idle.get()
        try:
            connection.send(task)
            return connection.recv() if answered else None
        finally:
            self._idle.put(connection)

    def close(self) -> None:
        """Kill the process."""
        self.popen.kill()
        self.popen.wait()
        assert self.popen.stdin is not None  # noqa: S101 - it is a pipe
        self.popen.stdin.close()


def _spawn(places: Sequence[int]) -> subprocess.Popen[bytes]:
    """Start the process as a program of its own."""
    search_path = [str(PACKAGE), os.environ.get("PYTHONPATH", "")]  # it may run anywhere
    return subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-P", "-m", MODULE, *map(str, places)],
        pass_fds=places,
        stdin=subprocess.PIPE,  # ends with the sweep
        stdout=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, search_path))},
    )


def _settled(store: Store, record: FitRecord) -> Written | None:
    """Return the ids of a fit that is completely written; mark incomplete runs of it as dead."""
    client, place = store.client, record.place
    runs = client.search_runs(
        [record.experiment_id],
        f"tags.`mlflow.parentRunId` = '{place.sweep}' AND tags.fit_key = '{place.key}'",
    )
    dead = resume.bury(client, list(runs))
    resume.bury_models(client, record.experiment_id, place.sweep, dead)
    for run in runs:
        if run.info.status == STATUS[record.result.outcome] and run.info.status in resume.ENDED:
            return Written(run.info.run_id, run.data.tags.get("model_id", ""))
    return None
