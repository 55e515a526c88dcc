"""Save the network of a fit as a LoggedModel of its run."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import StoreError
from pipeline.tracking.files import download_model, local_folder
from pipeline.tracking.modelfile import ModelTemplate, read_weights
from pipeline.tracking.writer import Job

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np

    from pipeline.records import Trial
    from pipeline.tracking.donefits import DoneFit
    from pipeline.tracking.store import Store

MODEL_NAME = "model"
"""Of every LoggedModel: `runs:/RUN_ID/model` finds it."""


class Templates:
    """The architectures seen so far, each saved by Keras once."""

    def __init__(self, build: Callable[[Trial], Any]) -> None:
        """Take the family's `build`, which gives an uncompiled keras.Model."""
        self._build = build
        self._known: dict[Trial, ModelTemplate] = {}

    def of(self, trial: Trial) -> ModelTemplate:
        """Return the template of a trial's network.

        Called on the sweep's own thread, with Python's random state kept: Keras draws seeds of new
        layers from it, and training must not notice that models are saved.

        Raises:
            StoreError: Keras cannot write its file, which we only read back, for want of space.
        """
        key = trial.with_rate(0.0)
        if key not in self._known:
            state = random.getstate()
            try:
                self._known[key] = ModelTemplate(self._build(trial))
            except OSError as error:
                raise StoreError(
                    f"A model cannot be saved in {tempfile.gettempdir()}: {error.strerror}. Make room "
                    "there, or choose another folder with the environment variable TMPDIR; what is "
                    "recorded is kept and the sweep can be resumed."
                ) from error
            finally:
                random.setstate(state)
        return self._known[key]


class ModelJob:
    """The steps that save one network; the run must exist when they begin."""

    def __init__(
        self,
        store: Store,
        done: DoneFit,
        template: ModelTemplate,
        weights: Sequence[np.ndarray],
        best_epoch: int,
        tags: dict[str, str],
        params: dict[str, str],
    ) -> None:
        """Keep what is written; `done` learns the model's id."""
        self._client = store.client
        self._experiment_id = store.experiment_id
        self._done = done
        self._template = template
        self._weights = weights
        self._best_epoch = best_epoch
        self._tags = tags
        self._params = params
        self._place = ""

    def job(self) -> Job:
        """Return the work for a run that has ended already."""
        steps = [self.create, self._tag, *self.rest()]
        return Job(f"model of {self._done.fit.name}", steps, alone=False)

    def rest(self) -> list[Callable[[], None]]:
        """Return the steps that follow `create`."""
        return [self._upload, self._link, self._finalize]

    def create(self) -> None:
        """Create the LoggedModel; metrics can be linked to it from now on."""
        model = self._client.create_logged_model(
            self._experiment_id,
            name=MODEL_NAME,
            source_run_id=self._done.run_id,
            params=self._params,
            tags=self._tags,
            model_type="keras",
        )
        self._place = model.artifact_location
        self._done.model_id = model.model_id

    def _tag(self) -> None:
        self._client.set_tag(self._done.run_id, "model_id", self._done.model_id)

    def _upload(self) -> None:
        files = self._template.files(
            self._weights, self._done.model_id, self._done.run_id, self._place
        )
        here = local_folder(self._place)
        if here is not None:  # what MLflow would do, without writing everything twice
            _write(here, files)
            return
        with tempfile.TemporaryDirectory() as folder:
            _write(Path(folder), files)
            self._client.log_model_artifacts(self._done.model_id, folder)

    def _link(self) -> None:
        from mlflow.entities import LoggedModelOutput

        output = LoggedModelOutput(self._done.model_id, self._best_epoch)
        self._client.log_outputs(self._done.run_id, [output])

    def _finalize(self) -> None:
        from mlflow.entities import LoggedModelStatus

        self._client.finalize_logged_model(self._done.model_id, LoggedModelStatus.READY)


def _write(folder: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def saved_weights(store: Store, model_id: str) -> list[np.ndarray]:
    """Return the weights of a LoggedModel of ours in `get_weights()` order, without Keras."""
    with tempfile.TemporaryDirectory() as folder:
        return read_weights(download_model(store.client, store.location, model_id, folder))
