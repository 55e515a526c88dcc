"""The fits of a sweep as the ledger remembers them, and as the files of their stacks keep them.

A fit is in the file of its stack before its run is written, so that a kill does not lose it.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pipeline.config.choices import SaveModels
from pipeline.core import language
from pipeline.core.records import Finding, Fit, FitResult, Objective, Outcome, Scored, Trial
from pipeline.core.statistics import Units
from pipeline.ledger.encoding import decode_fit, encode_fit, fit_key
from pipeline.ledger.facts import SweepFacts
from pipeline.ledger.fitrun import Place
from pipeline.ledger.stackfile import FitCurves

CHAMPION_PHASE = "champion"
"""Phase of the round that trains the champion on all rows; its fits are not part of the search."""
COUNTS = ("round", "position", "stack")
FROM_PLACE = ("phase", *COUNTS)
FROM_RESULT = ("best_epoch", "seconds", "message", "train_sample")
UNKNOWN: dict[str, Any] = {"train_loss": None, "train_sample": 0}
"""Values that files of older versions lack."""
CURVE = re.compile(r"[\w .:/-]{1,250}")
"""Names of metrics that MLflow accepts."""
WEIGHTS = re.compile(r"weights/[0-9a-f-]+\.npz")


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
    def is_done(self) -> bool:
        """Whether it is never trained again: it was not cut."""
        return self.result.outcome.is_done

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


def encode(done: DoneFit) -> FitCurves:
    """Return what the file of its stack keeps of a fit."""
    place, result = done.place, done.result
    about = {
        "fit": encode_fit(result.fit),
        "outcome": result.outcome.value,
        "findings": [asdict(finding) for finding in result.findings],
        "ended": done.ended,
        **{name: getattr(place, name) for name in FROM_PLACE},
        **({"together": place.together} if place.together else {}),
        "best_epoch": int(result.best_epoch),
        "seconds": float(result.seconds),
        "message": result.message,
        "train_loss": language.finite(result.train_loss),
        "train_sample": result.train_sample,
        "weights": done.weights,
    }
    return FitCurves(result.curves, result.row_losses, json.dumps(about), done.units)


def decode(sweep: str, key: str, kept: FitCurves, objective: Objective) -> DoneFit | None:
    """Return a fit of a sweep from what the file of its stack keeps; None where that is damaged."""
    try:
        about = UNKNOWN | json.loads(kept.about)
        _check(about, kept)
        own = {name: about[name] for name in FROM_PLACE}
        place = Place(sweep=sweep, key=key, **own, together=kept.together)
        result = FitResult(
            fit=decode_fit(about["fit"]),
            outcome=Outcome(about["outcome"]),
            curves=kept.curves,
            weights=None,
            row_losses=kept.row_losses,
            findings=tuple(Finding(**finding) for finding in about["findings"]),
            train_loss=math.nan if about["train_loss"] is None else about["train_loss"],
            **{name: about[name] for name in FROM_RESULT},
        )
        return DoneFit(place, result, kept.units, objective, about["ended"], about["weights"])
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
        return None


def _check(about: dict[str, Any], curves: FitCurves) -> None:
    """Raise ValueError where a value cannot be written into a run.

    An invalid value would fail in the background writer, and stop every resume of the sweep.
    """
    lengths = {curve.shape for curve in curves.curves.values()}
    losses = curves.row_losses
    epochs = len(curves.curves.get("loss", ()))
    outcome = Outcome(about["outcome"])
    usable = outcome.is_usable
    texts = [about["phase"], about["message"]]
    texts += [text for finding in about["findings"] for text in finding.values()]
    sound = (
        all(
            type(about[name]) is int and 0 <= about[name] < 2**31
            for name in (*COUNTS, "train_sample")
        )
        and isinstance(about["train_loss"], float | None)
        and type(about["best_epoch"]) is int
        and (0 if usable else -1) <= about["best_epoch"] < max(epochs, 1)
        and isinstance(about["seconds"], float)
        and type(about["ended"]) is int
        and 0.0 <= 1000 * about["seconds"] <= about["ended"] < 2**53
        and not any(b"\0" in text.encode() for text in texts)
        and outcome.is_done
        and ("val_loss" in curves.curves or not usable)
        and all(CURVE.fullmatch(name) for name in curves.curves)
        and all(curve.dtype == np.float64 for curve in curves.curves.values())
        and (not lengths or lengths == {(epochs,)})
        and (
            losses is None or (losses.dtype == np.float32 and losses.ndim == 1 and losses.size > 0)
        )
        and (about["weights"] == "" or WEIGHTS.fullmatch(about["weights"]) is not None)
    )
    if not sound:
        raise ValueError(curves.about)


class DoneFits:
    """Finished fits by their key; the first recording of a fit is the one that counts."""

    def __init__(self, facts: SweepFacts) -> None:
        """Start empty."""
        self._facts = facts
        self._fits: dict[str, DoneFit] = {}

    def key(self, fit: Fit) -> str:
        """Return the fit key."""
        return fit_key(self._facts.fingerprint, self._facts.digest, fit)

    def add(self, done: DoneFit) -> None:
        """Add a fit that is finished, or was cut and has a score; a finished one is never replaced."""
        known = self._fits.get(done.place.key)
        if (known is None or not known.is_done) and (done.is_done or math.isfinite(done.score)):
            self._fits[done.place.key] = done

    def find(self, fit: Fit) -> DoneFit | None:
        """Return a fit that is finished, or was cut with a score; else None."""
        return self._fits.get(self.key(fit))

    def finished(self, fit: Fit) -> DoneFit | None:
        """Return a finished fit, or None."""
        known = self.find(fit)
        return known if known and known.is_done else None

    def every(self) -> list[DoneFit]:
        """Return all fits, those that train the champion on all rows included."""
        return list(self._fits.values())

    def of_search(self, *, cut: bool) -> list[DoneFit]:
        """Return the fits of the search that are finished, or were `cut`, by round, then place in it."""
        folds = len(self._facts.target_scales)
        fits = [done for done in self.every() if done.fit.fold < folds and done.is_done != cut]
        return sorted(fits, key=lambda done: (done.place.round, done.place.position))

    def without_model(self, champion: Fit) -> list[Fit]:
        """Return the fits whose models `tracking.save_models` wants and that have none yet."""
        wanted = {champion}
        if self._facts.save_models is not SaveModels.champion:
            best: dict[Trial, DoneFit] = {}
            for done in self.of_search(cut=False):
                if done.result.outcome is Outcome.completed:
                    known = best.get(done.fit.trial, done)
                    best[done.fit.trial] = min(known, done, key=lambda entry: entry.score)
            wanted |= {done.fit for done in best.values()}
        every = [*self.of_search(cut=False), *self.of_search(cut=True)]
        return [done.fit for done in every if done.fit in wanted and not done.model_id]
