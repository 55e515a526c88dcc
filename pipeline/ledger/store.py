"""Open the tracking store: isolate MLflow, create the database once, join the experiment."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from filelock import FileLock

from pipeline.config.redact import redacted
from pipeline.core.errors import ConfigError, LostStoreError, StoreError
from pipeline.ledger.location import SQLITE, Location, MlflowClient, check, within
from pipeline.ledger.sqlitefile import create, relax_commits

MIGRATION_SECONDS = 120.0
"""Seconds to wait while another sweep creates the same store, which takes 2 to 5 s."""

CONTACT_SECONDS = 60.0
"""Seconds that a server, which has answered the probe, may take to find the experiment."""

INHERITED = (
    "MLFLOW_RUN_ID",
    "MLFLOW_EXPERIMENT_ID",
    "MLFLOW_EXPERIMENT_NAME",
    "MLFLOW_ACTIVE_MODEL_ID",
    "_MLFLOW_ACTIVE_MODEL_ID",
    "MLFLOW_ENABLE_ASYNC_LOGGING",
)
"""Variables of an outer job that would silently attach our runs to its own."""

SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # Retrying is the writer's task: it has a time limit, logs, and can be interrupted.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    # A bar for every file that is read back would break the sweep's own display.
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # Two lines for every run that ends, on stdout, whose last line is the product's contract.
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
"""Set unless the user has set them."""


REFUSALS = {
    "INVALID_PARAMETER_VALUE",
    "INVALID_STATE",
    "PERMISSION_DENIED",
    "RESOURCE_DOES_NOT_EXIST",
    "UNAUTHENTICATED",
}
"""MLflow's codes for an answer that will not change."""


UNKNOWN = {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}
"""MLflow's codes for a name or an id that is not there."""


class Store(NamedTuple):
    """An open store and the experiment that a sweep writes to."""

    client: MlflowClient
    location: Location
    experiment: str
    experiment_id: str

    @property
    def is_local(self) -> bool:
        """Whether it is a sqlite file, which takes one writer at a time."""
        return self.location.folder is not None


def isolate() -> None:
    """Import MLflow without inherited runs, telemetry and verbose logging."""
    for name in INHERITED:
        os.environ.pop(name, None)
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    import mlflow  # noqa: F401 - sets up its own logging when imported

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # A line for each of its own tries; the writer logs once that it waits.
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)
    # A traceback of fifty lines for each of them.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)


@contextmanager
def without_autolog() -> Iterator[None]:
    """Disable `mlflow.autolog()` of the host inside.

    MLflow has one switch for all threads: fits of the host that run at the same time are not logged.
    """
    if "mlflow" not in sys.modules:  # then it cannot be on
        yield
        return
    from mlflow.utils import autologging_utils

    if autologging_utils._AUTOLOGGING_GLOBALLY_DISABLED:  # noqa: SLF001 - leaving would turn it on
        yield
        return
    with autologging_utils.disable_autologging():
        yield


def connect(location: Location, *, reading: bool = False) -> MlflowClient:
    """Return a client of the store; a sqlite file that does not exist yet is created, once.

    When `reading` nothing will be written: the store must exist, and may be read-only.

    Raises:
        ConfigError: The store cannot be written to, is not there to be read, or belongs to another
            version of MLflow.
        StoreError: The store does not answer.
    """
    check(location, reading=reading)
    isolate()
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    try:
        if location.folder is None or location.database is None:
            return MlflowClient(location.uri, registry_uri=location.uri)
        if reading and not location.is_writable:
            uri = location.read_only_uri
            return MlflowClient(uri, registry_uri=uri)
        # Migrations of two processes at once end in "table already exists" (mlflow#4123).
        with FileLock(location.folder / ".create.lock", timeout=MIGRATION_SECONDS):
            create(location.database, lambda fresh: _migrate(fresh, location))
            relax_commits()
            client = MlflowClient(location.uri, registry_uri=location.uri)
            client.search_experiments(max_results=1)
            return client
    except MlflowException as error:
        if "schema" in str(error):
            raise ConfigError(
                f"{location.shown}: written by another version of MLflow. "
                f"Upgrade a copy of it with: mlflow db upgrade {shlex.quote(location.shown)}"
            ) from error
        raise out_of_reach(location, error) from error
    except TimeoutError as error:
        raise out_of_reach(location, error) from error


def open_store(location: Location, experiment: str) -> Store:
    """Connect, and join the experiment or create it with an absolute place for its artefacts.

    Raises:
        ConfigError: The experiment was deleted, or the name is not legal in MLflow.
        StoreError: The store does not answer.
    """
    client = connect(location)

    def join() -> Any:
        return client.get_experiment_by_name(experiment) or _create(client, location, experiment)

    with reaching(location):
        # A database can hang where its port answers; MLflow itself would try for minutes.
        joined = join() if location.folder is not None else within(CONTACT_SECONDS, join)
    if joined is None:
        raise out_of_reach(location, TimeoutError(f"no answer within {CONTACT_SECONDS:g} s"))
    if joined.lifecycle_stage != "active":
        raise ConfigError(
            f"tracking.experiment={experiment}: this experiment was deleted from the store. "
            f"Restore it with: MLFLOW_TRACKING_URI={shlex.quote(location.shown)} mlflow experiments "
            f"restore -x {joined.experiment_id} - or choose another."
        )
    return Store(client, location, experiment, str(joined.experiment_id))


def out_of_reach(location: Location, error: BaseException) -> StoreError:
    """Return the error that names the store, without credentials, and the reason."""
    reason = redacted(str(error)).strip().splitlines() or [type(error).__name__]
    if location.database is not None and not _has_content(location.database):
        return LostStoreError(f"{location.database} was deleted under the sweep: {reason[0][:300]}")
    failed = "answered, and refused" if is_final(error) else "is out of reach"
    return StoreError(f"The tracking store {location.shown} {failed}: {reason[0][:300]}")


@contextmanager
def reaching(location: Location) -> Iterator[None]:
    """Convert exceptions of the store or the network that are raised inside to StoreError."""
    try:
        yield
    except Exception as error:
        if not is_of_store(error):
            raise
        raise out_of_reach(location, error) from error


def is_deleted(location: Location) -> bool:
    """Return whether the database was deleted, or replaced by an empty one, while its folder exists.

    Without its folder it may come back: on a disk of another machine.
    """
    path = location.database
    return path is not None and path.parent.is_dir() and not _has_content(path)


def _has_content(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0


def is_final(error: BaseException) -> bool:
    """Return whether a retry cannot help: the store answered and refused."""
    return getattr(error, "error_code", "") in REFUSALS


def is_of_store(error: BaseException) -> bool:
    """Return whether an error came from the store or the network, not from our code."""
    import requests
    import sqlalchemy.exc
    from mlflow.exceptions import MlflowException

    kinds = (MlflowException, requests.RequestException, sqlalchemy.exc.SQLAlchemyError, OSError)
    return isinstance(error, kinds)


def _migrate(database: Path, location: Location) -> None:
    """Create MLflow's tables in a database file that is not in its final place yet."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    store = SqlAlchemyStore(f"{SQLITE}{database}", str(location.artifacts))
    store.engine.dispose()


def _create(client: MlflowClient, location: Location, experiment: str) -> Any:
    from mlflow.exceptions import MlflowException

    place = None
    if location.artifacts is not None:
        # The id is not known before the experiment exists, and a name may hold anything.
        slug = re.sub(r"[^\w-]+", "-", experiment)[:40].strip("-")
        digest = hashlib.sha256(experiment.encode()).hexdigest()[:8]
        place = (location.artifacts / f"{slug}-{digest}").as_uri()
    try:
        client.create_experiment(experiment, artifact_location=place)
    except MlflowException as error:
        if error.error_code == "INVALID_PARAMETER_VALUE":
            raise ConfigError(f"tracking.experiment={experiment}: {error.message}") from error
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    return client.get_experiment_by_name(experiment)
