"""The reference engine: plain `model.fit`, one fit after the other.

What the stacked engine must agree with, and what trains what cannot be stacked.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable

from pipeline.core.control import Control, Progress
from pipeline.core.family import Family
from pipeline.core.records import Arrays, FitResult, Outcome, Stack, Trial
from pipeline.training.diagnose import examine
from pipeline.training.dropping import behind
from pipeline.training.kept import KeptRows
from pipeline.training.program import FitProgram, State
from pipeline.training.run import Run, is_out_of_memory
from pipeline.training.settings import Settings

REPORT_SECONDS = 0.3
"""Shortest time between two reports of progress."""


def train_one_by_one(
    stack: Stack,
    arrays: Arrays,
    family: Family,
    settings: Settings,
    control: Control,
) -> list[FitResult]:
    """Train a stack with `model.fit`; fits that differ in rate and seed share a compiled model."""
    runs = [Run(fit, settings, arrays) for fit in stack.fits]
    groups: dict[Trial, list[Run]] = defaultdict(list)
    for run in runs:
        groups[run.fit.trial.with_rate(1.0)].append(run)
    listener = _listener(stack, runs, settings, control)
    results: dict[int, FitResult] = {}
    for trial, group in groups.items():
        job = _Group(trial, group, arrays, family, settings)
        results |= job.train(listener)
    ordered = [results[id(run)] for run in runs]
    examine(ordered, arrays, family, settings)
    return ordered


class _Group:
    """The fits of one trial at several learning rates and seeds."""

    def __init__(
        self, trial: Trial, runs: list[Run], arrays: Arrays, family: Family, settings: Settings
    ) -> None:
        self._trial, self._runs = trial, runs
        self._arrays, self._family, self._settings = arrays, family, settings

    def train(self, stop_reason: Callable[[], str]) -> dict[int, FitResult]:
        """Train all runs and return their results by the identity of the run."""
        program: FitProgram | None = None
        try:
            reason = stop_reason()
            if not reason:
                program = FitProgram(self._family, self._trial, self._arrays, self._settings)
                self._train_with(program, stop_reason)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            reason, outcome = _too_large(self._trial, error), Outcome.infeasible
        else:
            outcome = Outcome.cut
        for run in self._runs:
            if run.is_open:
                run.end(outcome, reason)
        return {id(run): self._result(program, run, stop_reason) for run in self._runs}

    def _train_with(self, program: FitProgram, stop_reason: Callable[[], str]) -> None:
        """Train up to the point where weak rates are dropped, then the others to their end."""
        states = {id(run): program.initial(run.fit) for run in self._runs}
        rates = {run.fit.trial.learning_rate for run in self._runs}
        if self._settings.drop_after > 0 and len(rates) > 1:
            self._advance(program, states, self._settings.drop_after, stop_reason)
            self._drop()
        longest = max(run.fit.epochs for run in self._runs)
        self._advance(program, states, longest, stop_reason)

    def _advance(
        self,
        program: FitProgram,
        states: dict[int, State],
        until: int,
        stop_reason: Callable[[], str],
    ) -> None:
        for run in self._runs:
            if run.is_open and run.epoch < until:
                reason = stop_reason()
                if reason:
                    run.end(Outcome.cut, reason)
                else:
                    states[id(run)] = program.train(run, states[id(run)], until, stop_reason)

    def _drop(self) -> None:
        if any(run.outcome is Outcome.cut for run in self._runs):
            return  # after a stop some lack epochs: those left are not the evidence of a whole sweep
        fits, objectives = zip(*((r.fit, r.objectives) for r in self._runs), strict=True)
        for index, message in behind(fits, objectives, self._settings).items():
            if self._runs[index].is_open:
                self._runs[index].end(Outcome.dropped, message)

    def _result(
        self, program: FitProgram | None, run: Run, stop_reason: Callable[[], str]
    ) -> FitResult:
        usable = run.outcome not in {Outcome.diverged, Outcome.infeasible}
        if program is None or not usable or run.best_weights is None:
            return run.result(None)
        rows = KeptRows(self._arrays, stopping=bool(stop_reason()))
        run.measured(program.training_loss(run.best_weights, rows), rows.sample)
        return run.result(program.row_losses(run.best_weights))


def _too_large(trial: Trial, error: BaseException) -> str:
    first = (str(error).splitlines() or [type(error).__name__])[0][:200]
    return f"{trial.capacity.label} ({trial.parameters:,} parameters) does not fit: {first}"


def _listener(
    stack: Stack, runs: list[Run], settings: Settings, control: Control
) -> Callable[[], str]:
    """Return a stop_reason that also reports progress, a few times a second at most."""
    last = 0.0

    def stop_reason() -> str:
        nonlocal last
        now = time.monotonic()
        if now - last >= REPORT_SECONDS:
            last = now
            live = [run for run in runs if run.is_open]
            best = min((run.best for run in runs), key=settings.objective.as_loss)
            epoch = min((run.epoch for run in live), default=0)
            epochs = max(run.fit.epochs for run in runs)
            control.report(Progress(stack.number, epoch, epochs, len(live), best))
        return control.stop_reason()

    return stop_reason
