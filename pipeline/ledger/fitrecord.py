"""Records of fits and of trials' rows: plain data that the writing process turns into MLflow runs."""

from __future__ import annotations

import functools
import random
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pipeline.core import language
from pipeline.core.errors import StoreError
from pipeline.core.records import FitResult, Trial
from pipeline.ledger.donefits import DoneFit
from pipeline.ledger.files import download_model, local_folder
from pipeline.ledger.fitrun import STATUS, Place, parameters, step_of, tags
from pipeline.ledger.location import MlflowClient
from pipeline.ledger.modelfile import ModelTemplate, read_weights
from pipeline.ledger.store import Store
from pipeline.ledger.writer import Job

if TYPE_CHECKING:
    from mlflow.entities import Metric

MODEL_TYPE = "keras"
"""`model_type` of the LoggedModel of every fit; a champion has another one."""
ILLEGAL = re.compile("[/:.%\"']")
"""Characters that MLflow accepts in the name of a run, but not of a model."""


class Written(NamedTuple):
    """Ids of a fit in the store."""

    run_id: str
    model_id: str
    """Of the saved model; empty where there is none."""


@dataclass
class FitRecord:
    """One fit as it is written: a child run, with its network where it leaves one."""

    experiment_id: str
    place: Place
    result: FitResult
    """Without row losses, and with weights only where the network is saved."""
    metrics: Mapping[str, Mapping[int, float]]
    """Values by step."""
    ended: int
    """When the fit ended, milliseconds since 1970."""
    template: ModelTemplate | None = None
    """Of the network; None where it is not saved."""
    begun: bool = False
    """Whether writing has begun: then the store is asked how far it came."""

    @property
    def name(self) -> str:
        """Name of the run."""
        return language.trial(self.result.fit.name)

    def write(self, client: MlflowClient) -> Written:
        """Write everything. The run is terminated last: a terminated run is complete."""
        from mlflow.entities import Metric, Param, RunTag

        place, result = self.place, self.result
        began, best = self.ended - int(result.seconds * 1000), step_of(result.best_epoch)
        run_id = client.create_run(
            self.experiment_id, start_time=began, tags=tags(place, result), run_name=self.name
        ).info.run_id
        columns = parameters(place, result.fit)
        model = self.create_model(client, run_id, columns) if self.template else None
        model_id = model.model_id if model else ""
        length = (self.ended - began) / max(result.epochs, 1)
        metrics = [
            Metric(
                name,
                value,
                int(began + length * step),
                step,
                # Linked at the best epoch only: the model page shows what the model scored.
                model_id=model_id or None if step == best else None,
            )
            for name, values in self.metrics.items()
            for step, value in values.items()
        ]
        params = [Param(name, value) for name, value in columns.items()]
        linked = [RunTag("model_id", model_id)] if model_id else []
        client.log_batch(run_id, metrics, params, linked)
        if model:
            self.upload_model(client, run_id, model)
            self.link_model(client, run_id, model)
            client.finalize_logged_model(model_id, "READY")
        client.set_terminated(run_id, STATUS[result.outcome], self.ended)
        return Written(run_id, model_id)

    def create_model(
        self, client: MlflowClient, run_id: str, params: dict[str, str] | None = None
    ) -> Any:
        """Return the LoggedModel, created; metrics can be linked to it from now on."""
        return client.create_logged_model(
            self.experiment_id,
            name=ILLEGAL.sub("_", self.name),
            source_run_id=run_id,
            params=params or {},
            tags={"trial": self.result.fit.trial.name, "sweep": self.place.sweep},
            model_type=MODEL_TYPE,
        )

    def upload_model(self, client: MlflowClient, run_id: str, model: Any) -> None:
        """Write the files of a created LoggedModel."""
        assert self.template is not None  # noqa: S101 - else no model was created
        place, model_id = model.artifact_location, model.model_id
        files = self.template.files(self.result.weights or [], model_id, run_id, place)
        here = local_folder(place)
        if here is not None:  # as MLflow would do, without writing everything twice
            _write(here, files)
            return
        with tempfile.TemporaryDirectory() as folder:
            _write(Path(folder), files)
            client.log_model_artifacts(model_id, folder)

    def link_model(self, client: MlflowClient, run_id: str, model: Any) -> None:
        """Link the LoggedModel as output of its run."""
        from mlflow.entities import LoggedModelOutput

        step = step_of(self.result.best_epoch)
        client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step)])


@dataclass
class RowRecord:
    """One trial's row as it is filled in: its run exists, and its fits are moved below it."""

    run_id: str
    name: str
    metrics: Sequence[Metric]
    params: Mapping[str, str]
    status: str
    ranks: Mapping[str, int]
    """Rank of each fit below it, by run id."""
    now: int
    """Milliseconds since 1970."""

    def write(self, client: MlflowClient) -> Written:
        """Write everything; writing it twice changes nothing."""
        from mlflow.entities import Metric, Param, RunTag

        params = [Param(name, value) for name, value in self.params.items()]
        client.log_batch(self.run_id, self.metrics, params)
        client.set_terminated(self.run_id, self.status, self.now)
        below = RunTag("mlflow.parentRunId", self.run_id)
        for fit, rank in self.ranks.items():
            client.log_batch(fit, [Metric("rank", rank, self.now, 0)], tags=[below])
        return Written(self.run_id, "")


def templates(build: Callable[[Trial], Any]) -> Callable[[Trial], ModelTemplate]:
    """Return a function from a trial to the template of its network; each architecture is saved once.

    It must be called on the sweep's own thread. Python's random state is restored: Keras draws the seeds
    of new layers from it. It raises StoreError where Keras has no space for its temporary file.

    Args:
        build: Returns an uncompiled keras.Model of a trial (`Family.build`).
    """

    @functools.cache
    def of(trial: Trial) -> ModelTemplate:
        state = random.getstate()
        try:
            return ModelTemplate(build(trial))
        except OSError as error:
            raise StoreError(
                f"A model cannot be saved in {tempfile.gettempdir()}: {error.strerror}. Make room "
                "there, or choose another folder with the environment variable TMPDIR; what is "
                "recorded is kept and the sweep can be resumed."
            ) from error
        finally:
            random.setstate(state)

    return lambda trial: of(trial.with_rate(0.0))


def late_job(record: FitRecord, done: DoneFit, store: Store) -> Job:
    """Return the job that saves a network whose run has ended; it sets `done.model_id`."""
    client, models = store.client, list[Any]()

    def tag() -> None:  # last: a resume takes the tag for a whole model
        done.model_id = models[0].model_id
        client.set_tag(done.run_id, "model_id", done.model_id)

    steps: list[Callable[[], object]] = [
        lambda: models.append(record.create_model(client, done.run_id)),
        lambda: record.upload_model(client, done.run_id, models[0]),
        lambda: record.link_model(client, done.run_id, models[0]),
        lambda: client.finalize_logged_model(models[0].model_id, "READY"),
        tag,
    ]
    return Job(f"model of {done.fit.name}", steps, alone=store.is_local)


def _write(folder: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def saved_weights(store: Store, model_id: str) -> list[np.ndarray]:
    """Return the weights of a LoggedModel of ours in `get_weights()` order, without Keras."""
    with tempfile.TemporaryDirectory() as folder:
        return read_weights(download_model(store.client, store.location, model_id, folder))
