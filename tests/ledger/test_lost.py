"""A store that is deleted under a sweep: said truthfully, at the next boundary."""

from __future__ import annotations

import shutil
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.core.errors import LostStoreError, StoreError
from pipeline.session.rescue import rescued

if TYPE_CHECKING:
    from pathlib import Path


def _delete_database(home: Path) -> None:
    for file in (home / "mlruns").glob("mlflow.db*"):
        file.unlink()


def _replace_database(home: Path) -> None:
    database = home / "mlruns" / "mlflow.db"
    shutil.copy(database, database.with_name("copy"))
    database.with_name("copy").replace(database)


def _delete_artefacts(home: Path) -> None:
    shutil.rmtree(home / "mlruns" / "artifacts")


def _delete_all(home: Path) -> None:
    shutil.rmtree(home / "mlruns")


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        (_delete_database, "mlflow.db"),
        (_replace_database, "mlflow.db"),
        (_delete_artefacts, "artifacts"),
        (_delete_all, "mlflow.db"),
    ],
)
def test_a_store_that_was_deleted_is_noticed_and_named(
    sweeps: Any, workplace: Path, fault: Any, named: str
) -> None:
    """Sqlite goes on writing to a file that nobody will find again; exit 5 instead of 0."""
    ledger = sweeps.open(retry_seconds=0.5)
    sweeps.record(ledger, sweeps.round(0, executions=1))
    fault(workplace)
    with pytest.raises(StoreError) as lost:
        ledger.flush()
    assert lost.value.exit_code == 5
    assert named in str(lost.value)
    assert "deleted or replaced" in str(lost.value)
    sweeps.opened.remove(ledger)
    with pytest.raises(LostStoreError, match="Start it anew"):
        ledger.end("FINISHED")


def test_a_database_that_sqlite_had_to_make_anew_is_not_waited_for(
    sweeps: Any, workplace: Path
) -> None:
    """A new connection finds an empty file: trying for two minutes would not bring it back."""
    ledger = sweeps.open(retry_seconds=120.0)
    _delete_database(workplace)
    (workplace / "mlruns" / "mlflow.db").touch()
    ledger.store.client._tracking_client.store.engine.dispose()
    ledger.set_tag("a", "b")
    with pytest.raises(LostStoreError, match="deleted or replaced"):
        ledger.flush()
    sweeps.opened.remove(ledger)
    with pytest.raises(LostStoreError):
        ledger.end("FINISHED")


def test_a_sweep_that_is_resumed_is_watched_too(sweeps: Any, workplace: Path) -> None:
    """From the moment at which it is taken over."""
    ledger = sweeps.open()
    sweeps.abandon(ledger)
    again = sweeps.open(ledger.run_id)
    again.flush()
    _delete_database(workplace)
    sweeps.opened.remove(again)
    with pytest.raises(LostStoreError):
        again.end("FINISHED")


def _sweep(choice: Any, done: list[Any]) -> Any:
    ledger = SimpleNamespace(finished=list, done=done, run_id="a", experiment="e")
    return SimpleNamespace(
        ledger=ledger,
        searcher=SimpleNamespace(choose=lambda _: choice),
        networks=SimpleNamespace(kept=lambda _: False),
    )


def test_only_a_lost_store_asks_for_a_rescue() -> None:
    """After any other error the sweep is resumed."""
    assert rescued(None, ValueError("a bug")) == "ValueError: a bug"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("choice", "says"),
    [
        (None, "no fit was usable yet"),
        (SimpleNamespace(trial=SimpleNamespace(name="1x4"), execution=0), "no longer in memory"),
    ],
)
def test_what_cannot_be_rescued_is_said(
    choice: Any, says: str, caplog: pytest.LogCaptureFixture
) -> None:
    """One line; the reason of the end stays the loss."""
    lost = LostStoreError("mlflow.db was deleted")
    reason = rescued(_sweep(choice, []), lost)
    assert reason == "LostStoreError: mlflow.db was deleted"
    assert says in caplog.text
