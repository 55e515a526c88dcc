"""A sweep as a sequence of rounds with their seconds: predicted, or remembered from an earlier one."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Leg:
    """One round."""

    phase: str
    trials: int
    fits: int
    stacks: int
    seconds: float
    compiling: float = 0.0
    """Of them, those that another sweep on the same table is spared: it finds the programs on the disk."""


@dataclass(frozen=True)
class Path:
    """A whole sweep."""

    startup_seconds: float
    """From the start of the process to the first round."""
    legs: tuple[Leg, ...]
    ending_seconds: float
    """From the last round to the end of the process."""
    trials: int
    parameters: tuple[int, int]
    """The smallest and the largest network."""

    @property
    def fits(self) -> int:
        """Fits of all rounds."""
        return sum(leg.fits for leg in self.legs)

    @property
    def stacks(self) -> int:
        """Stacks of all rounds."""
        return sum(leg.stacks for leg in self.legs)

    @property
    def training_seconds(self) -> float:
        """Wall time of all rounds."""
        return sum(leg.seconds for leg in self.legs)

    @property
    def seconds(self) -> float:
        """Wall time from start to exit."""
        return self.startup_seconds + self.training_seconds + self.ending_seconds

    def again(self) -> Path:
        """Return the path of the same sweep once more, which compiles nothing."""
        legs = (
            replace(leg, seconds=leg.seconds - leg.compiling, compiling=0.0) for leg in self.legs
        )
        return replace(self, legs=tuple(legs))


def path_of(document: Any) -> Path:
    """Return a stored path.

    Raises:
        TypeError, KeyError, ValueError: The document makes no sense.
    """
    legs = tuple(Leg(**leg) for leg in document["legs"])
    low, high = document["parameters"]
    found = Path(
        float(document["startup_seconds"]),
        legs,
        float(document["ending_seconds"]),
        int(document["trials"]),
        (int(low), int(high)),
    )
    numbers = [n for leg in legs for n in (leg.trials, leg.fits, leg.stacks, leg.seconds)]
    numbers += [found.startup_seconds, found.ending_seconds, found.trials, *found.parameters]
    numbers += [leg.compiling for leg in legs]
    numbers += [leg.seconds - leg.compiling for leg in legs]
    if not all(math.isfinite(number) and number >= 0 for number in numbers) or not found.fits:
        raise ValueError(document)
    return found
