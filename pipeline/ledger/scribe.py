"""A process that writes fits to a local store, so that training does not share Python's lock with it."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import subprocess
import sys
import threading
from concurrent.futures import Future
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.ledger.scribe_process import READY

if TYPE_CHECKING:
    from pipeline.ledger.location import Location
    from pipeline.ledger.modeljob import Written
    from pipeline.ledger.recorder import FitPage

log = logging.getLogger(__name__)

PACKAGE = Path(__file__).parents[2]
"""Where `pipeline` is imported from."""

Answer = tuple["Written", Exception | None]
"""How far a page came, and what stopped it."""

GONE = "the process that writes fits died"

CLOSING_SECONDS = 5.0
"""How long the process may take to end once nobody needs it."""


class GoneError(Exception):
    """The process died; what it was writing may be half written."""


class Scribe:
    """The sweep's side of the process, which lives no longer than the sweep."""

    def __init__(self, location: Location) -> None:
        """Name the store; nothing is started."""
        self._location = location
        self._process: subprocess.Popen[bytes] | None = None
        self._ours: socket.socket | None = None
        self._numbers = count()
        self._asked: dict[int, Future[Answer]] = {}
        self._lock = threading.Lock()
        self._closing = False
        self.ready = False
        """Whether it has imported all it needs, and lives."""

    def start(self) -> None:
        """Start the process, once; it is `ready` some seconds later."""
        if self._process is not None:
            return
        self._ours, theirs = socket.socketpair()
        place = theirs.fileno()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-P", "-m", "pipeline.ledger.scribe_process", str(place)],
                pass_fds=[place],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=os.environ | {"PYTHONPATH": _search_path()},
            )
        self._connection = Connection(os.dup(self._ours.fileno()))
        self._connection.send(self._location)
        threading.Thread(target=self._listen, name="scribe", daemon=True).start()

    def write(self, page: FitPage) -> None:
        """Have what is left of a fit written; `page` learns how far it came.

        Raises:
            GoneError: The process died.
            MlflowException: The store refused, or cannot be reached: it can be tried again.
        """
        answer: Future[Answer] = Future()
        with self._lock:
            if not self.ready:
                raise GoneError(GONE)
            number = next(self._numbers)
            self._asked[number] = answer
            with contextlib.suppress(OSError):  # then `_listen` hears of it too
                self._connection.send((number, page))
        page.written, error = answer.result()
        if error is not None:
            raise error

    def close(self) -> None:
        """End the process."""
        self._closing = True
        if self._ours is not None:
            with contextlib.suppress(OSError):
                self._ours.shutdown(socket.SHUT_RDWR)
            self._ours.close()
        if self._process is None:
            return
        try:
            self._process.wait(CLOSING_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _listen(self) -> None:
        """Hand out answers until the process ends; a text is its last word."""
        said = GONE
        try:
            while True:
                answer = self._connection.recv()
                if answer == READY:
                    self.ready = True
                elif isinstance(answer, str):
                    said = f"{GONE}: {answer}"
                else:
                    number, written, error = answer
                    self._asked.pop(number).set_result((written, error))
        except (EOFError, OSError):
            pass
        finally:
            with self._lock:  # nobody is in the middle of sending
                if not self._closing:  # whether or not it was at a fit: from here on it is slower
                    log.warning("%s; this sweep writes by itself again", said)
                self.ready = False
                lost, self._asked = self._asked, {}
                self._connection.close()
            for waiting in lost.values():
                waiting.set_exception(GoneError(said))


def _search_path() -> str:
    """Return where the process finds this package: it may run anywhere."""
    return os.pathsep.join(filter(None, [str(PACKAGE), os.environ.get("PYTHONPATH", "")]))
