"""Judging one trial against another: a close call buys more executions, a clear one does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pipeline.core.records import Capacity
from pipeline.core.statistics import Difference
from pipeline.search import sentences
from pipeline.search.board import Board, Walk
from pipeline.search.decide import Evidence, paired


def verdict(board: Board, gap: Difference, reference: float) -> str:
    """Return whether a difference is `better`, `worse` or, within noise, the `same`.

    Args:
        gap: Score of the candidate minus score of the reference.
        reference: Score of the reference.
    """
    rules = board.rules
    if -gap.mean > max(rules.noise * gap.se, board.rule.least_gain(reference)):
        return "better"
    return "worse" if gap.mean > rules.noise * gap.se else "same"


def is_close(board: Board, candidate: Evidence, reference: Evidence, gap: Difference) -> bool:
    """Return whether more executions could change the verdict, and whether that would matter."""
    rules = board.rules
    if gap.se == 0.0 or abs(gap.mean) > rules.close * gap.se:
        return False
    is_first = min(candidate.executions, reference.executions) <= board.executions.first
    if gap.seed_share < rules.seed_share and not is_first:
        # The doubt is in the validation rows: no execution removes it. The first few executions
        # are too few to tell.
        return False
    return abs(gap.mean) + rules.close * gap.se > board.rule.least_gain(reference.score)


def settle(board: Board, candidate: Evidence, reference: Evidence) -> Walk[Difference | None]:
    """Compare two trials, buying executions for both while it is close.

    Returns their difference, or None when an execution that was bought ruled one of them out.
    """
    while True:
        gap = board.compare(candidate, reference)
        if not is_close(board, candidate, reference, gap):
            return gap
        executions = max(candidate.executions, reference.executions)
        if candidate.executions == reference.executions:
            next_ = min(board.executions.after(executions), board.rules.grow_executions)
            executions = max(executions, next_)
        reason = sentences.close(candidate, reference, gap, executions)
        trials = candidate.trial, reference.trial
        if not (yield from board.request(trials, executions, reason)):
            return gap
        remeasured = [known for trial in trials if (known := board.evidence(trial))]
        if len(remeasured) < len(trials):
            return None
        candidate, reference = remeasured


@dataclass(frozen=True)
class Comparison:
    """The lead of a capacity against the lead of its reference, on the executions that they share."""

    candidate: Evidence
    reference: Evidence
    gap: Difference
    verdict: str
    """As of `verdict`; `better` too where `is_left`."""
    is_left: bool
    """Whether the reference has failed since and the capacity itself is the best there is."""


class Leader:
    """The best of the capacities before a round: what those measured in the round have to beat.

    The best of many on few executions is partly the luckiest. Where bought executions show that and
    another capacity leads again, that one is the leader.
    """

    def __init__(self, board: Board, capacity: Capacity, challengers: frozenset[Capacity]) -> None:
        """Begin with the capacity that leads before the round.

        Args:
            challengers: The capacities measured in the round; none of them is ever the leader.
        """
        self.board, self.capacity, self.challengers = board, capacity, challengers
        self.leaders = [capacity]
        """Every capacity that has been the leader."""
        self.settled: set[tuple[Capacity, Capacity]] = set()
        """Challengers that were settled, each with the leader that it was settled against."""

    def refresh(self) -> bool:
        """Make the capacity that leads now the leader; True where it is another one."""
        leading = (lead.trial.capacity for lead in self.board.leads())
        best = next((lead for lead in leading if lead not in self.challengers), self.capacity)
        if best == self.capacity:
            return False
        self.capacity = best
        self.leaders.append(best)
        return True

    def lead(self) -> Evidence | None:
        """Return its leading trial; None where no capacity before the round has a usable one."""
        if self.board.lead(self.capacity) is None:
            self.refresh()
        return self.board.lead(self.capacity)

    def compare(self, challenger: Capacity) -> Comparison | None:
        """Compare a challenger with the leader, or with the best of its round where no leader is left.

        None where the challenger has no usable trial.
        """
        board = self.board
        candidate = board.lead(challenger)
        if candidate is None:
            return None
        leading = self.lead()
        reference = leading or board.best() or candidate
        is_left = leading is None and reference.trial == candidate.trial
        gap = board.compare(candidate, reference)
        both = paired(candidate, reference) or (candidate, reference)
        word = "better" if is_left else verdict(board, gap, both[1].score)
        return Comparison(*both, gap, word, is_left)

    def settle(self, challenger: Capacity, accepts: Callable[[Comparison], bool]) -> Walk[None]:
        """Buy executions until it is clear how a challenger compares with the leader.

        What is accepted must be accepted on all its executions, and against the leader of then. When
        a bought execution rules a trial out, the next trial of its capacity takes its place.

        Args:
            accepts: Whether the search goes on from a challenger that compares like this.
        """
        board = self.board
        while (candidate := board.lead(challenger)) and (reference := self.lead()):
            gap = yield from settle(board, candidate, reference)
            if gap is None:
                continue
            comparison = self.compare(challenger)
            if comparison is None or not accepts(comparison):
                break
            candidate = board.lead(challenger) or candidate
            reference = self.lead() or reference
            if reference.executions < candidate.executions:
                reason = sentences.level(candidate, reference)
                yield from board.request((reference.trial,), candidate.executions, reason)
            elif not self.refresh():
                break
        self.settled.add((challenger, self.capacity))

    def is_settled(self, challenger: Capacity) -> bool:
        """Return whether a challenger was settled against the leader of now."""
        return (challenger, self.capacity) in self.settled


def explain(board: Board, comparison: Comparison, word: str, then: str) -> None:
    """Record a verdict on a capacity, with its sentence.

    Args:
        word: The verdict in the sense of the phase: also `behind` or `smaller`.
        then: What follows from it, a clause.
    """
    candidate, gap = comparison.candidate, comparison.gap
    error = board.rules.noise * gap.se
    is_slight = word == "same" and -gap.mean > error
    is_slight_loss = word == "smaller" and gap.mean > max(error, board.rules.one_se * gap.se)
    if comparison.is_left:
        reason = sentences.left(candidate, then)
    else:
        how = "slight" if is_slight else "slight loss" if is_slight_loss else word
        reason = sentences.comparison(candidate, comparison.reference, gap, how, then)
    board.decide(candidate.trial.capacity.label, candidate.shown, gap.se, word, reason)
