"""Who may move the alias next: versions are judged one after the other, in the order of their numbers.

MLflow sets an alias without asking where it stood. But it gives each version of a model a number of its
own, and keeps the tags that a version is created with in the same transaction: whoever creates version 5
sees that version 4 is still waiting to be judged, and lets it go first. So two sweeps that end together
are not both compared with the same incumbent, on a local store and on a server alike.

What remains: a sweep that sleeps for longer than `PATIENCE` is passed over. It looks at its own tag just
before it sets the alias and then refuses itself; only one that sleeps exactly between that look and the
next call, or a person who moves the alias by hand in that moment, is not seen.
"""

from __future__ import annotations

import functools
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlflow import MlflowClient

STATE_TAG = "judged"
WAITING, JUDGED, PASSED_OVER = "waiting", "yes", "passed over"

PATIENCE = 120.0
"""Seconds that a version is waited for: it is judged within a second, or, where the incumbent changed in
the meantime and is loaded again, within some ten seconds."""
PAUSE = 0.5


def await_turn(
    client: MlflowClient,
    name: str,
    version: str,
    ask: Callable[[str, Callable[[], Any]], Any],
    patience: float = PATIENCE,
) -> None:
    """Return when every version with a lower number was judged, or is not waited for any longer.

    Args:
        client: Of the store.
        name: The registered model.
        version: Our own, created with `STATE_TAG` = `WAITING`.
        ask: Calls the store with the sweep's patience for one that is away (`Ledger.ask`).
        patience: Seconds, `PATIENCE` but in tests.
    """
    deadline = time.monotonic() + patience
    own = ask("own version", lambda: client.get_model_version(name, version))
    while ahead := ask("versions that wait", lambda: _ahead(client, name, version)):
        oldest = own.creation_timestamp - 1000 * patience
        stale = [one for one in ahead if int(one.creation_timestamp) < oldest]
        if time.monotonic() >= deadline:
            stale = ahead
        for one in stale:
            passed = functools.partial(_mark, client, name, str(one.version), PASSED_OVER)
            ask("pass over", passed)
        if not stale:
            time.sleep(PAUSE)


def _ahead(client: MlflowClient, name: str, version: str) -> list[Any]:
    """Return the versions with lower numbers that wait to be judged."""
    return [
        one
        for one in newest(client, name)
        if int(one.version) < int(version) and dict(one.tags).get(STATE_TAG) == WAITING
    ]


def newest(client: MlflowClient, name: str) -> list[Any]:
    """Return the newest versions of a registered model, at most a thousand."""
    quote = "'" if "'" not in name else '"'
    where, order = f"name = {quote}{name}{quote}", ["version_number DESC"]
    return list(client.search_model_versions(where, max_results=1000, order_by=order))


def is_waiting(client: MlflowClient, name: str, version: str) -> bool:
    """Return whether it is still our turn: nobody has passed us over."""
    return dict(client.get_model_version(name, version).tags).get(STATE_TAG) == WAITING


def done(client: MlflowClient, name: str, version: str) -> None:
    """Let the next version go."""
    _mark(client, name, version, JUDGED)


def _mark(client: MlflowClient, name: str, version: str, state: str) -> None:
    client.set_model_version_tag(name, version, STATE_TAG, state)
