"""The finished fits of a sweep, as the ledger remembers them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeline.config.choices import SaveModels
from pipeline.core.records import Fit, FitResult, Objective, Outcome, Scored, Trial
from pipeline.core.statistics import Units
from pipeline.ledger.encoding import fit_key
from pipeline.ledger.facts import SweepFacts
from pipeline.ledger.fitrun import Place

CHAMPION_PHASE = "champion"
"""Phase of the round that trains the champion on all rows; its fits are not part of the search."""


@dataclass
class DoneFit:
    """A fit that the ledger holds; it is never trained again unless it was cut."""

    place: Place
    result: FitResult
    """Without weights; its row losses are those of `units`."""
    units: Units | None
    """Units of the row losses, and their number before sampling; None in files of older versions."""
    objective: Objective
    """Of its sweep."""
    ended: int = 0
    """When the fit ended, milliseconds since 1970; 0 where its run was found in the store."""
    weights: str = ""
    """File with the weights of the network that is saved with the run; empty where there is none."""
    run_id: str = ""
    """Empty until the background writer has created the run."""
    model_id: str = ""
    """Of the saved model; empty where there is none."""

    @property
    def fit(self) -> Fit:
        """Which fit it is."""
        return self.result.fit

    @property
    def is_scored(self) -> bool:
        """Whether there are score and network; a cut fit has them after its first epoch."""
        outcome = self.result.outcome
        return outcome.is_usable or (outcome is Outcome.cut and self.result.best_epoch >= 0)

    @property
    def score(self) -> float:
        """The objective, lower is better; NaN without one."""
        value = self.result.best(self.objective.metric) if self.is_scored else math.nan
        return self.objective.as_loss(value)

    def scored(self) -> Scored:
        """Return the fit as the search sees it."""
        result, objective = self.result, self.objective
        losses = result.row_losses if objective.is_loss else None
        about = self.score, losses, self.place.round, objective.sign, self.units
        return Scored(result.fit, result.outcome, *about)


class DoneFits:
    """Finished fits by their key; the first recording of a fit is the one that counts."""

    def __init__(self, facts: SweepFacts) -> None:
        """Start empty."""
        self._facts = facts
        self._fits: dict[str, DoneFit] = {}
        self._cut: dict[str, DoneFit] = {}

    def key(self, fit: Fit) -> str:
        """Return the fit key."""
        return fit_key(self._facts.fingerprint, self._facts.digest, fit)

    def add(self, done: DoneFit) -> None:
        """Add a fit unless it is known already; cut fits with a score are kept apart."""
        key = done.place.key
        if done.result.outcome.is_done:
            self._fits.setdefault(key, done)
            self._cut.pop(key, None)
        elif math.isfinite(done.score):
            self._cut[key] = done

    def find(self, fit: Fit) -> DoneFit | None:
        """Return a finished fit, or None."""
        return self._fits.get(self.key(fit))

    def standing(self, fit: Fit) -> DoneFit | None:
        """Return a fit that has a score: finished, or cut after some epochs; None without one."""
        return self.find(fit) or self._cut.get(self.key(fit))

    def cut(self) -> list[DoneFit]:
        """Return the fits that this process cut and that have a score, in the recorded order."""
        return self._of_search(self._cut.values())

    def ordered(self) -> list[DoneFit]:
        """Return the fits of the search in the recorded order: by round, then place in it."""
        return self._of_search(self._fits.values())

    def every(self) -> list[DoneFit]:
        """Return all finished fits, those that train the champion on all rows included."""
        return list(self._fits.values())

    def _of_search(self, fits: Iterable[DoneFit]) -> list[DoneFit]:
        folds = len(self._facts.target_scales)
        of_search = [done for done in fits if done.fit.fold < folds]
        return sorted(of_search, key=lambda done: (done.place.round, done.place.position))

    def without_model(self, champion: Fit) -> list[Fit]:
        """Return the fits whose models `tracking.save_models` wants and that have none yet."""
        wanted = {champion}
        if self._facts.save_models is not SaveModels.champion:
            best: dict[Trial, DoneFit] = {}
            for done in self.ordered():
                if done.result.outcome is Outcome.completed:
                    known = best.get(done.fit.trial, done)
                    best[done.fit.trial] = min(known, done, key=lambda entry: entry.score)
            wanted |= {done.fit for done in best.values()}
        every = [*self.ordered(), *self.cut()]
        return [done.fit for done in every if done.fit in wanted and not done.model_id]


ORDER = (Outcome.completed, Outcome.dropped, Outcome.diverged, Outcome.infeasible)
"""Order of outcomes; a cut fit with a score counts as completed, as the champion may be one."""


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
        outcome, score = done.result.outcome, done.score
        return (
            0 if outcome is Outcome.cut else ORDER.index(outcome),
            place.get(done.fit.trial, len(place)),
            done.fit != champion,
            score if math.isfinite(score) else math.inf,
            done.place.round,
            done.place.position,
        )

    return sorted(fits, key=key)
