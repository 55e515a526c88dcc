"""Find an interrupted sweep, check that it is the same one, and read the fits that it finished."""

from __future__ import annotations

import functools
import json
import logging
import math
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from typing import Any

from pipeline.config import differences
from pipeline.config.messages import did_you_mean
from pipeline.core.errors import ConfigError, DataError
from pipeline.core.records import FitResult, Outcome
from pipeline.ledger.donefits import DoneFit
from pipeline.ledger.encoding import decode_fit
from pipeline.ledger.facts import SweepFacts
from pipeline.ledger.files import RunFiles
from pipeline.ledger.fitrun import Place
from pipeline.ledger.location import Location, MlflowClient, elsewhere
from pipeline.ledger.stackfile import FitCurves
from pipeline.ledger.store import UNKNOWN

log = logging.getLogger(__name__)

CHAMPION = "champion"
"""Name of the champion's LoggedModel."""

PAGE = 1000
"""Runs requested at a time."""

SHOWN_DIFFERENCES = 12
"""Changed settings named in a message."""

UNSEEN_DIFFERENCE = "KERAS_BACKEND"
"""Part of the fingerprint that is not a setting."""

SUPERSEDED = (
    "its stack's file is damaged or gone, or it was recorded twice: another run of this fit counts"
)
"""Why a run that had ended is marked as KILLED."""

ENDED = {"FINISHED", "FAILED"}
"""MLflow status of a run whose fit is done."""


def find(client: MlflowClient, experiment_id: str, facts: SweepFacts) -> Iterator[Any]:
    """Yield interrupted sweeps with this configuration and data, the latest first."""
    yield from client.search_runs(
        [experiment_id],
        "tags.kind = 'sweep' AND attributes.status != 'FINISHED'"
        f" AND tags.fingerprint = '{facts.fingerprint}' AND tags.data_digest = '{facts.digest}'",
        order_by=["attributes.start_time DESC"],
        max_results=50,
    )


def sweep_run(
    client: MlflowClient, location: Location, name: str, run_id: str, known: Sequence[str] = ()
) -> Any:
    """Return the parent run of a sweep by its id.

    Args:
        name: Name of the setting that holds the id, for messages.
        known: Other allowed values of the setting.

    Raises:
        ConfigError: There is no such run, or it is not a sweep.
    """
    run = run_named(client, location, name, run_id, known)
    if run.data.tags.get("kind") == "sweep":
        return run
    parent, kind = run.data.tags.get("sweep"), run.data.tags.get("kind", "fit")
    hint = f"it is a {kind} of {name}={parent}" if parent else "it was not written by this program"
    raise ConfigError(f"{name}={run_id}: this run is not a sweep; {hint}.")


def run_named(
    client: MlflowClient, location: Location, name: str, run_id: str, known: Sequence[str] = ()
) -> Any:
    """Return a run by its id, with the arguments and errors of `sweep_run`."""
    from mlflow.exceptions import MlflowException

    try:
        return client.get_run(run_id)
    except MlflowException as error:
        if error.error_code not in UNKNOWN:
            raise
        raise ConfigError(
            f"{name}={run_id}: {location.shown} has no such run{did_you_mean(run_id, known)}."
            f"{elsewhere(location)}"
        ) from None


def check_same(run: Any, files: RunFiles, facts: SweepFacts) -> None:
    """Refuse to mix fits of different configurations or data.

    Raises:
        ConfigError: The configuration changed; the message shows where.
        DataError: The table, or its split, changed.
    """
    tags = run.data.tags
    if tags.get("fingerprint") != facts.fingerprint:
        then = (files.read_json("sweep.json") or {}).get("config", {})
        changes = differences(then, facts.config)
        shown = "; ".join(changes[:SHOWN_DIFFERENCES]) or UNSEEN_DIFFERENCE
        raise ConfigError(
            f"resume={run.info.run_id}: the configuration is not the one this sweep began with: "
            f"{shown}. Use the same settings, or start a new sweep with resume=no."
        )
    if tags.get("data_digest") != facts.digest:
        raise DataError(
            f"resume={run.info.run_id}: the data is not what this sweep began with "
            f"(digest {tags.get('data_digest')}, now {facts.digest}): rows, their order or the "
            "split changed. Restore the file, or start a new sweep with resume=no."
        )


def children(client: MlflowClient, experiment_id: str, run_id: str) -> list[Any]:
    """Return the runs of all fits of a sweep, by start; they may be children of trials' rows."""
    search = functools.partial(
        client.search_runs,
        [experiment_id],
        f"tags.sweep = '{run_id}' AND tags.fit_key != ''",
        max_results=PAGE,
        order_by=["attributes.start_time ASC"],
    )
    return list(_pages(search))


def _pages(search: Callable[..., Any]) -> Iterator[Any]:
    """Yield what a search finds, page after page."""
    token = None
    while True:
        page = search(page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def bury(client: MlflowClient, runs: list[Any]) -> list[Any]:
    """Mark runs that a dead process left RUNNING as KILLED, and return them."""
    dead = [run for run in runs if run.info.status in {"RUNNING", "SCHEDULED"}]
    for run in dead:
        _kill(client, run, "the process that wrote this run died, or lost the store")
    return dead


def _kill(client: MlflowClient, run: Any, reason: str) -> None:
    run_id = run.info.run_id
    client.set_tag(run_id, "outcome", Outcome.cut.value)
    client.set_tag(run_id, "reason", reason)
    client.set_terminated(run_id, "KILLED", run.info.end_time)  # last: until then it is found again


def supersede(client: MlflowClient, runs: list[Any], counted: Container[str]) -> None:
    """Mark ended runs as KILLED whose ids are not in `counted`.

    The file of their stack is gone or damaged, so that their fits are trained again; or an earlier
    resume recorded them twice. Each fit has one FINISHED run.
    """
    others = [run for run in runs if run.info.status in ENDED and run.info.run_id not in counted]
    for run in others:
        if model_id := run.data.tags.get("model_id", ""):
            client.set_logged_model_tags(model_id, {"superseded": SUPERSEDED})
        _kill(client, run, SUPERSEDED)
    if others:
        log.warning("%d runs of fits do not count: %s", len(others), SUPERSEDED)


def bury_models(
    client: MlflowClient, experiment_id: str, run_id: str, runs: list[Any], *, late: bool = False
) -> None:
    """Mark models that a dead process had not finished saving as FAILED.

    Args:
        run_id: Id of the sweep, whose champion may be among them.
        runs: Runs that were left RUNNING; the network of each may be among them.
        late: Whether networks are saved after their runs have ended; then all of the sweep are checked.
    """
    suspects = [f"tags.sweep = '{run_id}'"]
    if not late:
        suspects = [f"{suspects[0]} AND name = '{CHAMPION}'"]
        suspects += [f"source_run_id = '{run.info.run_id}'" for run in runs]
    for condition in suspects:
        search = functools.partial(client.search_logged_models, [experiment_id], condition)
        for model in list(_pages(search)):
            if str(model.status) == "PENDING":
                client.finalize_logged_model(model.model_id, "FAILED")


def done_fit(run: Any, curves: Mapping[str, FitCurves], facts: SweepFacts) -> DoneFit | None:
    """Return the fit of a run that is done and has curves (by fit key); else None."""
    tags, metrics = run.data.tags, run.data.metrics
    key = tags.get("fit_key", "")
    outcome = Outcome(tags.get("outcome", Outcome.cut.value))
    if run.info.status not in ENDED or not outcome.is_done or key not in curves:
        return None
    kept = curves[key]
    place = Place(
        sweep=tags["sweep"],
        round=int(tags["round"]),
        phase=tags["phase"],
        position=int(tags["position"]),
        stack=int(tags["stack"]),
        key=key,
        together=kept.together,
    )
    result = FitResult(
        fit=decode_fit(json.loads(tags["fit"])),
        outcome=outcome,
        curves=kept.curves,
        best_epoch=kept.best_epoch(metrics.get("best_epoch", -1)),
        weights=None,
        row_losses=kept.row_losses,
        seconds=metrics.get("seconds", 0.0),
        message=tags.get("message", ""),
        train_loss=metrics.get("best_train_loss", math.nan),
    )
    known = {"run_id": run.info.run_id, "model_id": tags.get("model_id", "")}
    return DoneFit(place, result, kept.units, facts.objective, **known)
