"""Find the model that `model=...` names, and load its predictor for raw rows.

Only models saved by this program are loaded, and only as data: no code from a store is executed.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.config.messages import did_you_mean
from pipeline.core.errors import ConfigError, SweepError
from pipeline.data import imagefile, typed
from pipeline.ledger.files import download_model
from pipeline.ledger.fitrecord import MODEL_TYPE
from pipeline.ledger.location import Location, MlflowClient, elsewhere
from pipeline.ledger.store import UNKNOWN, connect, is_of_store, out_of_reach
from pipeline.models.artefact import CHAMPION_TAG
from pipeline.models.artefact_folder import compose
from pipeline.models.artefact_mlmodel import FOLDER, SERVED
from pipeline.models.artefact_predictor import DESCRIPTION, Predictor

FORMS = "RUN_ID, latest, NAME@ALIAS, models:/NAME/VERSION, models:/NAME@ALIAS or models:/m-ID"
LATEST = "latest"

MLMODEL = "MLmodel"
"""The file that every model in an MLflow store has."""


class ForeignModelError(ConfigError):
    """A model that another program saved."""


def load_predictor(
    location: Location, model: str, look: Callable[[Predictor], None] | None = None
) -> Predictor:
    """Return the predictor of a model.

    Args:
        model: A run (of a sweep: its champion; of a fit: that fit), a registered model, or `latest`.
        look: See `Predictor`; its exceptions are passed on.

    Raises:
        ConfigError: No such model, one that this program did not save, or a damaged one.
        StoreError: The store is out of reach.
    """
    with tempfile.TemporaryDirectory() as temporary:
        return open_predictor(fetch(location, model, Path(temporary)), model, look)


def fetch(location: Location, model: str, folder: Path) -> Path:
    """Download a model's files into `folder` and return where they are; errors as of `load_predictor`."""
    client = connect(location, reading=True)
    try:
        return _fetch(client, location, model, folder)
    except (LookupError, ValueError, StopIteration, FileNotFoundError) as error:
        raise _damaged(model, error) from error
    except Exception as error:
        if not is_of_store(error):
            raise
        if getattr(error, "error_code", "") in UNKNOWN:
            raise ConfigError(
                f"model={model}: the store {location.shown} has no such model; allowed: {FORMS}."
                f"{elsewhere(location)}"
            ) from error
        raise out_of_reach(location, error) from error


def _fetch(client: MlflowClient, location: Location, model: str, folder: Path) -> Path:
    if model == LATEST:
        model = _latest(client, location)
    if re.fullmatch(r"[0-9a-f]{32}", model):
        run = client.get_run(model)
        model_id = run.data.tags.get(CHAMPION_TAG, "")
        if not model_id and "fit" not in run.data.tags:
            kind = "this sweep" if run.data.tags.get("kind") == "sweep" else "this run"
            raise ConfigError(f"model={model}: {kind} has no champion ({run.info.status}).")
    else:
        model_id = _model_id(client, model)
        saved = client.get_logged_model(model_id)
        run = client.get_run(saved.source_run_id or "")
        if saved.model_type != MODEL_TYPE:
            return download_model(client, location, model_id, str(folder)) / FOLDER
    if "fit" in run.data.tags:
        compose(client, location, run, folder)
        return folder
    return download_model(client, location, model_id, str(folder)) / FOLDER


def _model_id(client: MlflowClient, model: str) -> str:
    """Return the id of the LoggedModel that a name stands for."""
    name = model.removeprefix("models:/")
    if re.fullmatch(r"m-[0-9a-f]{32}", name):
        return name
    if match := re.fullmatch(r"([^@/]+)@([^@/]+)", name):
        version = client.get_model_version_by_alias(*match.groups())
    elif match := re.fullmatch(r"([^@/]+)/(\d+)", name):
        version = client.get_model_version(*match.groups())
    else:
        raise ConfigError(
            f"model={model}: not understood{did_you_mean(model, [LATEST])}; allowed: {FORMS}."
        )
    return model_id_of(version)


def model_id_of(version: Any) -> str:
    """Return the LoggedModel of a registered version; empty when it has none."""
    if version.model_id:
        return str(version.model_id)
    match = re.search(r"(m-[0-9a-f]{32})", version.source or "")
    return match.group(1) if match else ""


def _latest(client: MlflowClient, location: Location) -> str:
    """Return the newest sweep that finished with a champion."""
    runs = client.search_runs(
        [experiment.experiment_id for experiment in client.search_experiments()],
        f"tags.kind = 'sweep' and attributes.status = 'FINISHED' and tags.{CHAMPION_TAG} != ''",
        order_by=["attributes.start_time DESC"],
        max_results=1,
    )
    if not runs:
        raise ConfigError(
            f"model=latest: {location.shown} holds no finished sweep with a champion."
            f"{elsewhere(location)}"
        )
    return runs[0].info.run_id


def open_predictor(
    folder: Path, model: str, look: Callable[[Predictor], None] | None = None
) -> Predictor:
    """Load the predictor whose files a folder holds; `model` is what messages call it."""
    if not (folder / DESCRIPTION).exists() and not (folder.parents[1] / SERVED).exists():
        if not folder.exists() and not (folder.parents[1] / MLMODEL).exists():
            raise ConfigError(f"model={model}: its files are gone from the artefact store.")
        raise ForeignModelError(
            f"model={model}: not saved by this program, so it is not loaded here. "
            "Use `mlflow models predict` if you trust it."
        )
    try:
        return Predictor(folder, typed, imagefile.read_image, look)
    except (SweepError, MemoryError):
        raise
    except Exception as error:  # readers raise all sorts for damaged bytes
        raise _damaged(model, error) from error


def _damaged(model: str, error: Exception) -> ConfigError:
    why = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    return ConfigError(f"model={model}: refused or damaged: {why}")


@dataclass(eq=False)
class PortableModel:
    """A saved model as bytes: can be pickled, and needs no store where it is unpickled."""

    files: dict[str, bytes]
    """Content of each file of the artefact's folder, by name; there are no subfolders."""
    _predictor: Predictor | None = field(default=None, repr=False)
    """Loaded from the files on first use."""

    @classmethod
    def download(cls, location: Location, model: str) -> PortableModel:
        """Return a model of a store; `model` and errors as of `load_predictor`."""
        with tempfile.TemporaryDirectory() as temporary:
            folder = fetch(location, model, Path(temporary))
            return cls({path.name: path.read_bytes() for path in folder.iterdir()})

    @property
    def predictor(self) -> Predictor:
        """The loaded networks; a damaged file raises ConfigError."""
        if self._predictor is None:
            with tempfile.TemporaryDirectory() as temporary:
                for name, content in self.files.items():
                    (Path(temporary) / Path(name).name).write_bytes(content)
                self._predictor = open_predictor(Path(temporary), "the pickled one")
        return self._predictor

    def __getstate__(self) -> dict[str, Any]:
        """Pickle the files alone, not the loaded networks."""
        return {"files": self.files, "_predictor": None}
