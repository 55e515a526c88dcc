"""A store that we create does not wait for the disk; one that exists is left as it is."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from pipeline.ledger import sqlitefile
from pipeline.ledger.sqlitefile import create, prepare

if TYPE_CHECKING:
    from pathlib import Path


def mode(path: Path) -> str:
    """Return the journal of a database."""
    with closing(sqlite3.connect(path)) as connection:
        return str(connection.execute("PRAGMA journal_mode").fetchone()[0])


def test_a_new_store_has_a_write_ahead_log(tmp_path: Path) -> None:
    """On a local disk."""
    prepare(tmp_path / "mlflow.db")
    assert mode(tmp_path / "mlflow.db") == "wal"


def test_a_store_is_created_whole_or_not_at_all(tmp_path: Path) -> None:
    """A process that died among the migrations leaves no file, and what it left is taken away."""
    path = tmp_path / "mlflow.db"

    def half(fresh: Path) -> None:
        assert mode(fresh) == "wal"
        assert not path.exists()
        raise KeyboardInterrupt

    def whole(fresh: Path) -> None:
        with closing(sqlite3.connect(fresh)) as connection:
            connection.execute("CREATE TABLE ours (x)")

    (tmp_path / ".create-left").mkdir()
    with pytest.raises(KeyboardInterrupt):
        create(path, half)
    assert not list(tmp_path.iterdir())
    create(path, whole)
    assert [entry.name for entry in tmp_path.iterdir()] == ["mlflow.db"]
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("ours",)]


def test_a_store_that_exists_keeps_its_journal(tmp_path: Path) -> None:
    """It is somebody else's."""
    path = tmp_path / "mlflow.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    prepare(path)
    assert mode(path) == "delete"


@pytest.mark.parametrize(("kind", "created"), [("nfs4", False), ("ext4", True), ("9p", False)])
def test_a_disk_of_another_machine_gets_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, created: bool
) -> None:
    """A write-ahead log needs memory that all its users share."""
    home = tmp_path / "home"
    home.mkdir()
    mounts = [SimpleNamespace(mountpoint="/", fstype="ext4")]
    mounts.append(SimpleNamespace(mountpoint=str(tmp_path), fstype=kind))
    monkeypatch.setattr(sqlitefile.psutil, "disk_partitions", lambda **_: mounts)
    prepare(home / "mlflow.db")
    assert (home / "mlflow.db").exists() == created
