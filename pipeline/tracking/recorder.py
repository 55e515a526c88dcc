"""Turn one trained fit into one child run, in few calls that can be tried again one by one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from pipeline.tracking.fitrun import STATUS, parameters, points, tags
from pipeline.tracking.writer import Job

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.records import FitResult
    from pipeline.tracking.donefits import DoneFit
    from pipeline.tracking.facts import SweepFacts
    from pipeline.tracking.fitrun import Place
    from pipeline.tracking.modeljob import ModelJob
    from pipeline.tracking.store import Store


class FitJob:
    """The steps that write one fit."""

    def __init__(
        self,
        store: Store,
        facts: SweepFacts,
        place: Place,
        result: FitResult,
        done: DoneFit,
        model: ModelJob | None,
    ) -> None:
        """Keep what is written; `done` learns the ids of the run and the model."""
        self._client = store.client
        self._experiment_id = store.experiment_id
        self._facts = facts
        self._place = place
        self._result = result
        self._done = done
        self._model = model
        self._ended = int(time.time() * 1000)

    def job(self) -> Job:
        """Return the work for the background writer."""
        steps: list[Callable[[], object]] = [self._create]
        if self._model is None:
            steps.append(self._log)
        else:
            steps += [self._model.create, self._log, *self._model.rest()]
        return Job(self._result.fit.name, [*steps, self._end], alone=False)

    def _create(self) -> None:
        run = self._client.create_run(
            self._experiment_id,
            start_time=self._ended - int(self._result.seconds * 1000),
            tags=tags(self._place, self._result),
            run_name=self._result.fit.name,
        )
        self._done.run_id = run.info.run_id

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

    def _end(self) -> None:
        status = STATUS[self._result.outcome]
        self._client.set_terminated(self._done.run_id, status, self._ended)
