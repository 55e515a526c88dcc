"""A real MLflow server: everything goes through it, and it may be away for a while."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pipeline.core.errors import StoreError
from pipeline.core.records import Outcome
from pipeline.ledger.doctor import check_store
from pipeline.ledger.location import resolve
from pipeline.ledger.read import read_sweep

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.server, pytest.mark.slow]

BROKEN = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Line:
    """The way to the server, which can be cut: connections are then refused, as by a dead server."""

    def __init__(self, server: str) -> None:
        """Choose a port; nobody listens yet."""
        self._target = ("127.0.0.1", int(server.rpartition(":")[2]))
        self._held = socket.socket()  # nobody else is given the port meanwhile
        self._held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._held.bind(("127.0.0.1", 0))
        self._port = int(self._held.getsockname()[1])
        self.uri = f"http://127.0.0.1:{self._port}"
        self.broken = False
        """Whether the server answers 500 to everything."""
        self._listener: socket.socket | None = None
        self._open: set[socket.socket] = set()

    def mend(self) -> None:
        """Let connections through."""
        self._listener = socket.create_server(("127.0.0.1", self._port))
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def cut(self) -> None:
        """Refuse connections, and end those that are open."""
        listener, self._listener = self._listener, None
        for one in [*self._open, *([listener] if listener else [])]:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._open.clear()

    def release(self) -> None:
        """Give the port back."""
        self._held.close()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                here, _ = listener.accept()
            except OSError:
                return
            if self.broken:
                here.recv(1 << 16)
                here.sendall(BROKEN)
                here.close()
                continue
            there = socket.create_connection(self._target)
            self._open |= {here, there}
            for source, sink in ((here, there), (there, here)):
                threading.Thread(target=self._pass_on, args=(source, sink), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                sink.sendall(data)
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


@pytest.fixture
def line(server: str) -> Iterator[Line]:
    """Return a way to the server that works."""
    made = Line(server)
    made.mend()
    yield made
    made.cut()
    made.release()


def test_a_sweep_on_a_server_is_recorded_and_resumed(server: str, sweeps: Any) -> None:
    """Runs, curves, models and files go through the server and come back."""
    ledger = sweeps.open(uri=server)
    results = sweeps.record(ledger, sweeps.round(0), sweeps.round(1, sweeps.trial(2)))
    before = ledger.finished()
    ledger.end("KILLED", "stopped by SIGTERM")
    again = sweeps.open(ledger.run_id, uri=server)
    for one, other in zip(before, again.finished(), strict=True):
        assert (one.fit, one.score, one.round) == (other.fit, other.score, other.round)
        np.testing.assert_array_equal(one.row_losses, other.row_losses)
    saved = again.weights(results[0].fit)
    assert saved is not None
    np.testing.assert_array_equal(saved[0], results[0].weights[0])
    again.end("FINISHED")
    record = read_sweep(server, "latest")
    assert record.status == "FINISHED"
    assert len(record.fits) == len(record.curves) == 4
    assert record.run_link.startswith(f"{server}/#/experiments/")


def test_a_server_passes_the_doctor(server: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Tags and artefacts can be written, read and deleted; nothing is left behind."""
    found = list(check_store(resolve(server)))
    assert [(one.name, one.passed) for one in found] == [("store", True), ("artefacts", True)], (
        found
    )
    kept = list(tmp_path_factory.getbasetemp().glob("server*/artefacts/**/*"))
    assert not [path for path in kept if path.name.startswith("doctor")]


@pytest.mark.parametrize("broken", [False, True])
def test_a_server_that_was_away_loses_nothing(line: Line, sweeps: Any, broken: bool) -> None:
    """Gone, or answering 500: the sweep waits and tries again; every fit is recorded, once."""
    ledger = sweeps.open(uri=line.uri, retry_seconds=120.0)
    asked = sweeps.round(0, sweeps.trial(1), sweeps.trial(2), executions=3)
    line.cut()
    if broken:
        line.broken = True
        line.mend()
    results = [sweeps.result(fit) for fit in asked.fits]
    ledger.record_stack(asked, sweeps.plan(asked).stacks[0], results)
    time.sleep(1)
    line.cut()
    line.broken = False
    line.mend()
    ledger.flush()
    ledger.end("FINISHED")
    record = read_sweep(line.uri, ledger.run_id)
    done = record.fits[record.fits["outcome"] == Outcome.completed.value]
    assert sorted(done["trial"]) == sorted(fit.trial.name for fit in asked.fits)


@pytest.mark.rare
def test_a_server_that_stays_away_ends_the_sweep_resumably(line: Line, sweeps: Any) -> None:
    """After the patience of tracking.retry_seconds: exit 5, and what is stored is intact."""
    ledger = sweeps.open(uri=line.uri, retry_seconds=0.5)
    sweeps.record(ledger, sweeps.round(0))
    line.cut()
    with pytest.raises(StoreError, match="out of reach"):
        sweeps.record(ledger, sweeps.round(1, sweeps.trial(2)))
    with pytest.raises(StoreError):
        ledger.end("FAILED")
    sweeps.opened.remove(ledger)
    line.mend()
    again = sweeps.open(ledger.run_id, uri=line.uri)
    assert len(again.finished()) == 2
