"""What `doctor` asks a store: can it be written to, read from and tidied up; leaves nothing behind."""

from __future__ import annotations

import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.config.redact import redacted
from pipeline.core.errors import SweepError
from pipeline.ledger.location import Location, check
from pipeline.ledger.store import connect, is_of_store

if TYPE_CHECKING:
    from mlflow import MlflowClient

STORE_CODE = 5
"""Exit code of a store that is out of reach."""

LITTLE_DISK = 1 << 30
"""Bytes; 1,000 fits of a small network with their models need a tenth of it."""


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    name: str
    passed: bool
    sentence: str
    """What was found; what to do where it did not pass."""
    code: int = 0
    """Exit code where it did not pass; 0 is only a warning."""


def check_store(location: Location) -> Iterator[Check]:
    """Yield what was found, each as soon as it is known; stops at what makes the rest pointless."""
    try:
        check(location)
        client = connect(location)
        experiment = client.search_experiments(max_results=1)[0]
    except SweepError as error:
        sentence = str(error)
        if location.database and location.database.is_file() and not location.is_writable:
            sentence += " report, predict and replay read it all the same."
        yield Check("store", passed=False, sentence=sentence, code=error.exit_code)
        return
    yield _timed("store", location.shown, lambda: _write_a_tag(client, experiment.experiment_id))
    root = location.artifacts.as_uri() if location.folder and location.artifacts else ""
    root = root or experiment.artifact_location
    yield _timed("artefacts", redacted(root), lambda: _write_a_file(location, root))
    if location.folder is not None:
        yield _disk(location.folder)


def _timed(name: str, place: str, work: Callable[[], None]) -> Check:
    """Do the work and say how it went."""
    started = time.perf_counter()
    try:
        work()
    except Exception as error:
        if not is_of_store(error):
            raise
        reason = redacted(str(error)).strip().splitlines() or [type(error).__name__]
        sentence = f"{place}: cannot be written, read and tidied up: {reason[0][:300]}"
        return Check(name, passed=False, sentence=sentence, code=STORE_CODE)
    seconds = time.perf_counter() - started
    return Check(
        name, passed=True, sentence=f"{place}: write, read and delete work ({seconds:.2f} s)"
    )


def _write_a_tag(client: MlflowClient, experiment_id: str) -> None:
    key = f"doctor.{uuid.uuid4().hex}"
    client.set_experiment_tag(experiment_id, key, "here")
    if client.get_experiment(experiment_id).tags.get(key) != "here":
        raise OSError("what was written could not be read")
    client.delete_experiment_tag(experiment_id, key)


def _write_a_file(location: Location, root: str) -> None:
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    own = f"doctor-{uuid.uuid4().hex}"  # another may be at it
    files: Any = get_artifact_repository(root, tracking_uri=location.uri)
    name = "here.txt"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_text("here", encoding="utf-8")
        files.log_artifact(str(path), own)
        path.unlink()
        found = Path(files.download_artifacts(f"{own}/{name}", folder))
        if found.read_text(encoding="utf-8") != "here":
            raise OSError("what was written could not be read")
    files.delete_artifacts(own)


def _disk(folder: Path) -> Check:
    free = shutil.disk_usage(folder).free
    sentence = f"{free / 1e9:.1f} GB free at {folder}"
    if free < LITTLE_DISK:
        advice = "make room, or choose another store with tracking.uri="
        return Check("disk", passed=False, sentence=f"{sentence}: {advice}")
    return Check("disk", passed=True, sentence=sentence)
