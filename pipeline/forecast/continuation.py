"""The scores that fits to come may have, judged by those that are done: what a sweep has left to do.

Capacities inside the range that was tried score as their neighbours did. Beyond it growing pays for
some doublings more; how many is the assumption that the callers vary. Noise is what was measured.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from pipeline.core.records import Outcome, Scored
from pipeline.forecast.surface import OFF_RATE, OVERFIT, SEEDS, UNDERFIT, generator
from pipeline.search.choose import evidence_of, leads

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.core.records import Fit, Trial
    from pipeline.search.decide import Evidence

FURTHER = ((2.0, 0.55), (5.0, 0.45))
"""Doublings beyond the best so far for which growing may still pay, where it does."""
CLEAR = 1.5
"""Standard errors that the last doublings gained at which it is as likely to go on paying as not."""
LAST = 2.0
"""How many doublings those are."""
REFUTED = 0.25
"""What remains of that likelihood for every doubling that was tried in vain."""
PICKED = 0.4
"""By how much leads are too good, in standard deviations of a trial's luck: each is the best of its
rates. With luck and this the time left after a fifth of sixteen sweeps was 1.48 times off, 1.69
without (root mean square of logarithms)."""
MOST_SLOPE = 3.0
"""Largest loss of a rate a decade off the best, as a share of the score."""


@dataclass(frozen=True)
class Known:
    """What the finished fits of a sweep tell about scores."""

    evidence: tuple[Evidence, ...]
    """Every usable trial; at least one."""
    leads: tuple[Evidence, ...] = field(init=False)
    """The trial that stands for each capacity, smallest network first."""

    def __post_init__(self) -> None:
        """Order the leads by size."""
        ordered = sorted(leads(self.evidence), key=lambda one: (_size(one.trial), one.order))
        object.__setattr__(self, "leads", tuple(ordered))

    @cached_property
    def best(self) -> Evidence:
        """The best lead."""
        return min(self.leads, key=lambda one: one.order)

    @cached_property
    def of_trial(self) -> dict[Trial, Evidence]:
        """Every usable trial's evidence."""
        return {one.trial: one for one in self.evidence}

    @cached_property
    def seeds(self) -> float:
        """Standard deviation of a score over seeds."""
        spreads = [float(one.scores.std(ddof=1)) for one in self.evidence if one.executions > 1]
        return float(np.median(spreads)) if spreads else SEEDS * abs(self.best.score)

    @cached_property
    def opinion(self) -> float:
        """Standard deviation over rows of what sets one trial apart from its neighbours."""
        rows: dict[object, list[np.ndarray]] = defaultdict(list)
        for one in self.evidence:
            if one.mean_rows is not None:
                rows[one.trial.capacity].append(one.mean_rows)
        spreads = [
            float((first - second).std()) / math.sqrt(2.0)
            for inside in rows.values()
            for first, second in pairwise(inside)
            if first.shape == second.shape
        ]
        return float(np.median(spreads)) if spreads else 0.0

    @cached_property
    def luck(self) -> float:
        """Standard deviation of a score over trials that are as good, on so many validation rows."""
        rows = self.best.mean_rows
        return 0.0 if rows is None or not rows.size else self.opinion / math.sqrt(rows.size)

    @cached_property
    def off_rate(self) -> float:
        """Loss of a learning rate a decade off the best."""
        losses = []
        for lead in self.leads:
            for one in self.evidence:
                if one.trial.capacity == lead.trial.capacity and one is not lead:
                    away = math.log10(one.trial.learning_rate / lead.trial.learning_rate)
                    if away:
                        losses.append((one.score - lead.score) / (away * away))
        usual = OFF_RATE * abs(self.best.score)
        most = MOST_SLOPE * abs(self.best.score)
        return min(max(float(np.median(losses)), usual / 4), most) if losses else usual

    @cached_property
    def standard_error(self) -> float:
        """Typical standard error of the difference of two trials."""
        return math.sqrt(2.0 * (self.luck**2 + self.seeds**2 / self.best.executions))

    @cached_property
    def momentum(self) -> float:
        """Standard errors that the last doublings up to the best have gained."""
        best = _size(self.best.trial)
        sizes: list[float] = []
        scores: list[float] = []
        for one in self.leads:
            if not scores or one.score < scores[-1]:
                sizes.append(_size(one.trial))
                scores.append(one.score)
        if len(scores) == 1 or self.standard_error <= 0.0:
            return 0.0
        before = float(np.interp(best - LAST, sizes, scores))
        return max(0.0, before - self.best.score) / self.standard_error

    def assumptions(self) -> list[tuple[float, float]]:
        """Return for how many doublings growing may still pay, each with its likelihood."""
        in_vain = max(0.0, _size(self.leads[-1].trial) - _size(self.best.trial))
        odds = self.momentum / CLEAR * REFUTED**in_vain
        return [(0.0, 1.0 / (1.0 + odds))] + [
            (further, share * odds / (1.0 + odds)) for further, share in FURTHER
        ]

    def nearest(self, trial: Trial) -> Evidence:
        """Return the lead of the nearest size."""
        size = _size(trial)
        return min(self.leads, key=lambda one: (abs(_size(one.trial) - size), one.order))

    def capacity_score(self, trial: Trial, further: float) -> float:
        """Return the expected score of a capacity at its best rate."""
        sizes = [_size(one.trial) for one in self.leads]
        scores = [one.score for one in self.leads]
        beyond = _size(trial) - sizes[-1]
        if beyond <= 0.0:
            return float(np.interp(_size(trial), sizes, scores))
        unit = abs(self.best.score)
        away = _size(trial) - _size(self.best.trial)
        if away < further:
            gain = further * further - (further - away) ** 2
            return self.best.score - UNDERFIT * unit * gain
        lowest = min(scores[-1], self.best.score - UNDERFIT * unit * further * further)
        return lowest + OVERFIT * unit * beyond * beyond


@dataclass(frozen=True)
class Continuation:
    """One way in which a sweep may go on."""

    known: Known
    further: float
    """Doublings of the best's parameters for which growing still pays."""
    draw: int = 0

    def answer(self, fit: Fit) -> Scored:
        """Score a fit that has not been trained."""
        trial, known = fit.trial, self.known
        luck = generator(trial.name, fit.execution, self.draw)
        score = known.seeds * float(luck.standard_normal())
        own = known.of_trial.get(trial)
        if own is not None:  # what its rows think of it is known, and stays
            return _scored(fit, own.score + score, _rows_of(own, fit))
        near = known.nearest(trial)
        off = math.log10(trial.learning_rate / near.trial.learning_rate)
        score += known.capacity_score(trial, self.further) + known.off_rate * off * off
        score += PICKED * known.luck
        like = _rows_of(near, fit)
        opinion = None
        if like is not None:
            drawn = generator(trial.name, -1, self.draw).standard_normal(like.shape)
            opinion = known.opinion * drawn
        return _scored(fit, score, like, opinion)


def _rows_of(evidence: Evidence, fit: Fit) -> np.ndarray | None:
    """Return the losses of rows of one execution: with folds each has its own rows."""
    return evidence.results[
        sorted(evidence.results)[fit.execution % evidence.executions]
    ].row_losses


def _scored(
    fit: Fit, score: float, like: np.ndarray | None, opinion: np.ndarray | None = None
) -> Scored:
    """Return a fit with a score before the opinion of rows, whose losses are like those of another."""
    if like is None:
        return Scored(fit, Outcome.completed, score)
    rows = like.astype(np.float64)
    rows += score - rows.mean()
    if opinion is not None:
        rows += opinion
    return Scored(fit, Outcome.completed, float(rows.mean()), rows.astype(np.float32))


def known_from(finished: Sequence[Scored]) -> Known | None:
    """Return what finished fits tell; None while no trial is usable."""
    by_trial: dict[str, list[Scored]] = defaultdict(list)
    for scored in finished:
        by_trial[scored.fit.trial.name].append(scored)
    evidence = tuple(found for results in by_trial.values() if (found := evidence_of(results)))
    return Known(evidence) if evidence else None


def _size(trial: Trial) -> float:
    return math.log2(max(trial.parameters, 1))
