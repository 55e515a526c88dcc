"""Real servers on loopback, as deploy/compose.yaml has them: Postgres, an S3 store, MLflow, a webhook."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.commands import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

ROOT = Path(__file__).parent.parent
HOST = "127.0.0.1"
START_SECONDS = 120.0
STOP_SECONDS = 10.0
BUCKET = "mlflow"


class MissingServerError(Exception):
    """A server that this machine does not have."""


@dataclass(frozen=True)
class Tracking:
    """A tracking server and the database behind it."""

    address: str
    database: str
    """For psycopg2; sweeps never see it."""


@contextmanager
def postgres() -> Iterator[str]:
    """Start an empty Postgres; yield the address of its database.

    Raises:
        MissingServerError: Debian's package postgresql is not installed.
    """
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not found:
        raise MissingServerError("Postgres is not installed (apt-get install postgresql)")
    programs = found[-1]
    home = Path(tempfile.mkdtemp(prefix="postgres-"))
    password, port = secrets.token_hex(16), free_port()
    (home / "password").write_text(password)
    as_user: list[str] = []
    if os.geteuid() == 0:  # Postgres refuses root
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        subprocess.run(["chown", "-R", "postgres:postgres", str(home)], check=True)
    make = ["--username=mlflow", "--auth=scram-sha-256", f"--pwfile={home}/password", "--no-sync"]
    subprocess.run(
        [*as_user, f"{programs}/initdb", f"--pgdata={home}/data", *make],
        check=True,
        stdout=subprocess.DEVNULL,
        cwd=home,
    )
    command = [*as_user, f"{programs}/postgres", "-D", f"{home}/data", "-k", str(home)]
    command += ["-h", HOST, "-p", str(port), "-c", "max_connections=300"]
    try:
        with _running(command, home / "log", {}, lambda: _answers(port), cwd=home):
            address = f"postgresql://mlflow:{password}@{HOST}:{port}"
            _create_database(address)
            yield f"{address}/mlflow"
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def store(home: Path) -> Iterator[dict[str, str]]:
    """Start an S3-compatible store with an empty bucket; yield what its client needs."""
    port = free_port()
    environment = {
        "MLFLOW_S3_ENDPOINT_URL": f"http://{HOST}:{port}",
        "AWS_ACCESS_KEY_ID": "mlflow",
        "AWS_SECRET_ACCESS_KEY": secrets.token_hex(16),
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    command = [sys.executable, "-m", "moto.server", "-H", HOST, "-p", str(port)]
    with _running(command, home / "store.log", {}, lambda: _answers(port), cwd=home):
        subprocess.run(
            [sys.executable, str(ROOT / "deploy" / "make_bucket.py"), BUCKET],
            env=os.environ | environment,
            check=True,
        )
        yield environment


@contextmanager
def tracking(home: Path, workers: int = 2) -> Iterator[Tracking]:
    """Start MLflow on a fresh Postgres and a fresh S3 store, as compose.yaml does."""
    port = free_port()
    address = f"http://{HOST}:{port}"
    with postgres() as database, store(home) as s3:
        environment = s3 | {
            "MLFLOW_BACKEND_STORE_URI": database.replace("postgresql:", "postgresql+psycopg2:"),
            "MLFLOW_ARTIFACTS_DESTINATION": f"s3://{BUCKET}",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        }
        command = [sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", str(port)]
        command += ["--workers", str(workers)]
        # Not /health: the first question about experiments is what makes the tables.
        question = f"{address}/api/2.0/mlflow/experiments/search?max_results=1"
        ready = lambda: _healthy(question)  # noqa: E731
        with _running(command, home / "mlflow.log", environment, ready, cwd=home):
            yield Tracking(address, database)


@contextmanager
def webhook() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Listen for the message at the end; yield the address and what was told so far."""
    told: list[dict[str, Any]] = []

    class Listener(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer((HOST, 0), Listener)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_port}/hook", told
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def query(database: str, words: str, *values: Any) -> list[tuple[Any, ...]]:
    """Ask the database behind the server: a look that costs no import of MLflow."""
    import psycopg2

    connection = psycopg2.connect(database)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(words, values)
            return list(cursor.fetchall())
    finally:
        connection.close()


@contextmanager
def _running(
    command: list[str],
    log: Path,
    environment: Mapping[str, str],
    ready: Callable[[], bool],
    cwd: Path,
) -> Iterator[None]:
    """Run a server until the block ends; its whole process group is stopped."""
    with log.open("wb") as file:
        process = subprocess.Popen(
            command,
            stdout=file,
            stderr=file,
            cwd=cwd,
            env=os.environ | dict(environment),
            start_new_session=True,
        )
    try:
        end = time.monotonic() + START_SECONDS
        while not ready():
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{command[0]} did not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.1)
        yield
    finally:
        process.send_signal(signal.SIGINT)  # to Postgres: do not wait for clients
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        with contextlib.suppress(ProcessLookupError):  # what it started and left behind
            os.killpg(process.pid, signal.SIGKILL)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def _healthy(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=60):  # noqa: S310 - loopback
            return True
    except OSError:
        return False


def _create_database(address: str) -> None:
    """Make the database; a server that has just opened its port may still be starting up."""
    import psycopg2

    end = time.monotonic() + START_SECONDS
    while True:
        try:
            connection = psycopg2.connect(f"{address}/postgres")
            break
        except psycopg2.OperationalError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
    connection.autocommit = True  # a database is not made inside a transaction
    with connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE mlflow")
    connection.close()
