"""How the trials stand: while a sweep runs, in its final table and in the ledger."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.config.schema import SweepConfig
from pipeline.core.language import number, trial
from pipeline.core.records import Scored
from pipeline.figures.inline import CapacityScore
from pipeline.ledger.trialrows import RankedTrial
from pipeline.search import (
    Choice,
    Ranked,
    complete_enough,
    executions_of,
    median_execution,
    ranking,
    standing,
)

SHOWN_TRIALS = 10
"""Rows of the final table."""


def capacities(finished: Sequence[Scored], config: SweepConfig) -> tuple[CapacityScore, ...]:
    """Return every capacity with the score of its best trial and that score's standard error, best first."""
    plan = executions_of(config)
    found = standing(complete_enough(finished, 1), folds=plan.folds, fewest=plan.fewest)
    return tuple(
        CapacityScore(one.trial.capacity.label, one.trial.parameters, one.shown, se)
        for one, se in found
    )


def trials_ranked(standing: Sequence[Scored], choice: Choice, config: SweepConfig) -> list[Ranked]:
    """Return every usable trial, the champion's first, and why each stands there."""
    plan, search = executions_of(config), config.search
    known = complete_enough(standing, 1)
    return ranking(
        known,
        next((one for one in known if one.trial == choice.trial), None),
        prefer=search.prefer.value,
        errors=getattr(search, "one_se", 1.0),
        folds=plan.folds,
        fewest=plan.fewest,
    )


def recorded(one: Ranked) -> RankedTrial:
    """Return what the ledger keeps of a ranked trial."""
    evidence = one.evidence
    fits = {execution: scored.fit for execution, scored in evidence.results.items()}
    median = fits[median_execution(evidence)]
    trial, score, behind = evidence.trial, evidence.shown, one.gap.mean
    return RankedTrial(
        trial, score, one.se, behind, one.note, tuple(fits.values()), median, one.stands
    )


def ranking_rows(ranked: Sequence[Ranked], metric: str) -> list[dict[str, object]]:
    """Return the rows of the final table; `metric` is the objective."""
    return [
        {
            "rank": position,
            "trial": trial(one.evidence.trial.name),
            metric: one.evidence.shown,
            "SE": number(one.se, 2),
            "behind": number(one.gap.mean, 2),
            "fits": one.evidence.executions,
            "why": one.note,
        }
        for position, one in enumerate(ranked[:SHOWN_TRIALS], start=1)
    ]
