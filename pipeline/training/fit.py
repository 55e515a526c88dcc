"""The reference engine: plain `model.fit`, one fit after the other.

The stacked engine must agree with it; it trains the fits that cannot be stacked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from pipeline.core.control import Control
from pipeline.core.family import Family
from pipeline.core.records import Arrays, FitResult, Outcome, Stack, Trial
from pipeline.training.diagnose import examine
from pipeline.training.dropping import drop
from pipeline.training.kept import KeptRows
from pipeline.training.program import FitProgram, State
from pipeline.training.run import Reporter, Run
from pipeline.training.settings import Settings


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
    reporter = Reporter(stack, runs, settings, control)

    def stop_reason() -> str:
        reporter.report()
        return control.stop_reason()

    for trial, group in groups.items():
        _Group(trial, group, arrays, family, settings).train(stop_reason)
    results = [run.result() for run in runs]
    examine(results, arrays, family, settings)
    return results


class _Group:
    """The fits of one trial at several learning rates and seeds."""

    def __init__(
        self, trial: Trial, runs: list[Run], arrays: Arrays, family: Family, settings: Settings
    ) -> None:
        self._trial, self._runs = trial, runs
        self._arrays, self._family, self._settings = arrays, family, settings

    def train(self, stop_reason: Callable[[], str]) -> None:
        """Train all runs to their end, or until they must stop."""
        reason = stop_reason()
        if not reason:
            program = FitProgram(self._family, self._trial, self._arrays, self._settings)
            self._train_with(program, stop_reason)
            for run in self._runs:
                self._measure(program, run, stop_reason)
        for run in self._runs:
            if run.is_open:
                run.end(Outcome.cut, reason)

    def _train_with(self, program: FitProgram, stop_reason: Callable[[], str]) -> None:
        """Train up to the point where weak rates are dropped, then the others to their end."""
        states = {id(run): program.initial(run.fit) for run in self._runs}
        rates = {run.fit.trial.learning_rate for run in self._runs}
        if self._settings.drop_after > 0 and len(rates) > 1:
            self._advance(program, states, self._settings.drop_after, stop_reason)
            if not any(run.outcome is Outcome.cut for run in self._runs):  # else some lack epochs
                drop(self._runs, self._settings)
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

    def _measure(self, program: FitProgram, run: Run, stop_reason: Callable[[], str]) -> None:
        """Measure the losses of the weights that are kept."""
        if run.is_kept and run.weights is not None:
            rows = KeptRows(self._arrays, stopping=bool(stop_reason()))
            run.measured(program.training_loss(run.weights, rows), rows.sample)
            run.row_losses = program.row_losses(run.weights)
