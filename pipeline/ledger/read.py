"""Read a whole sweep in a few queries, whatever its size, or one fit: for report and replay."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from pipeline.config import SOURCE
from pipeline.config.schema_search import PER_TRIAL
from pipeline.core.errors import ConfigError
from pipeline.core.records import Fit, StackPlan
from pipeline.core.statistics import Units, two_way
from pipeline.data.csvfile import read_predictions
from pipeline.ledger.donefits import CHAMPION_PHASE
from pipeline.ledger.encoding import decode_fit, decode_plan, trained_in
from pipeline.ledger.files import RunFiles
from pipeline.ledger.location import Location, MlflowClient, elsewhere, resolve
from pipeline.ledger.parent import RAN_ON, START
from pipeline.ledger.resume import children, run_named, sweep_run
from pipeline.ledger.stackfile import FitCurves, read_stacks
from pipeline.ledger.store import connect, reaching
from pipeline.ledger.viewer import runs_link, ui_command

LATEST = "latest"
CONFIG = "config.yaml"
"""The sweep's configuration, with its parent run."""
WHOLE_NUMBERS = (
    "layers",
    "units",
    "parameters",
    "execution",
    "fold",
    "seed",
    "max_epochs",
    "round",
)
COUNTS = ("best_epoch", "epochs", "rank")
NOTHING = FitCurves({}, None)


@dataclass
class SweepRecord:
    """Everything that the ledger holds of one sweep; parts are missing where it was cut."""

    run_id: str
    experiment_id: str
    uri: str
    """Of the store, without credentials."""
    status: str
    """MLflow's state of the parent run: RUNNING, FINISHED, FAILED, KILLED."""
    summary: dict[str, Any]
    """`summary.json`; empty for a sweep without an end."""
    fits: pd.DataFrame
    """One row a fit of the search, in the recorded order: run_id, trial, capacity and its axes, parameters,
    learning_rate, nuisance values, execution, fold, seed, round, phase, outcome, best_* metrics,
    score_se, best_epoch (0-based; -1 for none), epochs, seconds, rank, message, findings."""
    curves: dict[str, pd.DataFrame]
    """By run id: columns epoch (0-based), loss, val_loss and the metrics."""
    row_losses: dict[str, np.ndarray]
    """By run id: validation loss per sampled unit (row, group or block of time), times its weight."""
    decisions: list[dict[str, Any]]
    config: dict[str, str]
    """The resolved configuration, flattened, without secrets."""
    predictions: pd.DataFrame | None
    """The champion's, of test (or validation) rows: row, part, truth, prediction, probabilities."""
    digest: str
    command: tuple[str, ...]
    units: dict[str, Units] = field(default_factory=dict)
    """By run id: the units that the losses are a sample of, where recorded."""
    provenance: dict[str, str] = field(default_factory=dict)
    table: list[dict[str, Any]] = field(default_factory=list)
    """Facts about every column (`data.columns.recorded`); empty for an older sweep."""
    started: str = ""
    run_link: str = ""
    """Link to a run's page in MLflow's UI, without the run id at its end."""
    ui_command: str = ""


def read_sweep(uri: str | None, sweep: str) -> SweepRecord:
    """Return the record of a sweep, by id or `latest`; a `uri` of None is the default store.

    Raises:
        ConfigError: There is no such sweep.
        StoreError: The store is out of reach.
    """
    location = resolve(uri)
    client = connect(location, reading=True)
    with reaching(location):
        return _record(client, location, _parent(client, location, sweep))


def _parent(client: MlflowClient, location: Location, sweep: str) -> Any:
    if sweep != LATEST:
        return sweep_run(client, location, "sweep", sweep, [LATEST])
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    runs = client.search_runs(
        experiments, "tags.kind = 'sweep'", order_by=["attributes.start_time DESC"], max_results=1
    )
    if not runs:
        raise ConfigError(
            f"sweep=latest: {location.shown} holds no sweep yet.{elsewhere(location)}"
        )
    return runs[0]


def _record(client: MlflowClient, location: Location, run: Any) -> SweepRecord:
    info, tags = run.info, run.data.tags
    files = RunFiles(client, info.run_id, info.artifact_uri)
    start = files.read_json(START) or {}
    runs = [
        child
        for child in children(client, info.experiment_id, info.run_id)
        if child.data.tags.get("phase") != CHAMPION_PHASE
    ]
    stacks = read_stacks(files.read_folder("rounds"))
    keys = {child.info.run_id: child.data.tags.get("fit_key", "") for child in runs}
    known = {run_id: stacks[key] for run_id, key in keys.items() if key in stacks}
    predictions = files.read("predictions.csv")
    summary = files.read_json("summary.json") or {}
    classes = summary.get("data", {}).get("classes")
    return SweepRecord(
        run_id=info.run_id,
        experiment_id=info.experiment_id,
        uri=location.shown,
        status=info.status,
        summary=summary,
        fits=_fits(runs, known, start),
        curves={run_id: _curves(fit) for run_id, fit in known.items() if fit.curves},
        row_losses={
            run_id: fit.row_losses for run_id, fit in known.items() if fit.row_losses is not None
        },
        units={run_id: fit.units for run_id, fit in known.items() if fit.units is not None},
        decisions=files.read_json("decisions.json") or [],
        config=start.get("config", {}),
        predictions=None if predictions is None else read_predictions(predictions, classes),
        digest=tags.get("data_digest", ""),
        table=start.get("table", []),
        command=tuple(start.get("command", ())),
        provenance=_provenance(start, {**tags, **start.get(RAN_ON, {})}),
        started=datetime.fromtimestamp(info.start_time / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC"),
        run_link=f"{runs_link(location, info.experiment_id)}/",
        ui_command=ui_command(location),
    )


def _curves(fit: FitCurves) -> pd.DataFrame:
    columns = {name: pd.Series(curve) for name, curve in fit.curves.items()}
    frame = pd.DataFrame(columns)
    frame.insert(0, "epoch", np.arange(len(frame)))
    return frame


def _fits(
    runs: list[Any], known: Mapping[str, FitCurves], start: Mapping[str, Any]
) -> pd.DataFrame:
    """Return the table of fits; columns of CNNs are also called layers and units."""
    plain_loss = start.get("objective", {}).get("metric", "val_loss") == "val_loss"
    rows = []
    for run in runs:
        tags, params, metrics = run.data.tags, dict(run.data.params), run.data.metrics
        fit = known.get(run.info.run_id)
        for name in ("round", "capacity"):  # a process that died may have left no parameters
            params.setdefault(name, tags.get(name, "0"))
        params.setdefault("layers", params.get("blocks", "0"))
        params.setdefault("units", params.get("filters", "0"))
        rows.append(
            {
                "run_id": run.info.run_id,
                "trial": tags.get("trial", ""),
                **params,
                **_exact_rate(tags),
                "position": int(tags.get("position", 0)),
                "outcome": tags.get("outcome", "cut"),
                "best_val_loss": math.nan,
                **metrics,
                "best_epoch": (fit or NOTHING).best_epoch(metrics.get("best_epoch", -1)),
                "score_se": _standard_error(fit) if plain_loss else math.nan,
                "message": tags.get("message", ""),
                "findings": json.loads(tags.get("findings", "[]")),
            }
        )
    if not rows:
        return pd.DataFrame(columns=["run_id", "trial", "capacity", "outcome", "findings"])
    table = pd.DataFrame(rows)
    own = [name for name, entry in PER_TRIAL.items() if entry.kind in {int, float}]
    for name in (*WHOLE_NUMBERS, "learning_rate", *own):
        if name in table:
            table[name] = pd.to_numeric(table[name], errors="coerce")
    for name in (*WHOLE_NUMBERS, *COUNTS):
        if name in table and table[name].notna().all():
            table[name] = table[name].astype("int64")
    return table.sort_values(["round", "position"], kind="stable", ignore_index=True)


def _exact_rate(tags: Mapping[str, str]) -> dict[str, float]:
    """Return the learning rate of a fit with every digit: its parameter is rounded for people."""
    return {"learning_rate": json.loads(tags["fit"])["learning_rate"]} if "fit" in tags else {}


def _standard_error(fit: FitCurves | None) -> float:
    losses = None if fit is None else fit.row_losses
    if fit is None or losses is None or len(losses) < 2:  # noqa: PLR2004 - one row has no spread
        return math.nan
    table = losses[None].astype(np.float64)
    return two_way(table.mean(axis=1), table, fit.units or Units()).se


def _provenance(start: Mapping[str, Any], ran_on: Mapping[str, str]) -> dict[str, str]:
    """Return the provenance of a sweep as texts for people."""
    versions = {
        name.removeprefix("version."): number
        for name, number in ran_on.items()
        if name.startswith("version.")
    }
    dirty = " (with uncommitted changes)" if ran_on.get("git_dirty") == "true" else ""
    commit = ran_on.get("mlflow.source.git.commit", "")
    texts = {
        "data": f"{start.get('source', '')}, target {start.get('target', '')}, "
        f"digest {ran_on.get('data_digest', '')}",
        "rows": ", ".join(f"{count:,} {part}" for part, count in start.get("rows", {}).items()),
        "versions": ", ".join(f"{name} {number}" for name, number in versions.items()),
        "machine": ran_on.get("machine", ""),
        "commit": f"{commit}{dirty}" if commit else "",
    }
    return {name: text for name, text in texts.items() if text}


@dataclass(frozen=True)
class RecordedFit:
    """One fit as it was recorded."""

    fit: Fit
    plan: StackPlan
    """The plan of its round, reduced to its own stack."""
    curves: FitCurves
    config: str
    """YAML text."""
    digest: str
    """Of the data."""
    builder_source: str | None
    """Hash of the code of `model.builder`; None without a builder, or where it was not recorded."""
    provenance: dict[str, str]
    """Machine and versions that it was trained with, by the names of `environment.provenance`."""


def recorded_fit(uri: str | None, run_id: str) -> RecordedFit:
    """Return what is recorded of a fit, the child run; a `uri` of None is the default store.

    Raises:
        ConfigError: There is no such run, or it is no finished fit.
        StoreError: The store is out of reach.
    """
    location = resolve(uri)
    client = connect(location, reading=True)
    with reaching(location):
        tags = run_named(client, location, "run", run_id).data.tags
        if "fit_key" not in tags:
            raise ConfigError(f"run={run_id}: this run is no fit; name a child run of a sweep.")
        parent = sweep_run(client, location, "sweep", tags["sweep"])
        files = RunFiles(client, parent.info.run_id, parent.info.artifact_uri)
        number = f"{int(tags['round']):04}"
        config, document = files.read(CONFIG), files.read_json(f"rounds/{number}.json")
        start, stored = files.read_json(START) or {}, files.read_folder("rounds")
    curves = read_stacks({name: stored[name] for name in stored if f"{number}-" in name})
    if config is None or document is None or tags["fit_key"] not in curves:
        raise ConfigError(f"run={run_id}: it was cut before it was done; nothing can be compared.")
    about, fit = parent.data.tags, decode_fit(json.loads(tags["fit"]))
    round_, plan = decode_plan(document)
    stacks = trained_in(round_, plan, fit, curves[tags["fit_key"]].together)
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
