"""Opening the ledger of a sweep, a new one or an interrupted one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.ledger.ledger import Ledger
from pipeline.ledger.location import resolve
from pipeline.ledger.store import is_of_store, open_store, out_of_reach
from pipeline.ledger.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.config.schema import TrackingConfig
    from pipeline.core.records import Trial
    from pipeline.ledger.facts import SweepFacts


def open_ledger(
    tracking: TrackingConfig,
    facts: SweepFacts,
    build: Callable[[Trial], Any],
    *,
    which: str = "no",
    elapsed: Callable[[], float],
    stopping: Callable[[], bool] = lambda: False,
) -> Ledger:
    """Open the store, and create the sweep's parent run or take over an interrupted one.

    Call `location.check(location.resolve(tracking.uri))` first of all: it answers without MLflow.

    Args:
        tracking: The settings; the experiment's default name is the data set's.
        facts: Configuration and data of the sweep.
        build: Gives an uncompiled keras.Model of a trial (`Family.build`); called on this thread,
            once for each architecture.
        which: The setting `resume`: `no`, `auto` or the id of a sweep.
        elapsed: Seconds since this process started; added up over resumes.
        stopping: Whether the sweep was told to stop: waiting for a lost store is then cut short.

    Raises:
        ConfigError: The store cannot be used; no such sweep to resume, another configuration, or
            another process writes to it.
        DataError: The data changed since the sweep began.
        StoreError: The store is out of reach.
    """
    store = open_store(resolve(tracking.uri), tracking.experiment or facts.name)

    def writer(beat: Callable[[], None], at_once: Callable[[], int]) -> Writer:
        return Writer(store.location, tracking.retry_seconds, beat, stopping, at_once)

    try:
        return Ledger(store, facts, build, which, writer, elapsed)
    except Exception as error:
        if not is_of_store(error):
            raise
        raise out_of_reach(store.location, error) from error
