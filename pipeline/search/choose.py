"""The final choice: the smallest capacity as good as the best, the best score, or the knee."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeline.config.choices import Prefer
from pipeline.config.schema_search import CapacityConfig
from pipeline.core.records import Capacity, Decision, Scored
from pipeline.core.statistics import Difference
from pipeline.search import decide, sentences
from pipeline.search.decide import Evidence
from pipeline.search.executions import Executions
from pipeline.search.protocol import Choice, is_usable


@dataclass(frozen=True)
class Rule:
    """How a champion is chosen among usable trials."""

    prefer: Prefer
    one_se: float
    """Standard errors within which the smallest is as good as the best."""
    folds: int = 0
    """Folds of a k-fold split, whose fits are the executions; 0: executions differ in their seed."""
    min_gain: float = 0.0
    """Share of `constant` below which a gain does not count."""
    constant: float | None = None
    """Loss of the best constant prediction; None: gains are shares of the reference's score."""

    def least_gain(self, reference: float) -> float:
        """Return what a gain must exceed to justify a network larger than one with this score."""
        return self.min_gain * (abs(reference) if self.constant is None else self.constant)

    def standing(self, known: Sequence[Evidence]) -> tuple[Evidence, Evidence, Difference]:
        """Return the smallest that is as good as the best, the best, and their difference.

        Args:
            known: The usable trials, at least one.
        """
        candidates = leads(known)
        best = candidates[0]
        pool, least = decide.luck(known, folds=self.folds), self.least_gain(best.score)
        for candidate in sorted(
            candidates, key=lambda evidence: (evidence.trial.parameters, evidence.order)
        ):
            gap = decide.difference(candidate, best, folds=self.folds, pool=pool)
            if math.isfinite(gap.se) and gap.within(self.one_se, least):
                return candidate, best, gap
        return best, best, Difference(0.0, 0.0, 0.0)


def rule_of(rules: CapacityConfig, executions: Executions, constant: float | None) -> Rule:
    """Return the rule of a capacity search; `constant` as in `Rule`."""
    return Rule(rules.prefer, rules.one_se, executions.folds, rules.min_gain, constant)


def evidence_of(results: Sequence[Scored]) -> Evidence | None:
    """Return the evidence on one trial, or None when any of its fits rules it out."""
    if not results or not all(is_usable(scored) for scored in results):
        return None
    return Evidence(results[0].fit.trial, {scored.fit.execution: scored for scored in results})


def longest(finished: Sequence[Scored]) -> list[Scored]:
    """Return the fits that count: of a trial trained for several lengths (Hyperband), the longest.

    A length of which every fit was cut counts only where the trial has no other.
    """
    known = [scored for scored in finished if scored.outcome.is_done or is_usable(scored)]
    most: dict[str, tuple[bool, int]] = {}
    for scored in known:
        name, length = scored.fit.trial.name, (scored.outcome.is_done, scored.fit.epochs)
        most[name] = max(length, most.get(name, length))
    return [scored for scored in known if scored.fit.epochs == most[scored.fit.trial.name][1]]


AHEAD = 3.0
"""Standard errors by which a trial must be ahead of those with more executions to stand before them: few
executions are lucky more often."""


def usable(finished: Sequence[Scored]) -> list[Evidence]:
    """Return the evidence on every usable trial."""
    by_trial: dict[str, list[Scored]] = {}
    for scored in longest(finished):
        by_trial.setdefault(scored.fit.trial.name, []).append(scored)
    return [evidence for results in by_trial.values() if (evidence := evidence_of(results))]


def complete_enough(known: Sequence[Evidence], fewest: int, folds: int = 0) -> list[Evidence]:
    """Return the evidence that a choice may rest on when the search may have been cut short.

    Trials with all their first executions; where none has them, those with the most. Where a trial with
    fewer is ahead of all these by `AHEAD` standard errors, all are compared on the executions that it has;
    and so on, as a third with still fewer may be ahead of that.

    Args:
        fewest: Executions that a trial is given at first.
        folds: As of `Rule`.
    """
    enough = min(fewest, max((evidence.executions for evidence in known), default=0))
    complete = [evidence for evidence in known if evidence.executions >= enough]
    fewer = [evidence for evidence in known if evidence.executions < enough]
    if not fewer:
        return complete
    best, pool = min(complete, key=lambda evidence: evidence.order), decide.luck(known, folds=folds)
    gaps = [(one, decide.difference(one, best, folds=folds, pool=pool)) for one in fewer]
    ahead = [one for one, gap in gaps if gap.se > 0.0 and gap.mean < -AHEAD * gap.se]
    if not ahead:
        return complete
    shared = max(ahead, key=lambda evidence: evidence.executions).results.keys()
    cut = [one.only(sorted(shared)) for one in known if one.results.keys() >= shared]
    return complete_enough(
        [*cut, *(one for one in fewer if one.executions < len(shared))], len(shared), folds
    )


def leads(known: Iterable[Evidence]) -> list[Evidence]:
    """Return one trial per capacity: the best score among those with its most executions."""
    leading: dict[Capacity, Evidence] = {}
    for evidence in sorted(known, key=lambda evidence: (-evidence.executions, evidence.order)):
        leading.setdefault(evidence.trial.capacity, evidence)
    return sorted(leading.values(), key=lambda evidence: evidence.order)


def chosen(choice: Choice, number: int) -> Decision:
    """Return the final choice as the last decision, taken after a round."""
    label = choice.trial.capacity.label
    return Decision(number, "choice", label, choice.shown, choice.se, "chosen", choice.reason)


def choose(known: Sequence[Evidence], rule: Rule) -> Choice | None:
    """Choose a champion among usable trials; None when there is none."""
    candidates = leads(known)
    if not candidates:
        return None
    front = decide.pareto(candidates)
    smallest, best, gap = rule.standing(known)
    match rule.prefer:
        case Prefer.smallest:
            taken, why = smallest, sentences.smallest(smallest, best, gap, rule.one_se)
        case Prefer.best:
            taken, why = best, "the best score, as search.prefer=best asks"
        case Prefer.knee:
            taken, why = decide.knee(front), sentences.knee(len(front))
    ranked = sorted(known, key=lambda evidence: (evidence is not taken, *evidence.order))
    return Choice(
        trial=taken.trial,
        execution=decide.median_execution(taken),
        score=taken.score,
        shown=taken.shown,
        se=decide.standard_error(
            taken, folds=rule.folds, pool=decide.luck(known, folds=rule.folds)
        ),
        ranking=tuple(evidence.trial for evidence in ranked),
        pareto=tuple(evidence.trial for evidence in front),
        reason=sentences.chosen(taken, why),
    )
