"""What a search of KerasTuner has been told: the scores of its trials, and what was noted of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pipeline.core.language import plural
from pipeline.core.records import Decision
from pipeline.search import sentences
from pipeline.search.choose import evidence_of
from pipeline.search.protocol import key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.core.records import Fit, Scored
    from pipeline.search.decide import Evidence


class Told:
    """Memory of one replay: fits by what makes them the same, rounds, and decisions."""

    def __init__(self, phase: str) -> None:
        """Start empty, for a search of this name."""
        self.decisions: list[Decision] = []
        self.rounds = 0
        self._phase = phase
        self._fits: dict[tuple[str, int], Scored] = {}
        self._best: Evidence | None = None

    def knows(self, fit: Fit) -> bool:
        """Return whether a fit has been trained: a trial proposed again is not trained again."""
        return key(fit) in self._fits

    def hear(self, answers: Sequence[Scored]) -> None:
        """Take in a round, and note whether it holds a better trial than those before."""
        self._fits.update((key(scored.fit), scored) for scored in answers)
        trials = dict.fromkeys((scored.fit.trial, scored.fit.epochs) for scored in answers)
        found = [
            evidence_of([one for one in answers if (one.fit.trial, one.fit.epochs) == point])
            for point in trials
        ]
        usable = [one for one in found if one is not None]
        best = min(usable, key=lambda one: one.order, default=None)
        self._note(best, len(trials), len(trials) - len(usable))
        self.rounds += 1

    def score(self, keys: Sequence[tuple[str, int]]) -> float:
        """Return the score of a trial from its executions; infinite when any is unusable."""
        evidence = evidence_of([self._fits[each] for each in keys])
        return math.inf if evidence is None else evidence.score

    def _note(self, best: Evidence | None, trials: int, unusable: int) -> None:
        if best is None:
            reason = f"None of {plural(trials, 'trial')} is usable."
            self.decisions.append(
                Decision(self.rounds, self._phase, "", None, None, "infeasible", reason)
            )
            return
        word = "same"
        if self._best is None or best.order < self._best.order:
            word = "start" if self._best is None else "better"
        reason = sentences.round_of_others(best, self._best, trials, unusable)
        label = best.trial.capacity.label
        self.decisions.append(
            Decision(self.rounds, self._phase, label, best.shown, None, word, reason)
        )
        if word != "same":
            self._best = best
