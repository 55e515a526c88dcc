"""The parent run of a sweep: created with all facts of the start, or taken over on resume."""

from __future__ import annotations

import json
from contextlib import nullcontext, suppress
from typing import Any, NamedTuple

from filelock import FileLock

from pipeline.config.redact import redacted
from pipeline.core.errors import ConfigError
from pipeline.ledger import resume
from pipeline.ledger.claim import SECONDS, Claim
from pipeline.ledger.environment import provenance
from pipeline.ledger.facts import SweepFacts
from pipeline.ledger.files import RunFiles
from pipeline.ledger.fitrun import LONGEST_PARAM, LONGEST_TAG
from pipeline.ledger.store import Store

START = "sweep.json"
"""File with the facts of the start."""

AS_THEY_ARE = (
    *("name", "task", "target", "rows", "columns", "table"),
    *("target_scales", "fingerprint", "digest", "seed"),
)
"""Facts that the file holds unchanged."""
RAN_ON = "ran_on"
"""Key in the file: versions, machine, state of the checkout. Earlier versions stored them as tags."""
SHOWN = "mlflow."
"""Prefix of provenance that MLflow itself shows beside a run: only that is stored as tags."""

MOST_PARAMS = 30
"""Most parameters of the parent run; its file sweep.json holds the whole configuration."""

LONGEST_SCHEMA, LONGEST_NAME = 1_000_000, 500
"""Most characters of a data set's columns and name in MLflow, which refuses more. Columns of a very wide
table that are left out are in sweep.json."""

START_SECONDS = 30.0
"""Seconds to wait while another sweep claims its parent run."""


class Begun(NamedTuple):
    """A parent run that this process has claimed."""

    store: Store
    """With the experiment of the run."""
    run: Any
    claim: Claim
    files: RunFiles
    resumed: bool

    @property
    def spent_seconds(self) -> float:
        """Wall time of this sweep in earlier processes."""
        return float(self.run.data.tags.get(SECONDS, 0.0)) if self.resumed else 0.0


def begin(store: Store, facts: SweepFacts, which: str) -> Begun:
    """Create a parent run, or take over the interrupted one that `resume` names.

    Raises:
        ConfigError: No such sweep, another configuration, or another process writes to it.
        DataError: The data changed since it began.
    """
    folder = store.location.folder
    # Between creating a run and locking it, resume=auto of another process could take it.
    with FileLock(folder / ".start.lock", timeout=START_SECONDS) if folder else nullcontext():
        if which not in {"no", "auto"}:
            run = resume.sweep_run(store.client, store.location, "resume", which, ["no", "auto"])
            return _take_over(store, run, facts)
        interrupted = resume.find(store.client, store.experiment_id, facts)
        for run in interrupted if which == "auto" else ():
            with suppress(ConfigError):  # alive: another process is at work on it
                return _take_over(store, run, facts)
        return _create(store, facts)


def _take_over(store: Store, run: Any, facts: SweepFacts) -> Begun:
    files = RunFiles(store.client, run.info.run_id, run.info.artifact_uri)
    resume.check_same(run, files, facts)
    return _claimed(store, run, facts, fresh=False)


def _create(store: Store, facts: SweepFacts) -> Begun:
    tags = {
        "kind": "sweep",
        "fingerprint": facts.fingerprint,
        "data_digest": facts.digest,
        "command": redacted(" ".join(facts.command)),
        "mlflow.note.content": _note(facts),
        **{name: value for name, value in provenance().items() if name.startswith(SHOWN)},
    }
    run = store.client.create_run(
        store.experiment_id,
        tags={name: value[:LONGEST_TAG] for name, value in tags.items()},
        run_name=f"sweep {facts.name}",
    )
    return _claimed(store, run, facts, fresh=True)


def _claimed(store: Store, run: Any, facts: SweepFacts, *, fresh: bool) -> Begun:
    """Claim a run, which is `fresh` or was interrupted, and write the facts of the start if missing."""
    run_id, own = run.info.run_id, store._replace(experiment_id=run.info.experiment_id)
    claim, files = Claim(store, run_id), RunFiles(store.client, run_id, run.info.artifact_uri)
    claim.take(fresh=fresh)
    if not fresh:
        store.client.update_run(run_id, status="RUNNING")
    if fresh or files.read_json(START) is None:  # killed before they were written
        _describe(store, run_id, files, facts)
    claim.watch(files.folder)
    return Begun(own, run, claim, files, resumed=not fresh)


def _describe(store: Store, run_id: str, files: RunFiles, facts: SweepFacts) -> None:
    """Write the facts of the start; the file is written last: where it exists, the rest does too."""
    from mlflow.entities import Param, RunTag

    shown = list(facts.headline.items())[:MOST_PARAMS]
    params = [Param(name, redacted(value)[:LONGEST_PARAM]) for name, value in shown]
    store.client.log_batch(run_id, params=params, tags=[RunTag("sweep", run_id)])
    store.client.log_inputs(run_id, [_dataset(facts)])
    files.write_json(START, _document(facts))


def _note(facts: SweepFacts) -> str:
    """Return the description of a sweep until it has an answer."""
    rows = ", ".join(f"{count:,} {part}" for part, count in facts.rows.items())
    return f"Looks for the right-sized network for `{facts.target}` in {facts.name} (rows: {rows})."


def _document(facts: SweepFacts) -> dict[str, Any]:
    """Return the content of sweep.json, for report, replay and resume."""
    return {
        **{name: getattr(facts, name) for name in AS_THEY_ARE},
        "source": redacted(facts.source),
        "objective": {"metric": facts.objective.metric, "direction": facts.objective.direction},
        "command": [redacted(word) for word in facts.command],
        RAN_ON: {k: v for k, v in provenance().items() if not k.startswith(SHOWN)},
        "config": {name: redacted(value) for name, value in facts.config.items()},
    }


def _dataset(facts: SweepFacts) -> Any:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    types = {"number": "double", "boolean": "boolean", "date": "datetime", "category": "string"}
    columns = [
        {"type": types.get(kind, "string"), "name": name, "required": False}
        for name, kind in facts.columns.items()
    ]
    while len(schema := json.dumps({"mlflow_colspec": columns})) > LONGEST_SCHEMA:
        columns = columns[: len(columns) * LONGEST_SCHEMA // (len(schema) + 1)]
    dataset = Dataset(
        name=facts.name[:LONGEST_NAME],
        digest=facts.digest[:36],
        source_type="local",
        source=json.dumps({"uri": redacted(facts.source)}),
        schema=schema,
        profile=json.dumps({"num_rows": sum(facts.rows.values()), **dict(facts.rows)}),
    )
    return DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])
