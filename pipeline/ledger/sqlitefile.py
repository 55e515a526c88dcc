"""Creation of a sqlite store: atomic, and with a write-ahead log on a local disk.

MLflow commits 15 times a fit. With sqlite's default journal each commit waits for the disk three
times; with a write-ahead log it waits for none, and a reader (the UI) never blocks the writer. A
killed process loses nothing, a power cut at most the last moments, and neither the file's integrity.
A store that exists already keeps its journal.
"""

from __future__ import annotations

import functools
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil

from pipeline.ledger.files import sync

REMOTE = ("nfs", "cifs", "smb", "9p", "fuse", "afs", "ceph", "lustre", "gpfs", "beegfs", "virtiofs")
"""Prefixes of the names of network file systems: a write-ahead log works on one machine only."""

UNFINISHED = ".create-"
"""Prefix of the temporary folder in which a database is created."""


def create(database: Path, fill: Callable[[Path], None]) -> None:
    """Create a database atomically unless it exists; `fill` creates its tables and closes it.

    MLflow's migrations take seconds and commit one by one; a process that is killed among them
    leaves a file on which every later one fails. So the file gets its name when it is complete.
    The caller must be the only one that creates here.
    """
    if database.exists():
        return
    for left in database.parent.glob(f"{UNFINISHED}*"):
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=UNFINISHED, dir=database.parent) as folder:
        fresh = Path(folder) / database.name
        prepare(fresh)
        fill(fresh)
        complete(fresh)
        sync(fresh)
        fresh.replace(database)


def complete(database: Path) -> None:
    """Write what the write-ahead log holds into the file itself, so that a copy of it has all.

    Raises:
        sqlite3.Error: It is not there, or cannot be written; nothing is lost.
    """
    place = f"file:{quote(str(database))}?mode=rw"
    with closing(sqlite3.connect(place, timeout=1.0, uri=True)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def prepare(database: Path) -> None:
    """Give a database that does not exist yet its write-ahead log."""
    if database.exists() or _is_remote(database.parent):
        return
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")


@functools.cache  # SQLAlchemy's events belong to the process
def relax_commits() -> None:
    """Let connections to files with a write-ahead log commit without waiting for the disk."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    event.listen(Engine, "connect", _on_connect)


def _on_connect(connection: Any, record: Any) -> None:
    del record
    if isinstance(connection, sqlite3.Connection):
        (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
        if mode == "wal":
            connection.execute("PRAGMA synchronous = NORMAL")


def _is_remote(folder: Path) -> bool:
    """Return whether a folder may lie on a file system of another machine."""
    place = folder.resolve()
    mounts = {part.mountpoint: part.fstype for part in psutil.disk_partitions(all=True)}
    for parent in (place, *place.parents):
        if str(parent) in mounts:
            return mounts[str(parent)].lower().startswith(REMOTE)
    return False
