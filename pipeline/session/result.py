"""How a search ended: its choice, its decisions, and what was not tried."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pipeline.core.language import plural
from pipeline.core.records import Decision, Scored
from pipeline.search import Choice, Proposal, Searcher, chosen, missing, sentences

LATER = {
    "start": "growing, shrinking and confirming the finalists",
    "grow": "shrinking and confirming the finalists",
    "shrink": "confirming the finalists",
}
"""What a capacity search does after a phase; the other searches only ask for more rounds."""


@dataclass(frozen=True)
class SearchResult:
    """How the search ended, and with which choice."""

    status: str
    """`finished`, or `budget` when a limit ended it first."""
    choice: Choice | None
    decisions: tuple[Decision, ...]
    """All of them, the choice last."""
    reason: str = ""
    """What was not tried, when a limit ended the search."""


def result_of(
    searcher: Searcher,
    proposal: Proposal,
    finished: Sequence[Scored],
    ended: str,
    cut: Sequence[tuple[Scored, int]] = (),
) -> SearchResult | None:
    """Return how the search ended, or None where it goes on.

    Args:
        searcher: Chooses among what is there when a limit has ended it.
        proposal: The next round, or the end.
        finished: The fits so far.
        ended: The limit that has ended it, if any: the round is not finished, or not begun.
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
