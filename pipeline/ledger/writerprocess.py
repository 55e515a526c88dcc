"""The process that writes fits: `python -m pipeline.ledger.writerprocess DESCRIPTOR...`."""

from __future__ import annotations

import contextlib
import functools
import os
import select
import signal
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from multiprocessing.connection import Connection

from pipeline.config.redact import redacted
from pipeline.core.collector import collect_seldom
from pipeline.ledger.fitrecord import FitRecord, RowRecord, Written
from pipeline.ledger.location import Location, MlflowClient
from pipeline.ledger.sqlitefile import relax_commits
from pipeline.ledger.store import connect, is_of_store, isolate

IDLE_SECONDS = 300.0
"""Seconds without a fit after which the process ends, to free memory."""

_writing: set[Connection] = set()
"""Connections whose fits are being written."""
_latest = time.monotonic()
"""Time of the last written fit, monotonic."""
_one = threading.Lock()
"""Held while writing to a sqlite file, which allows one writer at a time."""


def main(descriptors: Sequence[int]) -> None:
    """Serve the connection at each file descriptor until the sweep's process ends.

    Then stop at once: the sweep may be resumed right away.
    """
    for number in (signal.SIGINT, signal.SIGTERM):  # the sweep gets them too, and decides
        signal.signal(number, signal.SIG_IGN)
    collect_seldom()
    watch = threading.Thread(target=_end_in_time, daemon=True)
    watch.start()
    import mlflow.store.tracking.sqlalchemy_store  # noqa: F401 - slow, before the first fit arrives

    for descriptor in descriptors:
        connection = Connection(descriptor)
        threading.Thread(target=_serve, args=(connection,), daemon=True).start()
    watch.join()


def _end_in_time() -> None:
    """End this process with the sweep's, or when idle for `IDLE_SECONDS`; it is started again when needed."""
    while not select.select([sys.stdin], [], [], IDLE_SECONDS)[0]:  # nothing comes but the end
        if not _writing and time.monotonic() - _latest > IDLE_SECONDS:
            break
    os._exit(0)


def _serve(connection: Connection) -> None:
    global _latest  # noqa: PLW0603 - of the process
    try:
        while True:
            location, environment, record = connection.recv()
            os.environ.update(environment)  # credentials may have come since this process began
            if record is None:
                make(location)
                continue
            _writing.add(connection)
            connection.send(write(location, record))
            _latest = time.monotonic()
            _writing.discard(connection)
    except (EOFError, OSError):
        os._exit(0)


def make(location: Location) -> None:
    """Create a sqlite store unless it exists: its migrations take seconds."""
    if location.database is not None and not location.database.exists():
        with contextlib.suppress(Exception):  # the sweep gets the same error and reports it
            connect(location)


def write(location: Location, record: FitRecord | RowRecord) -> Written | Exception:
    """Write a fit or a row; return its ids, or the exception."""
    try:
        client = _client(location)
        with _one if location.folder is not None else contextlib.nullcontext():
            return record.write(client)
    except Exception as error:  # noqa: BLE001 - the sweep raises it
        return _portable(error)


@functools.cache
def _client(location: Location) -> MlflowClient:
    """Return a client of a store that the sweep has opened; nothing is created."""
    from mlflow import MlflowClient

    if location.database is not None and not location.database.exists():
        raise FileNotFoundError(location.database)
    isolate()
    relax_commits()
    return MlflowClient(location.uri, registry_uri=location.uri)


def _portable(error: Exception) -> Exception:
    """Return an exception that can be pickled: MlflowException, or RuntimeError with the traceback."""
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import ErrorCode

    if not is_of_store(error):
        return RuntimeError(redacted(traceback.format_exc()))
    code = getattr(error, "error_code", "INTERNAL_ERROR")
    return MlflowException(str(error), ErrorCode.Value(code))


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]])
