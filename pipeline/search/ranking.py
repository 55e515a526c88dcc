"""The ranking of all usable trials, each with its gap to the best score and a note on its place."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from pipeline.config.choices import Prefer
from pipeline.core.language import number, plural, trial_beside
from pipeline.core.statistics import Difference, Pool
from pipeline.search import decide, sentences
from pipeline.search.choose import Rule, complete_enough, leads
from pipeline.search.decide import Evidence

CHOSEN = {
    Prefer.smallest: "chosen: {how}",
    Prefer.best: "chosen: best score, as search.prefer asks",
    Prefer.knee: "chosen: knee of score against size",
}
"""The note of the chosen trial, by `search.prefer`."""


class Ranked(NamedTuple):
    """One usable trial of the ranking."""

    evidence: Evidence
    se: float
    """Standard error of its score."""
    gap: Difference
    """Its score minus the best score, paired by seed and row."""
    stands: bool
    """Whether it is the trial that stands for its capacity."""
    note: str
    """Why it has this place, in a few words."""


def ranking(
    known: Sequence[Evidence], taken: Evidence | None, rule: Rule, fewest: int = 1
) -> list[Ranked]:
    """Return every usable trial: the chosen one first, then by score.

    Args:
        taken: The evidence on the chosen trial; None: none is chosen yet.
        fewest: Executions from which a trial may stand for its capacity.
    """
    if not known:
        return []
    folds, errors = rule.folds, rule.one_se
    leading, pool = _heads(known, folds, fewest)
    heads, best = {evidence.trial.capacity: evidence for evidence in leading}, leading[0]
    ranked = []
    for evidence in sorted(known, key=lambda evidence: (evidence is not taken, *evidence.order)):
        is_best = evidence.trial == best.trial
        gap = decide.difference(best if is_best else evidence, best, folds=folds, pool=pool)
        se = decide.standard_error(evidence, folds=folds, pool=pool)
        head = heads.get(evidence.trial.capacity)
        stands = head is not None and head.trial == evidence.trial
        if evidence is taken:
            note = CHOSEN[rule.prefer].format(how=_chosen(evidence, best, gap, errors))
        elif not stands:
            note = "fewer executions" if head is None else _other(head, evidence)
        else:
            note = "best score" if is_best else _behind(gap, errors)
        if stands and evidence.executions != best.executions:
            shared = len(evidence.results.keys() & best.results.keys())
            note += (
                f", on {plural(shared, 'shared execution')}" if shared else ", on other executions"
            )
        ranked.append(Ranked(evidence, se, gap, stands, note))
    return ranked


def standing(
    known: Sequence[Evidence], *, folds: int = 0, fewest: int = 1
) -> list[tuple[Evidence, float]]:
    """Return the trial that stands for each capacity, with its score's standard error, the best first.

    Args:
        folds: As of `choose.Rule`.
        fewest: As of `ranking`.
    """
    if not known:
        return []
    leading, pool = _heads(known, folds, fewest)
    return [
        (evidence, decide.standard_error(evidence, folds=folds, pool=pool)) for evidence in leading
    ]


def _heads(known: Sequence[Evidence], folds: int, fewest: int) -> tuple[list[Evidence], Pool]:
    full = complete_enough(known, fewest, folds)
    return leads(full), decide.luck(full, folds=folds)


def _chosen(candidate: Evidence, best: Evidence, gap: Difference, errors: float) -> str:
    if candidate.trial == best.trial:
        return f"best score, nothing smaller is {sentences.within(errors)}"
    within = sentences.within(errors) if gap.within(errors) else "as good but for search.min_gain"
    return f"smallest {within}"


def _other(head: Evidence, candidate: Evidence) -> str:
    named = trial_beside(head.trial, candidate.trial.nuisance)
    if (
        candidate.order < head.order and candidate.executions < head.executions
    ):  # it would look like the better one
        return f"fewer executions than {named}, which stands for {head.trial.capacity.label}"
    return f"another {head.trial.capacity.label} stands for it, {named}"


def _behind(gap: Difference, errors: float) -> str:
    if not math.isfinite(gap.se):
        return "not compared: no execution in common"
    if gap.within(errors):
        return f"{sentences.within(errors)}, but larger"
    if gap.se == 0.0:
        return "behind, no noise measured"
    return f"{number(gap.mean / gap.se, 2)} standard errors behind"
