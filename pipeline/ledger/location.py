"""Location of the tracking store: parses the URI and checks early, without MLflow, that it can work."""

from __future__ import annotations

import logging
import os
import re
import socket
import sqlite3
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import SplitResult, quote, urlsplit

from pipeline.config.redact import redacted
from pipeline.core.errors import ConfigError, StoreError

if TYPE_CHECKING:
    from mlflow import MlflowClient as MlflowClient  # noqa: PLC0414 - others import it from here
else:
    MlflowClient = Any  # the name alone, for annotations: importing MLflow takes seconds

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

DEFAULT_FOLDER = "mlruns"
"""Folder of the default store, in the working directory."""

PROBE_SECONDS = 5.0
"""Seconds that a server may take to answer the first request; the promise is exit 5 within 10 s."""

DATABASE_PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}
ALLOWED = "http(s)://HOST[:PORT], sqlite:///FILE, or a postgresql://, mysql:// or mssql:// database"
SQLITE = "sqlite:///"
VARIABLE = "MLFLOW_TRACKING_URI"
"""Read by MLflow's own tools; a sweep uses `tracking.uri` alone, so that a stray variable has no effect."""
SQLITE_HEADER = b"SQLite format 3\x00"


@dataclass(frozen=True)
class Location:
    """A parsed tracking URI; the store has not been accessed yet."""

    uri: str
    """For MLflow: absolute, credentials included. Never print it; print `shown`."""
    folder: Path | None
    """Folder of a sqlite file, its artefacts and its locks; None for a server."""
    artifacts: Path | None
    """Root of the artefacts of experiments that are created; None: the server decides."""

    @property
    def shown(self) -> str:
        """The URI without credentials, for messages, logs and tags."""
        return redacted(self.uri)

    @property
    def is_server(self) -> bool:
        """Whether an MLflow server answers there, rather than a database."""
        return self.uri.startswith(("http://", "https://"))

    @property
    def database(self) -> Path | None:
        """The sqlite file, or None."""
        return Path(self.uri.removeprefix(SQLITE).partition("?")[0]) if self.folder else None

    @property
    def is_writable(self) -> bool:
        """Whether a sqlite file, and the folder that takes its log, may be written to."""
        path = self.database
        return path is None or (
            os.access(path.parent, os.W_OK | os.X_OK)
            and (not path.exists() or os.access(path, os.W_OK))
        )

    @property
    def read_only_uri(self) -> str:
        """URI for MLflow that opens the sqlite file without writing anything beside it.

        Raises:
            ConfigError: sqlite cannot read it so: the content of its write-ahead log would be missing.
        """
        path = self.database
        if path is None:
            return self.uri
        # sqlite writes beside a file with a write-ahead log, unless it is declared immutable.
        for options in ("mode=ro", "mode=ro&immutable=1"):
            place = f"file:{quote(str(path))}?{options}"
            log = path.with_name(f"{path.name}-wal")
            if "immutable" in options and log.exists() and log.stat().st_size:
                break
            with (
                suppress(sqlite3.OperationalError),
                closing(sqlite3.connect(place, uri=True)) as connection,
            ):
                connection.execute("SELECT count(*) FROM sqlite_master")
                return f"{SQLITE}{place}&uri=true"
        raise ConfigError(
            f"{path}: sqlite cannot read it without writing beside it ({path.name}-wal holds what is"
            " not in the file yet). Copy both to a folder that can be written to."
        )


def resolve(uri: str | None) -> Location:
    """Read `tracking.uri`; sqlite paths relative to the working directory become absolute.

    Args:
        uri: The setting; None or empty is sqlite under `mlruns/` in the working directory.

    Returns:
        The store's location.

    Raises:
        ConfigError: The URI is malformed or of a kind that MLflow no longer writes to.
    """
    here = Path.cwd()
    if not uri:
        return _sqlite(here / DEFAULT_FOLDER / "mlflow.db")
    if uri.startswith(SQLITE):
        path = uri.removeprefix(SQLITE).partition("?")[0]
        if not path or path == ":memory:":
            raise _malformed(uri, "a sqlite store needs a file")
        return _sqlite(here / path)
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise _malformed(uri, str(error)) from None
    dialect = parts.scheme.partition("+")[0]
    if parts.scheme not in {"http", "https"} and dialect not in DATABASE_PORTS:
        raise _malformed(uri, _why_not(parts))
    if not host or re.search(r"\s", uri):
        raise _malformed(uri, "no host name can be read from it")
    local_artifacts = here / DEFAULT_FOLDER / "artifacts"
    return Location(uri.rstrip("/"), None, local_artifacts if dialect in DATABASE_PORTS else None)


def check(location: Location, *, reading: bool = False) -> None:
    """Check quickly, without MLflow, whether the store can be written, or read when `reading`.

    Raises:
        ConfigError: The folder cannot be written to; the file is no sqlite database, or is not there
            to be read.
        StoreError: The server does not answer within `PROBE_SECONDS`.
    """
    if location.database is not None:
        if not reading:
            _check_folder(location.database.parent)
        elif not location.database.is_file():
            raise ConfigError(
                f"tracking.uri={location.shown}: holds no sweep yet, there is no such file. Start where"
                " the sweep was started, or name its store with tracking.uri=."
            )
        _check_database(location.database, reading=reading)
        return
    answered = within(PROBE_SECONDS, lambda: _reach(location.uri))
    if answered != "":
        late = f"no answer within {PROBE_SECONDS:g} s"
        why = late if answered is None else f"out of reach ({redacted(answered)})"
        raise StoreError(
            f"tracking.uri={location.shown}: {why}. "
            "Start the server, or choose another store with tracking.uri=."
        )


def check_at_start(uri: str | None) -> None:
    """Check `tracking.uri`, and warn where MLflow's own variable names another store.

    Raises:
        ConfigError: As `resolve` and `check`.
        StoreError: Likewise.
    """
    location = resolve(uri)
    check(location)
    if hint := elsewhere(location):
        log.warning("This sweep is recorded in %s.%s", location.shown, hint)


def elsewhere(location: Location) -> str:
    """Return a sentence, with a blank before it, where MLflow's own variable names another store."""
    named = os.environ.get(VARIABLE, "")
    if not named or named.rstrip("/") == location.uri:
        return ""
    with suppress(ConfigError):
        if resolve(named).uri == location.uri:
            return ""
    return (
        f" {VARIABLE}={redacted(named)} is not used: tracking.uri=${VARIABLE} would be that store."
    )


def _sqlite(path: Path) -> Location:
    return Location(f"{SQLITE}{path}", path.parent, path.parent / "artifacts")


def _malformed(uri: str, why: str) -> ConfigError:
    return ConfigError(f"tracking.uri={redacted(uri)}: {why}; allowed: {ALLOWED}.")


def _why_not(parts: SplitResult) -> str:
    if parts.scheme in {"", "file"}:
        return "MLflow no longer writes to plain folders"
    return f"{parts.scheme!r} is not a kind of tracking store"


def _check_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ConfigError(
            f"{folder}: the tracking store cannot be written there ({error.strerror}). "
            "Make the folder writable, or choose another store with tracking.uri=."
        ) from None


def _check_database(path: Path, *, reading: bool) -> None:
    if not path.exists():
        return
    try:
        with path.open("rb" if reading else "r+b") as file:
            header = file.read(len(SQLITE_HEADER))
    except OSError as error:
        raise ConfigError(
            f"{path}: the tracking store cannot be opened for {'reading' if reading else 'writing'}"
            f" ({error.strerror}); tracking.uri= chooses another store."
        ) from None
    if header and header != SQLITE_HEADER:
        raise ConfigError(f"{path}: not a sqlite database; tracking.uri= chooses another store.")
    if reading:
        return  # opening it here could write beside it; a damaged file is found later
    with closing(sqlite3.connect(path)) as connection:
        try:
            connection.execute("PRAGMA schema_version")
        except sqlite3.DatabaseError as error:
            raise ConfigError(f"{path}: sqlite cannot read it ({error}).") from None


def _reach(uri: str) -> str:
    """Return why the server cannot be reached, or an empty string when something answers."""
    parts = urlsplit(uri)
    try:
        if parts.scheme not in {"http", "https"}:
            port = parts.port or DATABASE_PORTS[parts.scheme.partition("+")[0]]
            with socket.create_connection((str(parts.hostname), port), timeout=PROBE_SECONDS):
                return ""
        without_credentials = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        with urllib.request.urlopen(  # noqa: S310 - the scheme was checked by `resolve`
            f"{without_credentials}/health", timeout=PROBE_SECONDS
        ):
            return ""
    except urllib.error.HTTPError:
        return ""  # a proxy without /health, or one that asks for a login: it does answer
    except urllib.error.URLError as error:
        # Certificates are MLflow's business (MLFLOW_TRACKING_INSECURE_TLS): the server is there.
        return "" if "CERTIFICATE" in str(error.reason) else str(error.reason)
    except OSError as error:
        return error.strerror or str(error)


def within(seconds: float, question: Callable[[], Answer]) -> Answer | None:
    """Return the result of `question`, or None after `seconds`: DNS look-ups have no timeout."""
    answers: list[Answer] = []
    errors: list[BaseException] = []

    def ask() -> None:
        try:
            answers.append(question())
        except Exception as error:  # noqa: BLE001 - raised below, in the calling thread
            errors.append(error)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    return answers[0] if answers else None
