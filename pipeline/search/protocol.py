"""The interface of a search: the fits it is given, and the rounds and choices it returns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pipeline.core.records import Decision, Fit, Outcome, Round, Scored, Trial


@dataclass(frozen=True)
class Choice:
    """The chosen trial, and the ranking of all others."""

    trial: Trial
    execution: int
    """The execution with the median score: the one that is saved, never the luckiest."""
    score: float
    """Mean over the trial's executions, lower is better."""
    shown: float
    """The same in the objective's own direction."""
    se: float
    """Standard error of that mean, over seeds and validation rows."""
    ranking: tuple[Trial, ...]
    """Every usable trial: the chosen one first, then by score."""
    pareto: tuple[Trial, ...]
    """Trials that are better than all smaller ones, smallest first."""
    reason: str
    """One sentence with its numbers."""


@dataclass(frozen=True)
class Proposal:
    """The next round, or the end of the search."""

    round: Round | None
    """All fits of the round, those already finished included (`missing` returns the others), so that
    a resumed sweep rebuilds the same stacks. None: the search is over."""
    decisions: tuple[Decision, ...] = ()
    """Every decision from the first round on; later proposals only append."""
    choice: Choice | None = None
    """Set when the search is over and some trial is usable."""


class Searcher(Protocol):
    """Proposes rounds from finished fits and chooses at the end; holds no state of its own."""

    def propose(self, finished: Sequence[Scored]) -> Proposal:
        """Return the first round of which a fit is missing, or the end; `finished` is in any order."""

    def choose(self, finished: Sequence[Scored]) -> Choice | None:
        """Return the best so far, as when a budget ends; None without a usable trial.

        Args:
            finished: All fits with a score, those that were cut included.
        """


def key(fit: Fit) -> tuple[str, int]:
    """Return the key of a fit, unique within a sweep: its name, and the most epochs.

    By name, not by identity, so that fits read back from the ledger are recognised; with the epochs
    because Hyperband trains one trial several times, longer each time.
    """
    return fit.name, fit.epochs


def missing(round_: Round, finished: Sequence[Scored]) -> tuple[Fit, ...]:
    """Return the fits of a round that are not done yet."""
    done = {key(scored.fit) for scored in finished if scored.outcome.is_done}
    return tuple(fit for fit in round_.fits if key(fit) not in done)


def is_usable(scored: Scored) -> bool:
    """Return whether a score may count: finite, of a fit that was trained to its end or was cut.

    A round is never decided by fits that were cut (`missing`, `propose`): only the last choice, when a
    budget has ended the search, takes them into account.
    """
    counts = scored.outcome.is_ranked or scored.outcome is Outcome.cut
    return counts and math.isfinite(scored.score)
