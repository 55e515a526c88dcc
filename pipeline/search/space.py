"""What may vary beside capacity: the ladder of learning rates, and the other nuisance values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.config.schema_search import LearningRateConfig, NuisanceConfig
    from pipeline.core.records import Value

MERGE = 1.2
"""Rates closer than this factor are one rung: the limit of the range stays, the other goes."""


def rounded(rate: float) -> float:
    """Return a rate to the six digits that a trial's name shows, so that names tell rates apart."""
    return float(f"{rate:.6g}")


@dataclass(frozen=True)
class Ladder:
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


def ladder(config: LearningRateConfig) -> Ladder:
    """Return the ladder of a configuration.

    A list is tried whole at every capacity. A range has the rungs `start * step ** k` inside
    [low, high], and its two limits.
    """
    if config.values is not None:
        rates = tuple(sorted({rounded(rate) for rate in config.values}))
        return Ladder(rates, 2 * len(rates) - 1, rates[len(rates) // 2])
    start = min(max(config.start, config.low), config.high)
    lowest = math.ceil(math.log(config.low / start) / math.log(config.step) - 1e-9)
    highest = math.floor(math.log(config.high / start) / math.log(config.step) + 1e-9)
    inner = [
        rate
        for k in range(lowest, highest + 1)
        if config.low * MERGE < (rate := start * config.step**k) < config.high / MERGE
    ]
    rates = tuple(rounded(rate) for rate in (config.low, *inner, config.high))
    return Ladder(rates, config.points, rates[0] if not inner else rounded(start))


def nuisances(config: NuisanceConfig) -> dict[str, tuple[Value, ...]]:
    """Return the values of every nuisance parameter that differs from doing nothing, by name.

    The first value of each is the one that a search starts with. Names are sorted, as in `Trial`.
    """
    declared: dict[str, tuple[Value, ...]] = {
        "batch_size": tuple(int(value) for value in config.batch_size),
        "dropout": tuple(float(value) for value in config.dropout),
        "encoding": config.encodings,
        "weight_decay": tuple(float(value) for value in config.weight_decay),
    }
    idle = {"batch_size": (), "dropout": (0.0,), "encoding": ("standard",), "weight_decay": (0.0,)}
    return {name: values for name, values in declared.items() if values and values != idle[name]}
