"""What turns any fit of a sweep into a model for raw rows: its encoders, kept with the parent run.

The champion is saved as a model of its own. Every other fit has only its network; with these files
it predicts from raw rows as well, also when the sweep was killed.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.core.errors import ConfigError
from pipeline.ledger.encoding import decode_fit
from pipeline.ledger.files import RunFiles, download_model
from pipeline.ledger.modelfile import ARCHIVE
from pipeline.models.artefact_folder import describe, network_file, write_encoders
from pipeline.models.artefact_predictor import DESCRIPTION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlflow import MlflowClient

    from pipeline.data.dataset import Dataset
    from pipeline.ledger.ledger import Ledger
    from pipeline.ledger.location import Location

FOLDER = "serving"
"""Artefact folder of the parent run."""


def keep_encoders(
    ledger: Ledger, dataset: Dataset, encoded: Sequence[tuple[str, int]], *, more: bool = False
) -> None:
    """Store the encoders of a sweep with its parent run, in the background.

    Args:
        ledger: Of the sweep.
        dataset: The prepared table.
        encoded: Every encoding and fold that its fits use.
        more: Whether there are more of them than when the sweep began.
    """
    if not more and ledger.resumed and ledger.has_file(f"{FOLDER}/{DESCRIPTION}"):
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_encoders(folder, dataset, encoded)
        for path in folder.iterdir():
            ledger.attach(f"{FOLDER}/{path.name}", path.read_bytes())
    description = json.dumps(describe(dataset, encoded), ensure_ascii=False)
    ledger.attach(f"{FOLDER}/{DESCRIPTION}", description)  # last: where it is, the rest is too


def compose(client: MlflowClient, location: Location, run: Any, folder: Path) -> None:
    """Write the folder of a predictor for one fit.

    Args:
        client: Of the store.
        location: The store.
        run: The fit's run.
        folder: Receives the files.

    Raises:
        ConfigError: The fit left no model, or its sweep no encoders.
    """
    run_id, tags = run.info.run_id, run.data.tags
    if not tags.get("model_id"):
        raise ConfigError(
            f"model={run_id}: this fit ({tags.get('outcome', run.info.status)}) has no saved model; "
            "tracking.save_models=all keeps one for each fit that was completed."
        )
    parent = client.get_run(tags["sweep"])
    files = RunFiles(client, parent.info.run_id, parent.info.artifact_uri).read_folder(FOLDER)
    if DESCRIPTION not in files:
        raise ConfigError(f"model={run_id}: its sweep {tags['sweep']} kept no encoders.")
    fit = decode_fit(json.loads(tags["fit"]))
    description = json.loads(files[DESCRIPTION])
    wanted = (fit.trial.encoding, fit.fold)
    member = next(m for m in description["members"] if (m["encoding"], m["fold"]) == wanted)
    description["members"] = [member | {"network": network_file(0)}]
    (folder / DESCRIPTION).write_text(json.dumps(description), encoding="utf-8")
    if member["encoder"]:
        (folder / member["encoder"]).write_bytes(files[member["encoder"]])
    with tempfile.TemporaryDirectory() as temporary:
        saved = download_model(client, location, tags["model_id"], temporary)
        shutil.copyfile(saved / ARCHIVE, folder / network_file(0))
