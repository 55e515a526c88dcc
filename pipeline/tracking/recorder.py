"""Turn one trained fit into one child run, in few calls that can be tried again one by one."""

from __future__ import annotations

import random
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.tracking.fitrun import STATUS, has_model, parameters, points, tags
from pipeline.tracking.modelfile import ModelTemplate
from pipeline.tracking.writer import Job

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.records import FitResult, Trial
    from pipeline.tracking.facts import SweepFacts
    from pipeline.tracking.fitrun import Place
    from pipeline.tracking.resume import DoneFit
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
        """
        key = trial.with_rate(0.0)
        if key not in self._known:
            state = random.getstate()
            try:
                self._known[key] = ModelTemplate(self._build(trial))
            finally:
                random.setstate(state)
        return self._known[key]


class FitJob:
    """The steps that write one fit."""

    def __init__(
        self,
        store: Store,
        facts: SweepFacts,
        place: Place,
        result: FitResult,
        done: DoneFit,
        template: ModelTemplate | None,
    ) -> None:
        """Keep what is written; `done` learns the ids of the run and the model."""
        self._client = store.client
        self._experiment_id = store.experiment_id
        self._facts = facts
        self._place = place
        self._result = result
        self._done = done
        self._template = template if has_model(result) else None
        self._ended = int(time.time() * 1000)
        self._model: Any = None

    def job(self) -> Job:
        """Return the work for the background writer."""
        steps: list[Callable[[], object]] = [self._create]
        if self._template is not None:
            steps += [self._create_model, self._log, self._upload, self._link, self._finalize]
        else:
            steps.append(self._log)
        steps.append(self._end)
        return Job(self._result.fit.name, steps)

    def _create(self) -> None:
        run = self._client.create_run(
            self._experiment_id,
            start_time=self._ended - int(self._result.seconds * 1000),
            tags=tags(self._place, self._result),
            run_name=self._result.fit.name,
        )
        self._done.run_id = run.info.run_id

    def _create_model(self) -> None:
        self._model = self._client.create_logged_model(
            self._experiment_id,
            name=MODEL_NAME,
            source_run_id=self._done.run_id,
            params=parameters(self._place, self._result.fit),
            tags={"trial": self._result.fit.trial.name, "sweep": self._place.sweep},
            model_type="keras",
        )
        self._done.model_id = self._model.model_id

    def _log(self) -> None:
        from mlflow.entities import Metric, Param, RunTag

        best = max(self._result.best_epoch, 0)
        model_id = self._done.model_id or None
        length = self._result.seconds * 1000 / max(self._result.epochs, 1)
        begun = self._ended - self._result.seconds * 1000
        metrics = [
            Metric(
                point.key,
                point.value,
                int(begun + length * (point.step + 1)),
                point.step,
                # Linked at the best epoch only: the model page shows what the model scored.
                model_id=model_id if point.step == best else None,
            )
            for point in points(self._result, self._facts)
        ]
        columns = parameters(self._place, self._result.fit)
        self._client.log_batch(
            self._done.run_id,
            metrics,
            [Param(name, value) for name, value in columns.items()],
            [RunTag("model_id", model_id)] if model_id else [],
        )
        self._done.metrics = {metric.key: metric.value for metric in metrics}

    def _upload(self) -> None:
        if self._template is None or self._result.weights is None:
            raise AssertionError("only a fit with weights has this step")
        files = self._template.files(
            self._result.weights,
            self._model.model_id,
            self._done.run_id,
            self._model.artifact_location,
        )
        with tempfile.TemporaryDirectory() as folder:
            for name, content in files.items():
                path = Path(folder) / name
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(content)
            self._client.log_model_artifacts(self._model.model_id, folder)

    def _link(self) -> None:
        from mlflow.entities import LoggedModelOutput

        step = max(self._result.best_epoch, 0)
        self._client.log_outputs(self._done.run_id, [LoggedModelOutput(self._model.model_id, step)])

    def _finalize(self) -> None:
        from mlflow.entities import LoggedModelStatus

        self._client.finalize_logged_model(self._model.model_id, LoggedModelStatus.READY)

    def _end(self) -> None:
        status = STATUS[self._result.outcome]
        self._client.set_terminated(self._done.run_id, status, self._ended)
