"""What a search is handed and what it answers: the words between it, the runner and the ledger."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pipeline.core.records import Decision, Fit, Outcome, Round, Scored, Trial


@dataclass(frozen=True)
class Choice:
    """The chosen trial, and everything that was weighed against it."""

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
    """Trials than which no smaller one is as good, smallest first."""
    reason: str
    """One sentence with its numbers."""


@dataclass(frozen=True)
class Proposal:
    """The next round, or the end of the search."""

    round: Round | None
    """All fits of the round, those already finished included (`missing` tells which are not), so
    that a resumed sweep rebuilds the same stacks. None: the search is over."""
    decisions: tuple[Decision, ...] = ()
    """Every decision from the first round on; later proposals only append."""
    choice: Choice | None = None
    """Set when the search is over and some trial is usable."""


class Searcher(Protocol):
    """Proposes rounds from finished fits and chooses at the end; holds no state of its own."""

    def propose(self, finished: Sequence[Scored]) -> Proposal:
        """Return the first round not completely answered by `finished`, in any order."""

    def choose(self, finished: Sequence[Scored]) -> Choice | None:
        """Return the best so far, as when a budget ends; None without a usable trial.

        Args:
            finished: All fits with a score: also those that were cut, as far as they came.
        """


def key(fit: Fit) -> tuple[str, int]:
    """Return what makes a fit the same fit within one sweep.

    By name, not by identity: fits read back from the ledger must be recognised. The epochs belong
    to it because Hyperband trains one trial several times, longer each time.
    """
    return fit.name, fit.epochs


def missing(asked: Round, finished: Sequence[Scored]) -> tuple[Fit, ...]:
    """Return the fits of a round that are not done yet."""
    done = {key(scored.fit) for scored in finished if scored.outcome.is_done}
    return tuple(fit for fit in asked.fits if key(fit) not in done)


def is_usable(scored: Scored) -> bool:
    """Return whether a score may count: finite, of a fit that was trained to its end or was cut.

    Fits that were cut are never among those that a round is decided by (`missing`, `propose`): only the
    last choice, when a budget has ended the search, is among what there is.
    """
    counts = scored.outcome.is_ranked or scored.outcome is Outcome.cut
    return counts and math.isfinite(scored.score)
