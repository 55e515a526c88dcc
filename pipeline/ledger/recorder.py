"""Turn one trained fit into one child run, in few calls that can be tried again one by one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pipeline.core import language
from pipeline.ledger.fitrun import STATUS, parameters, points, tags
from pipeline.ledger.modeljob import Written

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlflow import MlflowClient

    from pipeline.core.records import FitResult
    from pipeline.ledger.facts import SweepFacts
    from pipeline.ledger.fitrun import Place
    from pipeline.ledger.modeljob import ModelPage, Step


@dataclass
class FitPage:
    """What is written of one fit; plain data, so that another process can write it."""

    experiment_id: str
    facts: SweepFacts
    place: Place
    result: FitResult
    model: ModelPage | None
    ended: int
    """When the fit ended, milliseconds since 1970."""
    written: Written = field(default_factory=Written)

    def advance(self, client: MlflowClient) -> None:
        """Write what is left, remembering every finished step."""
        steps = self._steps()
        while self.written.steps < len(steps):
            steps[self.written.steps](client, self.written)
            self.written.steps += 1

    def adopt(self, runs: Sequence[Any]) -> None:
        """Start over, unless one of these runs of this fit was written to its end."""
        status = STATUS[self.result.outcome]
        whole = next((run for run in runs if run.info.status == status), None)
        self.written = Written()
        if whole is not None:
            model_id, metrics = whole.data.tags.get("model_id", ""), dict(whole.data.metrics)
            steps = len(self._steps())
            self.written = Written(whole.info.run_id, model_id, metrics=metrics, steps=steps)

    def _steps(self) -> list[Step]:
        if self.model is None:
            return [self._create, self._log, self._end]
        return [self._create, self.model.create, self._log, *self.model.rest(), self._end]

    def _create(self, client: MlflowClient, written: Written) -> None:
        run = client.create_run(
            self.experiment_id,
            start_time=self.ended - int(self.result.seconds * 1000),
            tags=tags(self.place, self.result),
            run_name=language.trial(self.result.fit.name),
        )
        written.run_id = run.info.run_id

    def _log(self, client: MlflowClient, written: Written) -> None:
        from mlflow.entities import Metric, Param, RunTag

        best = max(self.result.best_epoch, 0)
        model_id = written.model_id or None
        length = self.result.seconds * 1000 / max(self.result.epochs, 1)
        begun = self.ended - self.result.seconds * 1000
        metrics = [
            Metric(
                point.key,
                point.value,
                int(begun + length * (point.step + 1)),
                point.step,
                # Linked at the best epoch only: the model page shows what the model scored.
                model_id=model_id if point.step == best else None,
            )
            for point in points(self.result, self.facts)
        ]
        columns = parameters(self.place, self.result.fit)
        client.log_batch(
            written.run_id,
            metrics,
            [Param(name, value) for name, value in columns.items()],
            [RunTag("model_id", model_id)] if model_id else [],
        )
        written.metrics = {metric.key: metric.value for metric in metrics}

    def _end(self, client: MlflowClient, written: Written) -> None:
        client.set_terminated(written.run_id, STATUS[self.result.outcome], self.ended)
