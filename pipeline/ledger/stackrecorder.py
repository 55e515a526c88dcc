"""Record the fits of a stack: first the file with curves and row losses, then one run a fit."""

from __future__ import annotations

import functools
import hashlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pipeline.config.choices import SaveModels
from pipeline.core.errors import StoreError
from pipeline.core.language import plural
from pipeline.core.records import Fit, FitResult, Round, Stack, Trial
from pipeline.ledger.donefits import DoneFit, DoneFits, decode, encode
from pipeline.ledger.facts import SweepFacts
from pipeline.ledger.fitrecord import FitRecord, late_job, templates
from pipeline.ledger.fitrun import Place, metrics
from pipeline.ledger.fitwriter import FITS
from pipeline.ledger.parent import Begun
from pipeline.ledger.stackfile import CUT, FitCurves, pack, pack_weights, sample, unpack_weights
from pipeline.ledger.writer import Job

log = logging.getLogger(__name__)

MOST_WEIGHT_BYTES = 8 << 20
"""Largest size of a stack's weights that are kept until its models are saved; larger ones are retrained."""


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
            build: Returns an uncompiled keras.Model of a trial.
            done: Receives every fit that is recorded.
            put: Queues a job of the background writer.
        """
        self._store = begun.store
        self._files = begun.files
        self._sweep: str = begun.run.info.run_id
        self._facts = facts
        self._done = done
        self._put = put
        self._template = templates(build)
        self._saves_all = facts.save_models is SaveModels.all
        self.planned: dict[int, tuple[Fit, ...]] = {}
        """Planned fits of each stack of the current round, by number."""
        self._weights: set[str] = set()
        """Names of files of weights that are not empty."""
        self.keeps_all = True
        """Whether the files of the round's stacks are enough to write all its runs and models."""

    def record(self, round_: Round, stack: Stack, results: Sequence[FitResult]) -> None:
        """Record the results of fits that are not in the ledger yet."""
        new = [result for result in results if self._done.finished(result.fit) is None]
        positions = {fit: position for position, fit in enumerate(round_.fits)}
        keys = [self._done.key(result.fit) for result in new]
        # The name depends on the fits: a stack that is trained again must not replace its earlier file.
        mark = hashlib.sha256("".join(sorted(keys)).encode()).hexdigest()[:20]
        name = f"{round_.number:04}-{stack.number:03}-{mark}.npz"
        networks: dict[str, Sequence[np.ndarray]] = {
            key: result.weights
            for key, result in zip(keys, new, strict=True)
            if self._saves_all and result.weights is not None and result.outcome.is_usable
        }
        size = sum(array.nbytes for own in networks.values() for array in own)
        weights = networks if size <= MOST_WEIGHT_BYTES else {}
        self.keeps_all &= len(weights) == len(networks)
        now, new_fits = int(time.time() * 1000), []
        fits = tuple(result.fit for result in results)
        is_whole = fits == self.planned.get(stack.number, fits)
        together = () if is_whole else tuple(positions[fit] for fit in fits)
        for key, result in zip(keys, new, strict=True):
            position = positions[result.fit]
            place = Place(
                self._sweep, round_.number, round_.phase, position, stack.number, key, together
            )
            losses, units = sample(
                result.row_losses, self._facts.seed, result.fit.fold, self._facts.validation
            )
            kept = replace(result, weights=None, row_losses=losses)
            file = f"weights/{name}" if key in weights else ""
            new_fits.append(DoneFit(place, kept, units, self._facts.objective, now, file))
        self._write_stack_file(name, stack, new_fits, weights)
        for done in new_fits:
            self._record(done, self._fit_record(done, networks.get(done.place.key)))

    def adopt(self, unwritten: Mapping[str, FitCurves]) -> None:
        """Record fits, by key, that a dead process trained and whose runs it did not write.

        Where every fit leaves a model, large networks are trained again: their weights are not kept.
        """
        objective = self._facts.objective
        read = [decode(self._sweep, key, kept, objective) for key, kept in unwritten.items()]
        trained = [done for done in read if done is not None]
        files = {done.weights for done in trained if done.weights}
        weights: dict[str, list[np.ndarray]] = {}
        for name in files if self._saves_all else ():
            weights |= unpack_weights(self._files.read(name))
        pairs = [(done, self._adopted(done, weights.get(done.place.key))) for done in trained]
        adopted = [(done, record) for done, record in pairs if record is not None]
        if adopted:
            log.info("trained but not recorded: %s, recorded now", plural(len(adopted), "fit"))
        for done, record in adopted:
            self._record(done, record)
        self._weights |= files

    def release(self) -> None:
        """Empty the files of weights: the models are saved by now."""
        for name in sorted(self._weights):
            empty = functools.partial(self._files.write, name, b"")
            self._put(Job(f"release {name}", [empty]))
        self._weights.clear()
        self.keeps_all = True

    def _adopted(self, done: DoneFit, weights: Sequence[np.ndarray] | None) -> FitRecord | None:
        """Return the record of a fit read from a file; None where it is not of this sweep, or incomplete."""
        try:
            if done.place.key != self._done.key(done.fit):
                return None
            if not (self._saves_all and done.result.outcome.is_usable):
                return self._fit_record(done, None)
            if weights is None or not self._template(done.fit.trial).takes(weights):
                return None
            return self._fit_record(done, weights)
        except StoreError:
            raise
        except Exception:
            log.exception("a fit of the file of stack %d cannot be recorded", done.place.stack)
            return None

    def save_model(self, fit: Fit, weights: Sequence[np.ndarray]) -> None:
        """Queue saving the network of a fit that was recorded without it."""
        done = self._done.find(fit)
        if done is None:
            raise AssertionError(f"{fit.name} is not in the ledger")
        self._put(late_job(self._fit_record(done, weights), done, self._store))

    def _write_stack_file(
        self,
        name: str,
        stack: Stack,
        new: Sequence[DoneFit],
        weights: Mapping[str, Sequence[np.ndarray]],
    ) -> None:
        """Queue the file of curves and row losses before any run of the stack: an ended run has them."""
        fits = {done.place.key: encode(done) for done in new if done.is_done}
        scored = [done for done in new if done.is_scored and not done.is_done]
        cut = {done.place.key: encode(done) for done in scored}
        steps: list[Callable[[], object]] = []
        if weights:
            kept, file = pack_weights(weights), f"weights/{name}"
            steps.append(lambda: self._files.write(file, kept))
            self._weights.add(file)
        if fits:
            content = pack(fits)
            steps.append(lambda: self._files.write(f"rounds/{name}", content))
        if cut:
            begun = pack(cut)
            steps.append(lambda: self._files.write(f"rounds/{CUT}{name}", begun))
        if steps:
            self._put(Job(f"stack {stack.number}", steps, first=True))

    def _fit_record(self, done: DoneFit, weights: Sequence[np.ndarray] | None) -> FitRecord:
        """Return what is written of a fit: with its network where weights are given."""
        kept = None if weights is None else list(weights)
        result = replace(done.result, weights=kept, row_losses=None)
        template = None if weights is None else self._template(done.fit.trial)
        values, experiment = metrics(result, self._facts), self._store.experiment_id
        return FitRecord(experiment, done.place, result, values, done.ended, template)

    def _record(self, done: DoneFit, record: FitRecord) -> None:
        def write() -> None:
            done.run_id, done.model_id = FITS.write(self._store, record)

        self._put(Job(record.name, [write], alone=False))
        self._done.add(done)
