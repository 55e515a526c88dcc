"""Who writes a fit: the sweep itself, or a process of its own once fits come faster than that.

MLflow's work on a small fit is 30 to 40 ms of Python. Beside training that time is not free: it holds
the lock that tracing and starting the next stack need (docs/experiments.md). A process costs an
import, so short and slow sweeps never start one.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from pipeline.ledger import resume
from pipeline.ledger.scribe import GoneError, Scribe
from pipeline.ledger.writer import MOST_AT_ONCE

if TYPE_CHECKING:
    from pipeline.ledger.donefits import DoneFit
    from pipeline.ledger.recorder import FitPage
    from pipeline.ledger.store import Store

log = logging.getLogger(__name__)

BEHIND = 64
"""Fits that wait to be written when a process of its own is started: two or three seconds of writing."""


class Hands:
    """Writes fits, one after the other, in the quicker of two ways."""

    def __init__(self, store: Store) -> None:
        """Write from this process, until `waiting` says that it is too slow."""
        self._store = store
        # A server works in processes of its own, and waiting for it holds no lock.
        self._scribe = Scribe(store.location) if store.is_local else None
        self._orphans: set[str] = set()
        """Keys of the fits that a process which died was at."""

    @property
    def at_once(self) -> int:
        """How many fits may be given to `write` at the same time.

        sqlite takes one writer; a process of its own must not wait for the next fit.
        """
        scribe = self._scribe  # another thread may do without it from now on
        return MOST_AT_ONCE if scribe is None or scribe.ready else 1

    def waiting(self, fits: int) -> None:
        """Take note of how many fits wait; start the process when they are many."""
        if fits < BEHIND or self._scribe is None:
            return
        try:
            self._scribe.start()
        except (OSError, RuntimeError) as error:  # no more processes or memory: not our last word
            log.warning("no process of its own to write fits: %s", error)
            self._scribe.close()
            self._scribe = None

    def write(self, page: FitPage) -> None:
        """Write what is left of a fit; raises what the store raised."""
        scribe = self._scribe
        if scribe is not None and scribe.ready:
            try:
                scribe.write(page)
            except GoneError:  # the scribe has said it
                self._orphans.add(page.place.key)
            else:
                return
        if page.place.key in self._orphans:  # still, when the store failed while it was taken over
            self._take_over(page)
        page.advance(self._store.client)

    def close(self) -> None:
        """End the process, if there is one."""
        if self._scribe is not None:
            self._scribe.close()

    def _take_over(self, page: FitPage) -> None:
        """Find out how far a process that died had come; bury what it left half written."""
        client, sweep = self._store.client, page.place.sweep
        found = client.search_runs(
            [page.experiment_id],
            f"tags.`mlflow.parentRunId` = '{sweep}' AND tags.fit_key = '{page.place.key}'",
        )
        dead = resume.bury(client, list(found))
        resume.bury_models(client, page.experiment_id, sweep, dead)
        buried = {run.info.run_id for run in dead}
        page.adopt([run for run in found if run.info.run_id not in buried])
        self._orphans.discard(page.place.key)


class FitJob:
    """A page in the background writer's queue."""

    alone = False
    """Fits do not wait for each other."""
    first = False
    """The files of stacks go before: with them, a fit is safe."""

    def __init__(self, page: FitPage, done: DoneFit, hands: Hands) -> None:
        """Keep what is written and who writes it; `done` learns the ids of the run and the model."""
        self.name = page.result.fit.name
        self._page, self._done, self._hands = page, done, hands

    def advance(self) -> None:
        """Write what is left."""
        self._hands.write(self._page)
        written = self._page.written
        self._done.run_id, self._done.model_id = written.run_id, written.model_id
        self._done.metrics = written.metrics
