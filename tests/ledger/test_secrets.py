"""A secret that a sweep is given is found nowhere afterwards: everything it leaves is searched."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.server, pytest.mark.rare]

IN_URI, IN_ENVIRONMENT, IN_CONFIG = "hunter2-in-uri", "hunter2-in-environment", "hunter2-in-config"
SECRET = b"hunter2"


def contents(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield every file below a folder, and every member of those that are archives."""
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            yield str(path), content
            yield from members(str(path), content)


def members(name: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the files of an archive."""
    if zipfile.is_zipfile(io.BytesIO(content)):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for member in archive.namelist():
                yield f"{name}:{member}", archive.read(member)


def test_a_secret_is_found_nowhere(
    server: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Planted in the tracking URI, the environment and a setting; store, files and output."""
    address = server.removeprefix("http://")
    command = [
        *(sys.executable, "-m", "pipeline.sweep", "experiment=smoke", "hydra.run.dir=out"),
        *(f"tracking.uri=http://user:{IN_URI}@{address}", "tracking.experiment=secrets"),
        f"notify.url=http://127.0.0.1:9/hooks/{IN_CONFIG}?token={IN_CONFIG}",
    ]
    names = ("AWS_SECRET_ACCESS_KEY", "SOME_API_KEY", "PGPASSWORD")
    environment = os.environ | dict.fromkeys(names, IN_ENVIRONMENT)
    environment |= {"TMPDIR": str(tmp_path), "MLFLOW_LOGGING_LEVEL": "DEBUG"}
    ended = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, timeout=280, check=False
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    homes = list(tmp_path_factory.getbasetemp().glob("server*"))
    found = {"stdout": ended.stdout, "stderr": ended.stderr}
    for folder in (tmp_path, *homes):
        found |= dict(contents(folder))
    assert {name for name, content in found.items() if SECRET in content} == set()
    assert any(name.endswith("report.html") for name in found)
    assert any(b"LoggedModel" in content or b"fit_key" in content for content in found.values())
    assert sum(name.endswith("model.keras") for name in found) >= 1
