"""A store that can only be read: report, predict and replay read it, and write nothing beside it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import tempfile
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pipeline import report
from pipeline.core.errors import ConfigError
from pipeline.ledger import doctor
from pipeline.ledger.location import SQLITE, check, resolve
from pipeline.ledger.read import read_sweep, recorded_fit
from pipeline.ledger.store import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

NOBODY = 65534
"""The user `nobody`."""


@pytest.fixture
def copy(sweeps: Any, workplace: Path, tmp_path: Path, monkeypatch: Any) -> Iterator[Any]:
    """Return the id of a sweep in a copied store; the copy may not be written to, not even by root."""
    ledger = sweeps.open()
    sweeps.record(ledger, sweeps.round(0, executions=1))
    ledger.attach("config.yaml", "x: 1")
    ledger.end("FINISHED")
    copied = tmp_path / "copy"
    shutil.copytree(workplace / "mlruns", copied)
    for left in copied.glob("mlflow.db-*"):
        left.unlink()
    modes = {path: path.stat().st_mode for path in (*copied.rglob("*"), copied)}
    for path, mode in modes.items():
        path.chmod(mode & ~(stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))
    allowed = os.access

    def access(path: Any, mode: int, **more: Any) -> bool:
        inside = Path(path).absolute().is_relative_to(copied)
        return allowed(path, mode, **more) and not (inside and mode & os.W_OK)

    monkeypatch.setattr(os, "access", access)
    yield f"sqlite:///{copied}/mlflow.db", ledger.run_id, ledger.done[0].run_id
    for path, mode in modes.items():
        path.chmod(mode)


def _files(uri: str) -> list[str]:
    return sorted(str(path) for path in Path(uri.removeprefix("sqlite:///")).parent.rglob("*"))


def test_what_reads_needs_no_permission_to_write(copy: Any, tmp_path: Path) -> None:
    """And leaves no lock, log or shared memory beside the database."""
    uri, sweep, fit = copy
    before = _files(uri)
    assert read_sweep(uri, sweep).run_id == sweep
    assert read_sweep(uri, "latest").run_id == sweep
    assert recorded_fit(uri, fit).config == "x: 1"
    target = tmp_path / "page.html"
    assert report.main([f"sweep={sweep}", f"output={target}", f"tracking.uri={uri}"]) == 0
    assert sweep in target.read_text("utf-8")
    assert _files(uri) == before


def test_a_store_opened_for_reading_only_refuses_to_be_written(copy: Any) -> None:
    """Sqlite itself sees to it."""
    uri, sweep, _ = copy
    client = connect(resolve(uri), reading=True)
    with pytest.raises(Exception, match="readonly"):
        client.set_tag(sweep, "a", "b")


@pytest.fixture
def foreign() -> Iterator[Path]:
    """Return a folder with a database with a write-ahead log, which this user cannot write to."""
    folder = Path(tempfile.mkdtemp())
    with closing(sqlite3.connect(folder / "mlflow.db")) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE t (x)")
        connection.execute("INSERT INTO t VALUES (7)")
        connection.commit()
    (folder / "mlflow.db").chmod(0o444)
    folder.chmod(0o555)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


@contextmanager
def nobody() -> Iterator[None]:
    """Be a user without rights; root may write everywhere."""
    before = os.geteuid()
    os.seteuid(NOBODY if before == 0 else before)
    try:
        yield
    finally:
        os.seteuid(before)


def test_a_user_without_rights_reads_a_database_with_a_log(foreign: Path) -> None:
    """Sqlite would put an index of the log beside it; it is told that nobody can write."""
    with nobody():
        uri = resolve(f"sqlite:///{foreign}/mlflow.db").read_only_uri
        with closing(sqlite3.connect(uri.removeprefix(SQLITE), uri=True)) as connection:
            assert connection.execute("SELECT x FROM t").fetchall() == [(7,)]
    assert "immutable" in uri
    assert [path.name for path in foreign.iterdir()] == ["mlflow.db"]


def test_what_was_not_merged_yet_is_never_left_out(foreign: Path) -> None:
    """Read as unchangeable, sqlite would not look into its log: said instead."""
    foreign.chmod(0o755)
    (foreign / "mlflow.db-wal").write_bytes(b"x" * 64)
    foreign.chmod(0o555)
    with nobody(), pytest.raises(ConfigError, match="wal holds what is not in the file yet"):
        _ = resolve(f"sqlite:///{foreign}/mlflow.db").read_only_uri


def test_reading_where_nothing_was_recorded_leaves_nothing_behind(tmp_path: Path) -> None:
    """No empty store, no folder: one message."""
    uri = f"sqlite:///{tmp_path}/none/mlflow.db"
    for ask in (lambda: read_sweep(uri, "latest"), lambda: check(resolve(uri), reading=True)):
        with pytest.raises(ConfigError, match="holds no sweep yet"):
            ask()
    assert list(tmp_path.iterdir()) == []


def test_the_doctor_says_that_it_can_only_be_read(copy: Any, monkeypatch: Any) -> None:
    """A sweep needs more than that; who only reads is told that it works."""

    def refuse(location: Any) -> None:
        raise ConfigError("it cannot be written there.")

    monkeypatch.setattr(doctor, "check", refuse)
    (found,) = doctor.check_store(resolve(copy[0]))
    assert found.code == 2
    assert "report, predict and replay read it all the same" in found.sentence
