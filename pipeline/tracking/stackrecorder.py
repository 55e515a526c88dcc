"""Record the fits of a stack: first the file with curves and row losses, then one run a fit."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pipeline.config.schema import SaveModels
from pipeline.records import Outcome
from pipeline.tracking.donefits import DoneFit, DoneFits
from pipeline.tracking.fitrun import Place, has_model, parameters
from pipeline.tracking.modeljob import ModelPage, Templates, late_job
from pipeline.tracking.recorder import FitJob, FitPage
from pipeline.tracking.stackfile import FitCurves, pack, sample
from pipeline.tracking.writer import Job

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np

    from pipeline.records import Fit, FitResult, Round, Stack, Trial
    from pipeline.tracking.facts import SweepFacts
    from pipeline.tracking.hands import Hands
    from pipeline.tracking.parent import Begun
    from pipeline.tracking.writer import Work


class StackRecorder:
    """Turns results into jobs for the background writer."""

    def __init__(
        self,
        begun: Begun,
        facts: SweepFacts,
        build: Callable[[Trial], Any],
        done: DoneFits,
        put: Callable[[Work], None],
        hands: Hands,
    ) -> None:
        """Keep where results go.

        Args:
            begun: The parent run.
            facts: Of the sweep.
            build: Gives an uncompiled keras.Model of a trial.
            done: Learns every fit that is recorded.
            put: Queues a job.
            hands: Write the fits.
        """
        self._store = begun.store
        self._files = begun.files
        self._sweep: str = begun.run.info.run_id
        self._facts = facts
        self._done = done
        self._put = put
        self._hands = hands
        self._templates = Templates(build)
        self._saves_all = facts.save_models is SaveModels.all

    def record(self, asked: Round, stack: Stack, results: Sequence[FitResult]) -> None:
        """Record the results that the ledger does not hold yet."""
        new = [result for result in results if self._done.find(result.fit) is None]
        sampled = [sample(r.row_losses, self._facts.seed, r.fit.fold) for r in new]
        self._write_stack_file(asked, stack, new, sampled)
        positions = {fit: position for position, fit in enumerate(asked.fits)}
        for result, losses in zip(new, sampled, strict=True):
            position = positions[result.fit]
            key = self._done.key(result.fit)
            place = Place(self._sweep, asked.number, asked.phase, position, stack.number, key)
            self._record(place, result, FitCurves(result.curves, losses))

    def save_model(self, fit: Fit, weights: Sequence[np.ndarray]) -> None:
        """Save the network of a fit that has been recorded without it."""
        done = self._done.find(fit)
        if done is None:
            raise AssertionError(f"{fit.name} is not in the ledger")
        best = int(done.metrics.get("best_epoch", 0))
        self._put(late_job(self._model(fit.trial, weights, best, {}), done, self._store))

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
            round=place.round,
            position=place.position,
            epochs=result.epochs,
            score=self._facts.objective.as_loss(score),
            curves=curves,
        )
        model = None
        if result.weights is not None and has_model(result) and self._saves_all:
            best, columns = max(result.best_epoch, 0), parameters(place, result.fit)
            model = self._model(result.fit.trial, result.weights, best, columns)
        # Not what the stack's file holds or diagnosis has read: a page may go to another process.
        kept = replace(result, weights=None, row_losses=None, probes={})
        page = FitPage(self._store.experiment_id, self._facts, place, kept, model)
        self._put(FitJob(page, done, self._hands))
        self._done.add(done)

    def _model(
        self, trial: Trial, weights: Sequence[np.ndarray], best: int, params: dict[str, str]
    ) -> ModelPage:
        tags = {"trial": trial.name, "sweep": self._sweep}
        template = self._templates.of(trial)
        return ModelPage(self._store.experiment_id, template, weights, best, tags, params)
