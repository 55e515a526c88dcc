"""Register a champion: create its version, store the reason, and move the alias or leave it.

Versions are judged one after the other, in the order of their numbers. MLflow sets an alias without a
compare-and-swap. But it gives each version of a model a distinct number, and stores the tags that a version
is created with in the same transaction: the sweep that creates version 5 sees that version 4 is still
waiting to be judged, and lets it go first. So two sweeps that end together are not both compared with the
same incumbent, on a local store and on a server alike.

What remains: a sweep that sleeps for longer than `PATIENCE` is passed over. It checks its own tag just
before it sets the alias and then refuses itself; not detected are only a sweep that sleeps exactly between
that check and the next call, and a person who moves the alias by hand in that moment.
"""

from __future__ import annotations

import functools
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pipeline.ledger.ledger import Ledger
from pipeline.ledger.location import Location, MlflowClient
from pipeline.ledger.writer import Job
from pipeline.models.artefact import Champion
from pipeline.registry.judge import Promotion, Rows

STATE_TAG = "judged"
WAITING, JUDGED, PASSED_OVER = "waiting", "yes", "passed over"

PATIENCE = 120.0
"""Longest wait for a version, in seconds: it is judged within a second, or within ten where the incumbent
changed in the meantime and is loaded again."""
PAUSE = 0.5


GLOBAL = "MLFLOW_TRACKING_URI"

CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous"
PASSED = "version {} waited for too long and a later one was judged before it"
MOVED = "the alias was moved while version {} was compared"
DESCRIPTION = (
    "Networks found by sweeps of `pipeline.sweep`. Alias `champion`: in production; `challenger`: the last "
    "that was not promoted; `previous`: what the champion replaced. Each version says why."
)
VERSIONS_TAG = "mlflow.modelVersions"
ROWS_TAG, REASON_TAG, CHALLENGED_TAG = "test_rows", "promotion", "challenged"


class Registration:
    """The steps of a registration; each can be retried."""

    def __init__(self, ledger: Ledger, name: str, champion: Champion, rows: Rows) -> None:
        """Prepare the registration of a saved champion, tested on these rows."""
        self._ledger = ledger
        self._client = ledger.store.client
        self._name = name
        self._champion = champion
        self._rows = rows
        self._version = ""

    @property
    def number(self) -> int:
        """The version's number."""
        return int(self._version)

    def register(self, *, create: bool) -> None:
        """Create the version, and return when all earlier versions have been judged."""
        steps: list[Callable[[], object]] = [self._create_model] if create else []
        steps += [self._create_version, self._show_version]
        self._ledger.write(Job(f"register {self._name}", steps))
        self._ledger.flush()
        self._await_turn()

    def production(self) -> str:
        """Return the version in production; empty for none."""
        aliases = self._client.get_registered_model(self._name).aliases
        return str(aliases.get(CHAMPION, ""))

    def settle(self, verdict: Promotion, before: str) -> Promotion:
        """Move the alias or leave it, store the reason, release the next version; return the decision.

        Args:
            verdict: The judgement.
            before: The version in production that it compared with; empty for none. Where another version
                is in production by now, the promotion is refused.
        """
        refused: list[str] = []

        def move() -> None:
            # No call between these checks and the move: what is left of the race is one round trip.
            if not _waits(self._own()):  # a later version has passed over this one
                refused.append(PASSED)
            elif self.production() not in {before, self._version}:
                refused.append(MOVED)
            else:
                self._point(CHAMPION if verdict.promoted else CHALLENGER, self._version)

        steps: list[Callable[[], object]] = [lambda: self._explain(verdict.reason)]
        if verdict.promoted and before:  # the way back is kept before the alias moves
            steps.append(lambda: self._point(PREVIOUS, before))
        self._ledger.write(Job(f"promote {self._name}", [*steps, move]))
        self._ledger.flush()
        if refused:
            why = f"Not promoted: {refused[0].format(self._version)}; run the sweep again."
            verdict = Promotion(promoted=False, reason=why)
            self._ledger.ask("refused", lambda: self._explain(why))
        elif before:
            word = f"by version {self._version}: {verdict.reason}"
            self._ledger.ask("challenged", lambda: self._tag(before, CHALLENGED_TAG, word))
        if PASSED not in refused:
            self._ledger.ask("judged", lambda: self._tag(self._version, STATE_TAG, JUDGED))
        return verdict

    def _await_turn(self) -> None:
        """Return when every version with a lower number was judged or passed over."""
        ask = self._ledger.ask
        deadline = time.monotonic() + PATIENCE
        own = ask("own version", self._own)
        while ahead := ask("versions that wait", self._ahead):
            oldest = own.creation_timestamp - 1000 * PATIENCE
            stale = [version for version in ahead if int(version.creation_timestamp) < oldest]
            if time.monotonic() >= deadline:
                stale = ahead
            for version in stale:
                ask(
                    "pass over",
                    functools.partial(self._tag, str(version.version), STATE_TAG, PASSED_OVER),
                )
            if not stale:
                time.sleep(PAUSE)

    def _ahead(self) -> list[Any]:
        """Return the versions with lower numbers that wait to be judged."""
        versions = newest(self._client, self._name)
        return [
            version
            for version in versions
            if int(version.version) < self.number and _waits(version)
        ]

    def _own(self) -> Any:
        return self._client.get_model_version(self._name, self._version)

    def _tag(self, version: str, tag: str, text: str) -> None:
        self._client.set_model_version_tag(self._name, version, tag, text)

    def _point(self, alias: str, version: str) -> None:
        self._client.set_registered_model_alias(self._name, alias, version)

    def _create_model(self) -> None:
        from mlflow.exceptions import MlflowException

        try:
            self._client.create_registered_model(self._name, description=DESCRIPTION)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":  # another sweep was first
                raise

    def _create_version(self) -> None:
        model = self._client.get_logged_model(self._champion.model_id)
        rows = {"digest": self._rows.digest, "split": dict(self._rows.split)}
        tags = {"sweep": self._ledger.run_id, ROWS_TAG: json.dumps(rows), STATE_TAG: WAITING}
        tags |= {metric.key: f"{metric.value:.6g}" for metric in model.metrics or []}
        with _as_global_store(self._ledger.store.location):
            version = self._client.create_model_version(
                self._name,
                self._champion.model_uri,
                run_id=model.source_run_id,
                tags=tags,
                model_id=self._champion.model_id,
            )
        self._version = str(version.version)

    def _show_version(self) -> None:
        """Tag the logged model with its version for its page: MLflow's sqlite store does not do so itself."""
        links = json.dumps([{"name": self._name, "version": self._version}])
        self._client.set_logged_model_tags(self._champion.model_id, {VERSIONS_TAG: links})

    def _explain(self, reason: str) -> None:
        self._client.update_model_version(self._name, self._version, description=reason)
        self._tag(self._version, REASON_TAG, reason)


def newest(client: MlflowClient, name: str) -> list[Any]:
    """Return the newest versions of a registered model, at most a thousand."""
    quote = "'" if "'" not in name else '"'
    where, order = f"name = {quote}{name}{quote}", ["version_number DESC"]
    return list(client.search_model_versions(where, max_results=1000, order_by=order))


def _waits(version: Any) -> bool:
    return dict(version.tags).get(STATE_TAG) == WAITING


@contextmanager
def _as_global_store(location: Location) -> Iterator[None]:
    """Set MLflow's global tracking URI inside: its registry resolves `models:/` URIs there.

    A URI set by `mlflow.set_tracking_uri`, in a notebook for example, is restored afterwards.
    """
    from mlflow.tracking._tracking_service.utils import _use_tracking_uri

    before = os.environ.get(GLOBAL)
    try:
        with _use_tracking_uri(location.uri):
            yield
    finally:
        os.environ.pop(GLOBAL, None)
        if before is not None:
            os.environ[GLOBAL] = before
