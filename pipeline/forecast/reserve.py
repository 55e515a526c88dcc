"""Seconds of a budget that training must leave: stopping, recording, testing, saving, reporting.

From what this sweep has measured of itself alone: what other evenings took tells nothing of this one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.forecast.calibration import Calibration
from pipeline.forecast.forecast import baseline_seconds

if TYPE_CHECKING:
    from pipeline.forecast.forecast import Table

RANKED = 0.25
"""Share of a fit's tracking that writing its rank costs at the end."""
MOST_SHARE = 0.15
"""The reserve is at most this share of a budget."""
STOPPING_SECONDS = 1.0
"""A call of a program runs to its end; then the stacks are read back."""
SAVING_SECONDS = 6.0
"""Artefact, its proof, summary, report and exit, on two idle cores (docs/experiments.md)."""
ROW_SECONDS = 1e-5
"""Predicting a validation or test row with all that is compared."""
LEAST_SPARE = 1.0
"""Seconds that baselines are given in any case."""
MOST_LOAD = 3.0
"""More is not prepared for: nobody knows how long it lasts."""


@dataclass(frozen=True)
class Facts:
    """What the end of a sweep depends on right now."""

    usable: bool
    """Whether there is anything to save."""
    table: Table
    """Sizes of the data."""
    fits: int = 0
    """Recorded so far, and open."""
    writing: float = 0.0
    """Seconds that recording one fit takes the background writer, as measured."""
    unwritten: float = 0.0
    """Seconds of recording that wait for it."""
    load: float = 1.0
    """Wall time for a second of work: 1 on an idle machine, at most `MOST_LOAD`."""


def reserve(facts: Facts, limit: float) -> float:
    """Return the seconds to keep back of a budget; none where there is nothing to save.

    Args:
        facts: State of the sweep.
        limit: The budget in seconds.
    """
    if not facts.usable:
        return 0.0
    predicting = ROW_SECONDS * (facts.table.rows - facts.table.train)
    baselines = baseline_seconds(Calibration(), facts.table)
    work = STOPPING_SECONDS + SAVING_SECONDS + predicting + baselines
    writing = facts.unwritten + RANKED * facts.writing * facts.fits
    return min(facts.load * work + writing, MOST_SHARE * limit)
