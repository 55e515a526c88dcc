"""Where a sweep under trial writes: a store of its own, or an experiment of a real server."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.commands import free_port

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

START_SECONDS = 600


@dataclass(frozen=True)
class Place:
    """One sweep's working directory and store."""

    home: Path
    uri: str
    experiment: str
    database: Path
    """The sqlite file behind the store."""

    @property
    def words(self) -> tuple[str, ...]:
        """What the command line says of it."""
        return (f"tracking.uri={self.uri}", f"tracking.experiment={self.experiment}")


def own_store(home: Path, template: Path | None = None) -> Place:
    """Return a place with a sqlite store of its own.

    Args:
        home: Is made.
        template: An empty store to begin with; None: the sweep makes its store itself.
    """
    database = home / "store" / "mlflow.db"
    database.parent.mkdir(parents=True)
    if template is not None:
        shutil.copy(template, database)
    return Place(home, f"sqlite:///{database}", "trial", database)


def empty_store(folder: Path) -> Path:
    """Make an empty store once; copies of it save four seconds of migrations each."""
    from pipeline.ledger.location import resolve
    from pipeline.ledger.store import connect

    database = folder / "template" / "mlflow.db"
    connect(resolve(f"sqlite:///{database}"))
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return database


def is_over(place: Place) -> bool:
    """Return whether the sweep in a place has finished; a kill after that interrupts nothing."""
    if not place.database.exists():
        return False
    words = (
        "SELECT 1 FROM runs JOIN tags USING (run_uuid) JOIN experiments e"
        " ON e.experiment_id = runs.experiment_id"
        " WHERE key = 'kind' AND value = 'sweep' AND runs.status = 'FINISHED' AND e.name = ?"
    )
    with closing(sqlite3.connect(place.database)) as connection:
        return connection.execute(words, (place.experiment,)).fetchone() is not None


def is_sound(database: Path) -> bool:
    """Return what sqlite's own check says of a store."""
    if not database.exists():
        return True
    with closing(sqlite3.connect(database)) as connection:
        return bool(connection.execute("PRAGMA integrity_check").fetchone() == ("ok",))


class Server:
    """A real `mlflow server` on loopback, which can be stopped and started again."""

    def __init__(self, home: Path) -> None:
        """Choose a port; nothing runs yet."""
        self.home, self.port = home, free_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        self.database = home / "mlflow.db"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.home.mkdir(parents=True, exist_ok=True)
        command = [
            *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--workers", "1"),
            *("--port", str(self.port), "--backend-store-uri", f"sqlite:///{self.database}"),
            *("--artifacts-destination", str(self.home / "artefacts")),
        ]
        with (self.home / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self.home, start_new_session=True,
                env=os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
            )  # fmt: skip
        until(self._answers, START_SECONDS)

    def stop(self) -> None:
        """Kill it, with its workers."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def freeze(self, *, frozen: bool) -> None:
        """Let it hang: connections are taken and never answered; or let it go on."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGSTOP if frozen else signal.SIGCONT)

    def place(self, home: Path, experiment: str, uri: str = "") -> Place:
        """Return a place for one sweep on this server.

        Args:
            home: Is made.
            experiment: Its name.
            uri: Of something in front of the server.
        """
        home.mkdir(parents=True)
        return Place(home, uri or self.uri, experiment, self.database)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.uri}/health", timeout=2):  # noqa: S310
                return True
        except OSError:
            return False


def until(question: Callable[[], bool], seconds: float) -> None:
    """Wait until a question is answered with yes."""
    deadline = time.monotonic() + seconds
    while not question():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:g} s")
        time.sleep(0.1)
