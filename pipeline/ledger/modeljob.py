"""Save the network of a fit as a LoggedModel of its run."""

from __future__ import annotations

import functools
import random
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.core.errors import StoreError
from pipeline.ledger.files import download_model, local_folder
from pipeline.ledger.modelfile import ModelTemplate, read_weights
from pipeline.ledger.writer import Job

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from mlflow import MlflowClient

    from pipeline.core.records import Trial
    from pipeline.ledger.donefits import DoneFit
    from pipeline.ledger.store import Store

Step = Callable[["MlflowClient", "Written"], None]
"""Part of writing something: done whole, or tried again."""

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


@dataclass
class Written:
    """How far the writing of a fit has come."""

    run_id: str = ""
    """Empty until the run has been created."""
    model_id: str = ""
    """Of the saved model; empty until it has been created."""
    place: str = ""
    """Where the model's files belong."""
    metrics: dict[str, float] = field(default_factory=dict)
    """What was logged: the latest value of every metric."""
    steps: int = 0
    """Steps that are done."""


@dataclass(frozen=True)
class ModelPage:
    """What is written of the network of one fit; plain data, so that another process can write it."""

    experiment_id: str
    template: ModelTemplate
    weights: Sequence[np.ndarray]
    best_epoch: int
    tags: dict[str, str]
    params: dict[str, str]

    def rest(self) -> list[Step]:
        """Return the steps that follow `create`."""
        return [self._upload, self._link, self._finalize]

    def create(self, client: MlflowClient, written: Written) -> None:
        """Create the LoggedModel; metrics can be linked to it from now on."""
        model = client.create_logged_model(
            self.experiment_id,
            name=MODEL_NAME,
            source_run_id=written.run_id,
            params=self.params,
            tags=self.tags,
            model_type="keras",
        )
        written.place, written.model_id = model.artifact_location, model.model_id

    def _upload(self, client: MlflowClient, written: Written) -> None:
        files = self.template.files(self.weights, written.model_id, written.run_id, written.place)
        here = local_folder(written.place)
        if here is not None:  # what MLflow would do, without writing everything twice
            _write(here, files)
            return
        with tempfile.TemporaryDirectory() as folder:
            _write(Path(folder), files)
            client.log_model_artifacts(written.model_id, folder)

    def _link(self, client: MlflowClient, written: Written) -> None:
        from mlflow.entities import LoggedModelOutput

        output = LoggedModelOutput(written.model_id, self.best_epoch)
        client.log_outputs(written.run_id, [output])

    def _finalize(self, client: MlflowClient, written: Written) -> None:
        from mlflow.entities import LoggedModelStatus

        client.finalize_logged_model(written.model_id, LoggedModelStatus.READY)


def late_job(page: ModelPage, done: DoneFit, store: Store) -> Job:
    """Return the work that saves a network whose run has ended already.

    Args:
        page: The network.
        done: Knows its run, and learns the model's id.
        store: Where to.
    """
    client = store.client
    written = Written(done.run_id)

    def tell() -> None:  # last: whoever resumes takes the tag for a whole model
        done.model_id = written.model_id
        client.set_tag(done.run_id, "model_id", done.model_id)

    steps = [functools.partial(step, client, written) for step in (page.create, *page.rest())]
    return Job(f"model of {done.fit.name}", [*steps, tell], alone=store.is_local)


def _write(folder: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def saved_weights(store: Store, model_id: str) -> list[np.ndarray]:
    """Return the weights of a LoggedModel of ours in `get_weights()` order, without Keras."""
    with tempfile.TemporaryDirectory() as folder:
        return read_weights(download_model(store.client, store.location, model_id, folder))
