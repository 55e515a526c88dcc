"""The other side of `scribe`: `python -m pipeline.ledger.scribe_process DESCRIPTOR`."""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
import traceback
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from pipeline.config.redact import redacted

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from pipeline.ledger.modeljob import Written
    from pipeline.ledger.recorder import FitPage


READY = "ready"
"""Sent once everything is imported."""


def main() -> None:
    """Write the pages that come over a connection, in order, until it ends."""
    for number in (signal.SIGINT, signal.SIGTERM):  # the sweep hears them, and decides
        signal.signal(number, signal.SIG_IGN)
    connection = Connection(int(sys.argv[1]))
    try:
        _serve(connection)
    except Exception:  # noqa: BLE001 - the sweep says it, without secrets; here nobody would read it
        connection.send(redacted(traceback.format_exc()))


def _serve(connection: Connection) -> None:
    pages: queue.Queue[tuple[int, FitPage]] = queue.Queue()
    location = connection.recv()
    threading.Thread(target=_receive, args=(connection, pages), daemon=True).start()
    from pipeline.ledger.store import connect

    client = connect(location)
    connection.send(READY)
    while True:
        number, page = pages.get()
        connection.send((number, *write(page, client)))


def write(page: FitPage, client: MlflowClient) -> tuple[Written, Exception | None]:
    """Write what is left of a page; return how far it came, and the store's error if one stopped it."""
    from pipeline.ledger.store import is_of_store

    try:
        page.advance(client)
    except Exception as error:
        if not is_of_store(error):
            raise  # a bug: this process ends, and the sweep meets it again in its own
        return page.written, _portable(error)
    return page.written, None


def _portable(error: Exception) -> Exception:
    """Return an error of the store that every process can read."""
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import ErrorCode

    code = getattr(error, "error_code", "INTERNAL_ERROR")
    return MlflowException(str(error), ErrorCode.Value(code))


def _receive(connection: Connection, pages: queue.Queue[Any]) -> None:
    """Take in pages; when the sweep is gone, write no more: it may be continued at once."""
    try:
        while True:
            pages.put(connection.recv())
    except (EOFError, OSError):
        os._exit(0)


if __name__ == "__main__":
    main()
