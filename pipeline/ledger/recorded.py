"""What the ledger holds of one fit, as far as training it again needs to know."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from pipeline.config import SOURCE
from pipeline.core.errors import ConfigError
from pipeline.core.records import Fit, StackPlan
from pipeline.ledger.encoding import decode_fit, decode_plan, trained_in
from pipeline.ledger.files import RunFiles
from pipeline.ledger.location import MlflowClient, resolve
from pipeline.ledger.parent import RAN_ON, START
from pipeline.ledger.resume import run_named, sweep_run
from pipeline.ledger.stackfile import FitCurves, read_stacks
from pipeline.ledger.store import connect, reaching

CONFIG = "config.yaml"
"""The sweep's configuration, with its parent run."""


@dataclass(frozen=True)
class RecordedFit:
    """One fit as it was recorded."""

    fit: Fit
    plan: StackPlan
    """Of its round, with its own stack alone: a stack's numbers depend on its members."""
    curves: FitCurves
    config: str
    """YAML text."""
    digest: str
    """Of the data."""
    builder_source: str | None
    """Hash of the code of `model.builder`; None where there was none, or nobody wrote it down."""
    provenance: dict[str, str]
    """Machine and versions it was trained with, named as `environment.provenance` names them."""


def recorded_fit(uri: str | None, run_id: str) -> RecordedFit:
    """Return what is recorded of a fit, the child run; a `uri` of None is the default store.

    Raises:
        ConfigError: There is no such run, or it is no finished fit.
        StoreError: The store is out of reach.
    """
    location = resolve(uri)
    client = connect(location, reading=True)
    with reaching(location):
        return _recorded(client, location, run_id)


def _recorded(client: MlflowClient, location: Any, run_id: str) -> RecordedFit:
    tags = run_named(client, location, "run", run_id).data.tags
    if "fit_key" not in tags:
        raise ConfigError(f"run={run_id}: this run is no fit; name a child run of a sweep.")
    parent = sweep_run(client, location, "sweep", tags["sweep"])
    files = RunFiles(client, parent.info.run_id, parent.info.artifact_uri)
    config, document = files.read(CONFIG), files.read_json(f"rounds/{int(tags['round']):04}.json")
    mark = f"{int(tags['round']):04}-"
    stored = files.read_folder("rounds").items()
    curves = read_stacks({name: content for name, content in stored if mark in name})
    if config is None or document is None or tags["fit_key"] not in curves:
        raise ConfigError(f"run={run_id}: it was cut before it was done; nothing can be compared.")
    start = files.read_json(START) or {}
    about, fit = parent.data.tags, decode_fit(json.loads(tags["fit"]))
    asked, plan = decode_plan(document)
    stacks = trained_in(asked, plan, fit, curves[tags["fit_key"]].together)
    return RecordedFit(
        fit=fit,
        plan=replace(plan, stacks=stacks),
        curves=curves[tags["fit_key"]],
        config=config.decode("utf-8"),
        digest=about.get("data_digest", ""),
        builder_source=start.get("config", {}).get(SOURCE),
        provenance={
            name: value
            for name, value in {**about, **start.get(RAN_ON, {})}.items()
            if name == "machine" or name.startswith("version.")
        },
    )
