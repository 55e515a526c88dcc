"""Files of a parent run: written whole, synced to disk, read back in one go."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from pipeline.ledger.location import Location, MlflowClient


class RunFiles:
    """The artefacts of one run."""

    def __init__(self, client: MlflowClient, run_id: str, artifact_uri: str) -> None:
        """Name the run; files are local where `artifact_uri` is a path or a file URI."""
        self._client = client
        self._run_id = run_id
        self.folder = local_folder(artifact_uri)
        """The local folder of the files; None: they are remote."""

    def write(self, name: str, content: bytes | str) -> None:
        """Store a file under a name that may hold folders: `rounds/003.json`."""
        content = content.encode() if isinstance(content, str) else content
        if self.folder is not None and self.folder.is_dir():
            # As MLflow would do, without its query to the store for every file.
            path = self.folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
        else:
            folder, _, last = name.rpartition("/")
            with tempfile.TemporaryDirectory() as temporary:
                path = Path(temporary) / last
                path.write_bytes(content)
                self._client.log_artifact(self._run_id, str(path), folder or None)
        if self.folder is not None:
            sync(self.folder / name)

    def write_json(self, name: str, content: Any) -> None:
        """Store a JSON document."""
        self.write(name, json.dumps(content, indent=1).encode())

    def read(self, name: str) -> bytes | None:
        """Return a file's content, or None where there is none."""
        with self._here(name) as path:
            return None if path is None else path.read_bytes()

    def read_json(self, name: str) -> Any:
        """Return a JSON document; None where there is none or a crash left half of one."""
        content = self.read(name)
        try:
            return None if content is None else json.loads(content)
        except ValueError:
            return None

    def read_folder(self, name: str) -> dict[str, bytes]:
        """Return every file directly under a folder, by its own name, in order."""
        if self.folder is None and not self._client.list_artifacts(self._run_id, name):
            return {}
        with self._here(name) as folder:
            return {
                path.name: path.read_bytes() for path in sorted(folder.iterdir() if folder else ())
            }

    @contextmanager
    def _here(self, name: str) -> Iterator[Path | None]:
        """Give the local path of a file or folder, downloaded if remote; None where it does not exist."""
        if self.folder is not None:  # MLflow would look for models among the run's files, each time
            path = self.folder / name
            yield path if path.exists() else None
            return
        with tempfile.TemporaryDirectory() as temporary:
            yield self._fetched(name, temporary)

    def _fetched(self, name: str, folder: str) -> Path | None:
        from mlflow.exceptions import MlflowException

        try:
            return Path(self._client.download_artifacts(self._run_id, name, folder))
        except (MlflowException, OSError) as error:
            if _is_missing(error):
                return None
            raise


def local_folder(artifact_uri: str) -> Path | None:
    """Return the local folder of an artefact URI, or None for a remote one."""
    parts = urlsplit(artifact_uri)
    return Path(url2pathname(parts.path)) if parts.scheme in {"", "file"} else None


def download_model(client: MlflowClient, location: Location, model_id: str, folder: str) -> Path:
    """Return the local folder of a LoggedModel's files, downloaded into `folder` if they are remote.

    `mlflow.artifacts.download_artifacts("models:/...")` would always look the id up in the store of the
    process' global tracking URI.
    """
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    place = client.get_logged_model(model_id).artifact_location
    files = get_artifact_repository(place, tracking_uri=location.uri)
    return Path(files.download_artifacts("", folder))


def sync(path: Path) -> None:
    """Flush the content of a file to disk (fsync)."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_missing(error: Exception) -> bool:
    if isinstance(error, OSError):
        return isinstance(error, FileNotFoundError)
    text = str(error)
    return getattr(error, "error_code", "") == "RESOURCE_DOES_NOT_EXIST" or "No such" in text
