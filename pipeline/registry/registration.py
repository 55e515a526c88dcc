"""Writing a champion into the registry: its version, its reason, and the alias that moves or stays."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pipeline.ledger.writer import Job
from pipeline.registry import turn
from pipeline.registry.judge import Promotion, Rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pipeline.ledger.ledger import Ledger
    from pipeline.ledger.location import Location
    from pipeline.models.artefact import Champion

GLOBAL = "MLFLOW_TRACKING_URI"

CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous"
PASSED = "version {} waited for too long and a later one was judged before it"
MOVED = "somebody moved the alias while version {} was compared"
DESCRIPTION = (
    "Networks found by sweeps of `pipeline.sweep`. Alias `champion`: in production; `challenger`: the last "
    "that was not promoted; `previous`: what the champion replaced. Each version says why."
)
VERSIONS_TAG = "mlflow.modelVersions"
ROWS_TAG, REASON_TAG, CHALLENGED_TAG = "test_rows", "promotion", "challenged"


class Registration:
    """The steps of a registration; each may be tried again."""

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
        """Create the version, and return when it is its turn to be judged."""
        steps: list[Callable[[], object]] = [self._create_model] if create else []
        steps += [self._create_version, self._show_version]
        self._ledger.write(Job(f"register {self._name}", steps))
        self._ledger.flush()
        turn.await_turn(self._client, self._name, self._version, self._ledger.ask)

    def production(self) -> str:
        """Return the version in production; empty for none."""
        aliases = self._client.get_registered_model(self._name).aliases
        return str(aliases.get(CHAMPION, ""))

    def settle(self, verdict: Promotion, before: str) -> Promotion:
        """Move the alias or not, write down why, and let the next version go; return what was decided.

        Args:
            verdict: What is to be done.
            before: The version in production that it rests on, empty for none.
        """
        refused: list[str] = []

        def move() -> None:
            # No call between these looks and the move: what is left of the race is one round trip.
            if not turn.is_waiting(self._client, self._name, self._version):
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
            self._ledger.ask("challenged", lambda: self._tell(before, verdict.reason))
        if PASSED not in refused:
            self._ledger.ask("judged", lambda: turn.done(self._client, self._name, self._version))
        return verdict

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
        tags = {
            "sweep": self._ledger.run_id,
            ROWS_TAG: json.dumps(rows),
            turn.STATE_TAG: turn.WAITING,
        }
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
        """Tell the model's page its version: MLflow's server does so by itself, its sqlite store does not."""
        links = json.dumps([{"name": self._name, "version": self._version}])
        self._client.set_logged_model_tags(self._champion.model_id, {VERSIONS_TAG: links})

    def _explain(self, reason: str) -> None:
        """Write the reason where people look."""
        self._client.update_model_version(self._name, self._version, description=reason)
        self._client.set_model_version_tag(self._name, self._version, REASON_TAG, reason)

    def _tell(self, incumbent: str, reason: str) -> None:
        """Leave a word with the version that was challenged."""
        said = f"by version {self._version}: {reason}"
        self._client.set_model_version_tag(self._name, incumbent, CHALLENGED_TAG, said)


@contextmanager
def _as_global_store(location: Location) -> Iterator[None]:
    """Let MLflow find `models:/` URIs: its registry asks the process' global store for them.

    That is what a notebook set by `mlflow.set_tracking_uri`, before any variable of the environment.
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
