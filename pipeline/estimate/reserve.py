"""Seconds of a budget that training must leave: stopping, recording, testing, saving, reporting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.estimate.forecast import ending_seconds
from pipeline.training.sizes import CPU

if TYPE_CHECKING:
    from pipeline.estimate.calibration import Calibration
    from pipeline.estimate.forecast import Table

RANKED = 0.25
"""Share of a fit's tracking that writing its rank costs at the end."""
MOST_SHARE = 0.5
"""The reserve is at most this share of a budget: something must be left to train in."""


@dataclass(frozen=True)
class Facts:
    """What the end of a sweep depends on right now."""

    fits: int
    """Recorded so far, and open."""
    unwritten: float
    """Seconds of work that wait for the background writer, at the calibrated rate."""
    open_fits: int
    """In stacks that train."""
    open_stacks: int
    slowness: float = 1.0
    """How much slower than calibrated this process has been so far."""


def reserve(rates: Calibration, table: Table, facts: Facts, limit: float) -> float:
    """Return the seconds to keep back.

    Args:
        rates: Of this machine.
        table: Sizes of the data.
        facts: State of the sweep.
        limit: The budget in seconds.
    """
    stopping = CPU.flops / rates.flops + rates.stack_seconds * facts.open_stacks
    recording = facts.unwritten + rates.tracking_seconds * facts.open_fits
    ranking = RANKED * rates.tracking_seconds * facts.fits
    ending = ending_seconds(rates, table)
    return min(facts.slowness * (stopping + recording + ranking + ending), MOST_SHARE * limit)
