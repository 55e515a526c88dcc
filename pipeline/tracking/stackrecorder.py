"""Record the fits of a stack: first the file with curves and row losses, then one run a fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.config.schema import SaveModels
from pipeline.records import Outcome
from pipeline.tracking.donefits import DoneFit, DoneFits
from pipeline.tracking.fitrun import Place, has_model, parameters
from pipeline.tracking.modeljob import ModelJob, Templates
from pipeline.tracking.recorder import FitJob
from pipeline.tracking.stackfile import FitCurves, pack, sample
from pipeline.tracking.writer import Job

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np

    from pipeline.records import Fit, FitResult, Round, Stack, Trial
    from pipeline.tracking.facts import SweepFacts
    from pipeline.tracking.parent import Begun


class StackRecorder:
    """Turns results into jobs for the background writer."""

    def __init__(
        self,
        begun: Begun,
        facts: SweepFacts,
        build: Callable[[Trial], Any],
        done: DoneFits,
        put: Callable[[Job], None],
    ) -> None:
        """Keep where results go.

        Args:
            begun: The parent run.
            facts: Of the sweep.
            build: Gives an uncompiled keras.Model of a trial.
            done: Learns every fit that is recorded.
            put: Queues a job.
        """
        self._store = begun.store
        self._files = begun.files
        self._sweep: str = begun.run.info.run_id
        self._facts = facts
        self._done = done
        self._put = put
        self._templates = Templates(build)
        self._saves_all = facts.save_models is SaveModels.all

    def record(self, asked: Round, stack: Stack, results: Sequence[FitResult]) -> None:
        """Record the results that the ledger does not hold yet."""
        new = [result for result in results if self._done.find(result.fit) is None]
        sampled = [sample(r.row_losses, self._facts.seed, r.fit.fold) for r in new]
        self._write_stack_file(asked, stack, new, sampled)
        for result, losses in zip(new, sampled, strict=True):
            position = asked.fits.index(result.fit)
            key = self._done.key(result.fit)
            place = Place(self._sweep, asked, position, stack.number, key)
            self._record(place, result, FitCurves(result.curves, losses))

    def save_model(self, fit: Fit, weights: Sequence[np.ndarray]) -> None:
        """Save the network of a fit that has been recorded without it."""
        done = self._done.find(fit)
        if done is None:
            raise AssertionError(f"{fit.name} is not in the ledger")
        best = int(done.metrics.get("best_epoch", 0))
        self._put(self._model_job(done, weights, best, {}).job())

    def _write_stack_file(
        self,
        asked: Round,
        stack: Stack,
        results: Sequence[FitResult],
        sampled: Sequence[np.ndarray | None],
    ) -> None:
        """Store curves and row losses before any run of the stack: one that has ended has them."""
        done = [one for one in zip(results, sampled, strict=True) if one[0].outcome.is_done]
        if not done:
            return
        keys = [self._done.key(result.fit) for result, _ in done]
        content = pack(keys, [result for result, _ in done], [losses for _, losses in done])
        name = f"rounds/{asked.number:04}-{stack.number:03}-{keys[0]}.npz"
        self._put(Job(f"stack {stack.number}", [lambda: self._files.write(name, content)]))

    def _record(self, place: Place, result: FitResult, curves: FitCurves) -> None:
        usable = result.outcome in {Outcome.completed, Outcome.dropped}
        score = result.best(self._facts.objective.metric) if usable else float("nan")
        done = DoneFit(
            fit=result.fit,
            key=place.key,
            outcome=result.outcome,
            round=place.asked.number,
            position=place.position,
            epochs=result.epochs,
            score=self._facts.objective.as_loss(score),
            curves=curves,
        )
        model = None
        if result.weights is not None and has_model(result) and self._saves_all:
            best = max(result.best_epoch, 0)
            model = self._model_job(done, result.weights, best, parameters(place, result.fit))
        self._put(FitJob(self._store, self._facts, place, result, done, model).job())
        self._done.add(done)

    def _model_job(
        self, done: DoneFit, weights: Sequence[np.ndarray], best: int, params: dict[str, str]
    ) -> ModelJob:
        trial = done.fit.trial
        tags = {"trial": trial.name, "sweep": self._sweep}
        template = self._templates.of(trial)
        return ModelJob(self._store, done, template, weights, best, tags, params)
