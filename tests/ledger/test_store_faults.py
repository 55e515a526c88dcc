"""A local store that cannot be written for a while: the sweep waits, and nothing is lost."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.core.errors import StoreError
from tests.disk import full_disk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECONDS = 0.5


@contextmanager
def another_writer(home: Path) -> Iterator[None]:
    """Hold sqlite's lock for writing."""
    database = sqlite3.connect(home / "mlruns" / "mlflow.db", isolation_level=None)
    with closing(database):
        database.execute("BEGIN IMMEDIATE")
        yield
        database.execute("ROLLBACK")


@contextmanager
def artefacts_unwritable(home: Path) -> Iterator[None]:
    """Put a file where the folder of the artefacts was; permissions do not bind root."""
    folder = home / "mlruns" / "artifacts"
    kept = folder.rename(folder.with_name("kept"))
    folder.touch()
    try:
        yield
    finally:
        folder.unlink()
        kept.rename(folder)


@contextmanager
def disk_full(home: Path) -> Iterator[None]:
    """Let no file of this process grow."""
    with full_disk():
        yield


FAULTS = pytest.mark.parametrize("fault", [another_writer, artefacts_unwritable, disk_full])


@FAULTS
def test_a_fault_that_passes_loses_nothing(sweeps: Any, workplace: Path, fault: Any) -> None:
    """What could not be written is tried again."""
    ledger = sweeps.open(retry_seconds=120.0)
    sweeps.record(ledger, sweeps.round(0, executions=1))
    asked = sweeps.round(1, sweeps.trial(rate=0.01))
    with fault(workplace):
        results = [sweeps.result(fit) for fit in asked.fits]
        ledger.record_stack(asked, sweeps.plan(asked).stacks[0], results)
        time.sleep(SECONDS)
    ledger.flush()
    ledger.end("FINISHED")
    assert len(sweeps.open(ledger.run_id).finished()) == 3


@pytest.mark.parametrize("fault", [artefacts_unwritable, disk_full])
def test_a_fault_that_stays_ends_the_sweep_resumably(
    sweeps: Any, workplace: Path, fault: Any
) -> None:
    """One message, and what was written before is there afterwards."""
    ledger = sweeps.open(retry_seconds=0.3)
    sweeps.record(ledger, sweeps.round(0))
    with fault(workplace):
        with pytest.raises(StoreError, match="out of reach"):
            sweeps.record(ledger, sweeps.round(1, sweeps.trial(rate=0.01)))
        with pytest.raises(StoreError):
            ledger.end("FAILED")
    sweeps.opened.remove(ledger)
    assert len(sweeps.open(ledger.run_id).finished()) == 2


def test_a_full_folder_for_temporary_files_is_named(sweeps: Any, workplace: Path) -> None:
    """Keras writes there before anything reaches the store."""
    ledger = sweeps.open(retry_seconds=120.0)
    asked = sweeps.round(0)
    with disk_full(workplace), pytest.raises(StoreError, match="TMPDIR"):
        ledger.record_stack(asked, sweeps.plan(asked).stacks[0], [sweeps.result(asked.fits[0])])
