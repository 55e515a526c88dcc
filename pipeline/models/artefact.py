"""Save the champion as one MLflow model that takes raw rows, and verify its predictions."""

from __future__ import annotations

import math
import tempfile
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pipeline.core.language import exact, rate
from pipeline.data.dataset import Dataset
from pipeline.evaluation.final import Member, forward
from pipeline.ledger.fitrun import LONGEST_TAG
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.resume import CHAMPION
from pipeline.ledger.store import Store
from pipeline.ledger.writer import Job
from pipeline.models.artefact_folder import write_folder
from pipeline.models.artefact_mlmodel import FOLDER, write_mlmodel
from pipeline.models.modelcard import CARD, NOTE_TAG, model_card
from pipeline.models.verify import Verifier

CHAMPION_TAG = "champion_model"
"""Tag of the parent run: id of its champion's LoggedModel."""

VERIFIED_ROWS = 256
"""Raw rows whose predictions are compared in a fresh process."""


class Champion(NamedTuple):
    """A saved champion."""

    model_uri: str
    model_id: str


def save_champion(
    ledger: Ledger,
    dataset: Dataset,
    members: Sequence[Member],
    summary: Mapping[str, Any],
    verifier: Verifier,
) -> Champion:
    """Save, verify and link the champion; on return everything queued in the ledger is written.

    Args:
        members: The networks whose average predicts: one, or all executions of the trial.
        summary: `summary.json` so far; `champion.run_id` is the run that the model belongs to.
        verifier: Loads the saved model in a fresh process.

    Raises:
        UnfaithfulModelError: The saved model does not predict what the trained one predicts.
        StoreError: The store is out of reach.
    """
    store, run_id = ledger.store, str(summary["champion"]["run_id"])
    card = model_card(dataset, summary)
    tags = {"sweep": ledger.run_id, "data_digest": dataset.digest, NOTE_TAG: card[:LONGEST_TAG]}

    model = ledger.ask(
        "champion",
        lambda: store.client.create_logged_model(
            store.experiment_id,
            name=CHAMPION,
            source_run_id=run_id,
            params=_params(summary),
            tags=tags,
            model_type="table",
        ),
        first=True,  # the rows of the trials are written while it is saved and verified
    )
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / FOLDER).mkdir(parents=True)
        write_folder(root / FOLDER, dataset, members)
        (root / CARD).write_text(card, encoding="utf-8")
        about = {"sweep": ledger.run_id, "trial": str(summary["champion"]["trial"])}
        write_mlmodel(root, dataset, model.model_id, run_id, model.artifact_location, about)
        rows = sample(dataset, VERIFIED_ROWS)
        verifier.check(root, rows, expected_outputs(dataset, members, rows))
        steps = [
            lambda: store.client.log_model_artifacts(model.model_id, folder),
            lambda: _log_metrics(ledger, summary, model.model_id),
            lambda: _link(store, (run_id, ledger.run_id, ledger.champion_row), model.model_id),
            lambda: store.client.finalize_logged_model(model.model_id, "READY"),
        ]
        ledger.write(Job("champion", steps))
        ledger.set_tag(CHAMPION_TAG, model.model_id)
        ledger.flush()
    return Champion(f"models:/{model.model_id}", model.model_id)


def save_beside(root: Path, dataset: Dataset, member: Member, about: dict[str, str]) -> None:
    """Write a model into a folder, without a tracking store: used when the store is lost."""
    (root / FOLDER).mkdir(parents=True)
    write_folder(root / FOLDER, dataset, [member])
    write_mlmodel(root, dataset, f"m-{uuid.uuid4().hex}", "", str(root), about)


def expected_outputs(dataset: Dataset, members: Sequence[Member], rows: pd.DataFrame) -> np.ndarray:
    """Return the predictions of the trained networks, in memory, for raw rows.

    Returns:
        float64 (rows, outputs): the target in its own unit, or probabilities.
    """
    total = np.zeros((len(rows), dataset.outputs))
    for member in members:
        mean, scale = dataset.target_scaling(member.fit.fold)
        inputs = dataset.encode(rows, member.fit.trial.encoding, member.fit.fold)
        total += forward(member.model, inputs) * scale + mean
    return total / len(members)


def sample(dataset: Dataset, count: int) -> pd.DataFrame:
    """Return the first `count` raw rows of the test part; without one of validation, then training."""
    parts = ("test", "validation", "train")
    part = next(part for part in parts if len(dataset.part(part)))
    return dataset.features(part)[[column.name for column in dataset.used]].head(count)


def _params(summary: Mapping[str, Any]) -> dict[str, str]:
    """Return the parameters of the logged model: the champion's scalar values, formatted for people."""
    plain = {
        name: value
        for name, value in summary["champion"].items()
        if isinstance(value, str | int | float) and name not in {"run_id", "model_uri", "reason"}
    }
    written = {name: exact(value) for name, value in plain.items() if isinstance(value, float)}
    if "learning_rate" in written:
        written["learning_rate"] = rate(plain["learning_rate"])
    return {name: str(value) for name, value in plain.items()} | written


def _log_metrics(ledger: Ledger, summary: Mapping[str, Any], model_id: str) -> None:
    """Log the champion's scores on the parent run, linked to the model, and on its trial's row."""
    from mlflow.entities import Metric

    champion = summary["champion"]
    scores = {"champion_val_loss": champion["val_loss"], "test_loss": champion.get("test_loss")}
    scores |= {f"test_{name}": value for name, value in champion.get("test_metrics", {}).items()}
    now = int(time.time() * 1000)
    places: list[tuple[str, str | None]] = [(ledger.run_id, model_id)]
    if ledger.champion_row:
        places.append((ledger.champion_row, None))
    for run_id, linked in places:
        metrics = [
            # A row is for people, and MLflow shows every digit.
            Metric(name, float(value if linked else f"{value:.4g}"), now, 0, model_id=linked)
            for name, value in scores.items()
            if value is not None and math.isfinite(value)
        ]
        ledger.store.client.log_batch(run_id, metrics=metrics)


def _link(store: Store, runs: Sequence[str], model_id: str) -> None:
    """Link the model as output of runs (those of its fit, its trial and its sweep), once each."""
    from mlflow.entities import LoggedModelOutput

    for run_id in filter(None, runs):
        known = store.client.get_run(run_id).outputs
        if known is None or all(output.model_id != model_id for output in known.model_outputs):
            store.client.log_outputs(run_id, [LoggedModelOutput(model_id, 0)])
