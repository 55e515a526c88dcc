"""What a sweep measures of itself while it runs: rounds for the memory, rates for the calibration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.core.records import Outcome
from pipeline.forecast.calibration import Calibration
from pipeline.forecast.learning import Lesson, RoundRecord, StackRecord
from pipeline.forecast.path import Leg
from pipeline.forecast.stacktime import Work

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from pipeline.core.records import FitResult, Round, Stack, StackPlan, Trial
    from pipeline.forecast.stacktime import StackTime

FROM_DISK = 0.35
"""Seconds that a program takes which is found on the disk instead, its tracing not counted."""
SPARED = 0.45
"""Share of `compile_seconds` that such a program is spared: it is traced all the same."""
LONG = 3
"""Fits of fewer epochs than this many times the patience end at their last one: they say nothing of
early stopping."""


class Meter:
    """Counts and times; told by the runner, asked at the end."""

    def __init__(self, time: StackTime, tracked: Callable[[], float], workers: int = 1) -> None:
        """Start before the first round.

        Args:
            time: Predicts what is measured.
            tracked: Seconds that the background writer has worked.
            workers: Stacks that train at once.
        """
        self.lesson = Lesson()
        self.legs: list[Leg] = []
        self.programs: set[Hashable] = set()
        """Programs of the stacks that are done."""
        self.fits = 0
        """Fits trained."""
        self.recorded = 0
        """Fits recorded since the store was last up to date."""
        self._time, self._tracked, self._workers = time, tracked, workers
        self._engine = "stacked"
        self._trials: set[Trial] = set()
        self._epochs: list[tuple[float, float]] = []
        self._shares: list[float] = []
        self._dropped = self._planned = self._ended = 0
        self._found = self._found_before = 0
        """Programs that were found on the disk: of the round, and of those before it."""
        self._compiling = 0.0
        """Seconds that stacks of the round waited for others, beyond what finding them takes."""
        self.began = 0.0
        """When the round began, in seconds of the sweep."""
        self._before = self._written_before = 0.0
        """That the writer had worked before the first round (on resume: on fits of a dead process), and
        before this one."""

    @property
    def trials(self) -> int:
        """Trials trained."""
        return len(self._trials)

    @property
    def parameters(self) -> tuple[int, int]:
        """The smallest and the largest network trained."""
        sizes = [trial.parameters for trial in self._trials] or [0]
        return min(sizes), max(sizes)

    @property
    def compiling_share(self) -> float:
        """What compiling takes in this sweep, as a share of what it is calibrated to take."""
        found = self._found_before + self._found
        return 1.0 - SPARED * found / max(1, len(self.programs))

    @property
    def writing(self) -> float:
        """Seconds that recording a fit takes the writer, as measured; usual ones before the first round."""
        if not self.legs:
            return Calibration.tracking_seconds
        return (self._written_before - self._before) / max(1, self.fits - self.recorded)

    def unwritten(self) -> float:
        """Return the seconds of recording that wait for the writer."""
        due = self.recorded * self.writing
        return max(0.0, due - (self._tracked() - self._written_before))

    @property
    def is_whole(self) -> bool:
        """Whether all fits of the round ran to their own end: else its time tells nothing."""
        return self._ended == self._planned

    def begin_round(self, plan: StackPlan, now: float) -> None:
        """A round begins and the store is up to date."""
        self._engine, self.began, self._epochs = plan.engine, now, []
        self._planned, self._ended = sum(len(stack.fits) for stack in plan.stacks), 0
        self._found, self._compiling = 0, 0.0
        self._written_before, self.recorded = self._tracked(), 0
        if not self.legs and not self.fits:
            self._before = self._written_before

    def stack_done(self, stack: Stack, results: Sequence[FitResult]) -> None:
        """A stack was trained and recorded."""
        arithmetic = steps = 0.0
        for result in results:
            operations, number = self._time.load(self._engine, result.fit, stack)
            arithmetic += operations * result.epochs
            steps += number * result.epochs
            self._count(result)
        programs = self._time.programs(self._engine, stack)
        fresh = len(programs - self.programs)
        self.programs |= programs
        seconds = sum(result.seconds for result in results)
        self.lesson.stacks.append(StackRecord(arithmetic, steps, seconds, bool(fresh)))
        waits = [one.compile_seconds for one in results if one.compile_seconds is not None]
        if fresh and any(waits):
            self._compiling += max(0.0, max(waits) - FROM_DISK)
        elif waits:  # else every sweep compiles them
            self._found += fresh

    def end_round(self, asked: Round, stacks: int, predicted: Work, now: float) -> Work:
        """Take note that the round is trained and in the store.

        Returns:
            The prediction without the compiling that finding programs on the disk has spared.
        """
        seconds = now - self.began
        trained, expected = (sum(part) for part in zip((0.0, 0.0), *self._epochs, strict=True))
        spared = SPARED * self._found * self._time.calibration.compile_seconds
        paid = Work(max(0.0, predicted.fixed - spared), predicted.training)
        if self.is_whole and trained and expected:
            work = Work(paid.fixed, paid.training * trained / expected)
            self.lesson.rounds.append(RoundRecord(work, seconds))
        trials = len({fit.trial for fit in asked.fits})
        compiling = self._compiling / max(1, min(self._workers, stacks))  # others train meanwhile
        self.legs.append(
            Leg(asked.phase, trials, len(asked.fits), stacks, seconds, min(compiling, seconds))
        )
        self._found, self._found_before = 0, self._found_before + self._found
        return paid

    def rates(self) -> dict[str, float]:
        """Return the rates of the calibration that this sweep could measure."""
        single = self.lesson.single
        if self.fits:
            single["tracking_seconds"] = (self._tracked() - self._before) / self.fits
            single["share_dropped"] = self._dropped / self.fits
        if self._shares:
            single["share_of_epochs"] = sum(self._shares) / len(self._shares)
        return self.lesson.rates(self._time.calibration)

    def _count(self, result: FitResult) -> None:
        self.fits += 1
        self.recorded += 1
        self._trials.add(result.fit.trial)
        self._epochs.append((float(result.epochs), self._time.epochs(result.fit)))
        patience = self._time.workload.settings.patience
        if result.outcome is Outcome.completed and result.fit.epochs > LONG * patience:
            self._shares.append(result.epochs / result.fit.epochs)
        self._dropped += result.outcome is Outcome.dropped
        self._ended += result.outcome is not Outcome.cut
