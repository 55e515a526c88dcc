"""The points of the space: the ladder of learning rates, and the trial at a point."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.core.records import Trial

if TYPE_CHECKING:
    from pipeline.config.schema_search import LearningRateConfig
    from pipeline.core.family import Family, Nuisance
    from pipeline.core.records import Capacity

MERGE = 1.2
"""Rates closer than this factor are one rung: the limit of the range stays, the other goes."""


def rounded(rate: float) -> float:
    """Return a rate to the six digits that a trial's name shows, so that names tell rates apart."""
    return float(f"{rate:.6g}")


@dataclass(frozen=True)
class RateLadder:
    """Every learning rate that may be tried, ascending; a bracket is a few neighbouring rungs."""

    rungs: tuple[float, ...]
    points: int
    """Rates in a bracket."""
    first: float
    """Centre of the first bracket."""

    def bracket(self, centre: float) -> tuple[float, ...]:
        """Return the rungs around a rate, clipped at both ends of the ladder."""
        middle = self.nearest(centre)
        low = middle - (self.points - 1) // 2
        return self.rungs[max(low, 0) : low + self.points]

    def around(self, rate: float) -> tuple[float, ...]:
        """Return the bracket around a rate, with a rung on either side even where it has two points."""
        sides = (self.beyond(rate, -1), self.beyond(rate, +1))
        return tuple(sorted({*self.bracket(rate), *(side for side in sides if side is not None)}))

    def nearest(self, rate: float) -> int:
        """Return the rung nearest to a rate, by ratio; the lower one of two."""
        distances = [abs(math.log(rung / rate)) for rung in self.rungs]
        return distances.index(min(distances))

    def beyond(self, rate: float, direction: int) -> float | None:
        """Return the next rung above (+1) or below (-1) a rate, or None at the end."""
        rung = self.nearest(rate) + direction
        return self.rungs[rung] if 0 <= rung < len(self.rungs) else None


def ladder(config: LearningRateConfig) -> RateLadder:
    """Return the ladder of a configuration.

    A list is tried whole at every capacity. A range has the rungs `start * step ** k` inside
    [low, high], and its two limits.
    """
    if config.values is not None:
        rates = tuple(sorted({rounded(rate) for rate in config.values}))
        return RateLadder(rates, 2 * len(rates) - 1, rates[len(rates) // 2])
    start = config.inner_start
    lowest = math.ceil(math.log(config.low / start) / math.log(config.step) - 1e-9)
    highest = math.floor(math.log(config.high / start) / math.log(config.step) + 1e-9)
    inner = [
        rate
        for k in range(lowest, highest + 1)
        if config.low * MERGE < (rate := start * config.step**k) < config.high / MERGE
    ]
    rates = tuple(rounded(rate) for rate in (config.low, *inner, config.high))
    return RateLadder(rates, config.points, rates[0] if not inner else rounded(start))


def trial_of(family: Family, capacity: Capacity, rate: float, values: Nuisance) -> Trial:
    """Return one point of the space, with the parameters that its own values lead to."""
    encoding = str(dict(values).get("encoding", "standard"))
    return Trial(capacity, rate, family.like(values).parameters(capacity, encoding), values)
