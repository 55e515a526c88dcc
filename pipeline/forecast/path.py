"""A whole sweep as rounds with their seconds: predicted, or as an earlier one took them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pipeline.training.planner import plan_stacks

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from pipeline.core.records import Round
    from pipeline.forecast.stacktime import StackTime
    from pipeline.training.planner import Limits


@dataclass(frozen=True)
class RoundTime:
    """One round."""

    phase: str
    trials: int
    fits: int
    stacks: int
    again: float
    """Seconds, those of compiling left out."""
    compiling: float = 0.0
    """Seconds that another sweep on the same table is spared: its programs are on the disk."""


@dataclass(frozen=True)
class Path:
    """A whole sweep."""

    startup_seconds: float
    """From the start of the process to the first round."""
    rounds: tuple[RoundTime, ...]
    ending_seconds: float
    """From the last round to the end of the process."""
    trials: int
    parameters: tuple[int, int]
    """The smallest and the largest network."""

    @property
    def fits(self) -> int:
        """Fits of all rounds."""
        return sum(one.fits for one in self.rounds)

    @property
    def again(self) -> float:
        """Seconds from start to exit where all programs are on the disk."""
        return self.startup_seconds + sum(one.again for one in self.rounds) + self.ending_seconds

    @property
    def compiling(self) -> float:
        """Seconds more where none is."""
        return sum(one.compiling for one in self.rounds)

    def scaled(self, factor: float) -> Path:
        """Return the path on a table with so many times the rows.

        Seconds of training follow the rows. Programs for as many rows are on the disk; others are
        compiled, which takes as long as it did.
        """
        rounds = (
            replace(one, again=one.again * factor, compiling=(factor != 1.0) * one.compiling)
            for one in self.rounds
        )
        return replace(self, rounds=tuple(rounds))


def path_of_rounds(
    rounds: Sequence[Round], time: StackTime, limits: Limits, startup: float, ending: float
) -> Path:
    """Return rounds with their seconds, between so many at the start and at the end of the process."""
    compiled: set[Hashable] = set()
    times = []
    for asked in rounds:
        plan = plan_stacks(asked.fits, time.workload, limits)
        trials, work = len({fit.trial for fit in asked.fits}), time.of_round(plan, compiled)
        sizes = trials, len(asked.fits), len(plan.stacks)
        times.append(RoundTime(asked.phase, *sizes, work.again, work.compiling))
    parameters = {fit.trial: fit.trial.parameters for asked in rounds for fit in asked.fits}
    smallest_largest = min(parameters.values()), max(parameters.values())
    return Path(startup, tuple(times), ending, len(parameters), smallest_largest)


def path_of(document: Any) -> Path:
    """Return a stored path.

    Raises:
        TypeError, KeyError, ValueError: The document makes no sense.
    """
    rounds = tuple(RoundTime(**one) for one in document["rounds"])
    low, high = document["parameters"]
    found = Path(**{**document, "rounds": rounds, "parameters": (low, high)})
    numbers = [found.startup_seconds, found.ending_seconds, found.trials, low, high]
    for one in rounds:
        numbers += [one.trials, one.fits, one.stacks, one.again, one.compiling]
    fits = [one.fits for one in rounds] or [0]
    if not all(math.isfinite(number) and number >= 0 for number in numbers) or min(fits) < 1:
        raise ValueError(document)
    return found
