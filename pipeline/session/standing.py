"""The ranking of the trials, while a sweep runs and at its end, and how its search ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pipeline.config.schema import SweepConfig
from pipeline.core.language import exact, listing, number, plural, trial_beside
from pipeline.core.records import Decision, Scored
from pipeline.figures.inline import CapacityScore
from pipeline.search import executions_of, sentences
from pipeline.search.choose import Rule, chosen, usable
from pipeline.search.protocol import Choice, Proposal, Searcher, missing
from pipeline.search.ranking import Ranked, ranking, standing

SHOWN_TRIALS = 10
"""Rows of the final table."""


def capacities(finished: Sequence[Scored], config: SweepConfig) -> tuple[CapacityScore, ...]:
    """Return every capacity with the score of its best trial and that score's standard error, best first."""
    plan = executions_of(config)
    leading = standing(usable(finished), folds=plan.folds, fewest=plan.fewest)
    return tuple(
        CapacityScore(evidence.trial.capacity.label, evidence.trial.parameters, evidence.shown, se)
        for evidence, se in leading
    )


def trials_ranked(standing: Sequence[Scored], choice: Choice, config: SweepConfig) -> list[Ranked]:
    """Return the ranking of every usable trial, the champion's first."""
    plan, search = executions_of(config), config.search
    known = usable(standing)
    taken = next((evidence for evidence in known if evidence.trial == choice.trial), None)
    rule = Rule(search.prefer, getattr(search, "one_se", 1.0), plan.folds)
    return ranking(known, taken, rule, plan.fewest)


def ranking_rows(ranked: Sequence[Ranked], metric: str) -> tuple[list[dict[str, str]], str]:
    """Return the rows of the final table, and as text the nuisance values that all of them have.

    Args:
        metric: Name of the objective.
    """
    shown = ranked[:SHOWN_TRIALS]
    common = set.intersection(*(set(entry.evidence.trial.nuisance) for entry in shown))
    rows = [
        {
            "#": str(place),
            "trial": trial_beside(entry.evidence.trial, common),
            metric: exact(entry.evidence.shown),
            "SE": number(entry.se, 2),
            "behind": number(entry.gap.mean, 2),
            "fits": str(entry.evidence.executions),
            "why": entry.note.replace("one standard error", "1 SE").replace(
                "standard errors", "SE"
            ),
        }
        for place, entry in enumerate(shown, start=1)
    ]
    return rows, listing(f"{name} {value}" for name, value in sorted(common))


LATER = {
    "start": "growing, shrinking and confirming the finalists",
    "grow": "shrinking and confirming the finalists",
    "shrink": "confirming the finalists",
}
"""The later phases of a capacity search, by phase; the other searches have a single phase."""


@dataclass(frozen=True)
class SearchResult:
    """The end of the search, and its choice."""

    status: str
    """`finished`, or `budget` when a limit ended it first."""
    choice: Choice | None
    decisions: tuple[Decision, ...]
    """All of them, the choice last."""
    reason: str = ""
    """What was left out, when a limit ended the search; else empty."""


def result_of(
    searcher: Searcher,
    proposal: Proposal,
    finished: Sequence[Scored],
    ended: str,
    cut: Sequence[tuple[Scored, int]] = (),
) -> SearchResult | None:
    """Return the result of the search, or None where it goes on.

    Args:
        searcher: Chooses among the fits so far when a limit has ended the search.
        proposal: The next round, or the end.
        ended: The limit that has ended the search, before the round was finished; empty: none.
        cut: Fits that the limit cut after at least one epoch, each with the epochs trained.
    """
    round_ = proposal.round
    if round_ is None:
        return SearchResult("finished", proposal.choice, proposal.decisions)
    if not ended:
        return None
    choice = searcher.choose([*finished, *(scored for scored, _ in cut)])
    if choice is not None:
        epochs = [trained for scored, trained in cut if scored.fit.trial == choice.trial]
        choice = replace(choice, reason=choice.reason + sentences.cut_short(epochs))
    left, fits = len(missing(round_, finished)), plural(len(round_.fits), "fit")
    share = f"{left} of the {fits}" if left < len(round_.fits) else fits
    after = f", then {LATER[round_.phase]}" if round_.phase in LATER else ""
    reason = f"{ended}; not tried: {share} of round {round_.number} ({round_.reason}){after}"
    decisions = proposal.decisions
    if choice is not None:
        decisions = (*decisions, chosen(choice, round_.number))
    return SearchResult("budget", choice, decisions, reason)
