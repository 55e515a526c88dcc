"""The order of all fits by the stated rule: metric `rank`, 1 = the champion."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pipeline.core.records import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pipeline.core.records import Fit, Trial
    from pipeline.ledger.donefits import DoneFit

ORDER = (Outcome.completed, Outcome.dropped, Outcome.diverged, Outcome.infeasible)
"""A fit that was cut with a score stands among the completed: the champion may be one."""


def ranked(fits: Iterable[DoneFit], trials: Sequence[Trial], champion: Fit | None) -> list[DoneFit]:
    """Return the fits, champion first.

    The fits of a trial stand together in the order of the trials; within one the champion's fit is
    first, then the better score. Trials that were not ranked follow by outcome and score.

    Args:
        fits: All fits that are finished, or were cut with a score.
        trials: The search's ranking; the first is the champion's trial.
        champion: The fit whose model is saved, or None.
    """
    place = {trial: index for index, trial in enumerate(trials)}

    def key(done: DoneFit) -> tuple[int, int, bool, float, int, int]:
        score = done.score if math.isfinite(done.score) else math.inf
        return (
            0 if done.outcome is Outcome.cut else ORDER.index(done.outcome),
            place.get(done.fit.trial, len(place)),
            done.fit != champion,
            score,
            done.round,
            done.position,
        )

    return sorted(fits, key=key)
