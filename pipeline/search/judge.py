"""Judging one trial against another: a close call buys more executions, a clear one does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pipeline.core.records import Capacity
from pipeline.core.statistics import Difference
from pipeline.search import sentences
from pipeline.search.board import Board, Walk
from pipeline.search.decide import Evidence, paired


def verdict(board: Board, gap: Difference, reference: float) -> str:
    """Return whether a difference is `better`, `worse` or, within noise, the `same`."""
    rules = board.rules
    if -gap.mean > max(rules.noise * gap.se, board.rule.least_gain(reference)):
        return "better"
    return "worse" if gap.mean > rules.noise * gap.se else "same"


def is_close(board: Board, one: Evidence, other: Evidence, gap: Difference) -> bool:
    """Return whether more executions could change the verdict, and whether that would matter."""
    rules = board.rules
    if gap.se == 0.0 or abs(gap.mean) > rules.close * gap.se:
        return False
    is_first = min(one.executions, other.executions) <= board.executions.first
    if gap.seed_share < rules.seed_share and not is_first:
        # The doubt is in the validation rows: no execution removes it. The first few executions
        # are too few to tell.
        return False
    return abs(gap.mean) + rules.close * gap.se > board.rule.least_gain(other.score)


def settle(board: Board, one: Evidence, other: Evidence) -> Walk[Difference | None]:
    """Compare two trials, buying executions for both while it is close.

    Returns their difference, or None when an execution that was bought ruled one of them out.
    """
    while True:
        gap = board.compare(one, other)
        if not is_close(board, one, other, gap):
            return gap
        executions = max(one.executions, other.executions)
        if one.executions == other.executions:
            next_ = min(board.executions.after(executions), board.rules.grow_executions)
            executions = max(executions, next_)
        reason = sentences.close(one, other, gap, executions)
        asked = yield from board.ask((one.trial, other.trial), executions, reason)
        if not asked:
            return gap
        one_again, other_again = board.evidence(one.trial), board.evidence(other.trial)
        if one_again is None or other_again is None:
            return None
        one, other = one_again, other_again


@dataclass(frozen=True)
class Comparison:
    """What stands for a capacity against what stands for its reference.

    Both with the executions that they share, so that the numbers of a sentence agree.
    """

    one: Evidence
    other: Evidence
    gap: Difference
    is_left: bool
    """Whether the reference has failed since and the capacity itself is the best there is."""

    def verdict(self, board: Board) -> str:
        """Return the verdict on the capacity."""
        return "better" if self.is_left else verdict(board, self.gap, self.other.score)


@dataclass
class Leader:
    """The best of the capacities before a round: what those measured in it have to beat.

    The best of many on few executions is partly the luckiest. Where bought executions show that and
    another leads again, that other one is the leader.
    """

    board: Board
    capacity: Capacity
    young: frozenset[Capacity]
    """Those measured in the round."""
    faced: list[Capacity] = field(init=False)
    """Every capacity that has been it."""

    def __post_init__(self) -> None:
        """Begin with what leads before the round."""
        self.faced = [self.capacity]

    def refresh(self) -> bool:
        """Take who leads now; True where that is another."""
        before = (lead.trial.capacity for lead in self.board.leads())
        best = next((capacity for capacity in before if capacity not in self.young), self.capacity)
        if best == self.capacity:
            return False
        self.capacity = best
        self.faced.append(best)
        return True

    def lead(self) -> Evidence | None:
        """Return what stands for it; None where no capacity before the round has a usable trial."""
        if self.board.lead(self.capacity) is None:
            self.refresh()
        return self.board.lead(self.capacity)


def against(board: Board, capacity: Capacity, leader: Leader) -> Comparison | None:
    """Compare a capacity with the leader, or with the best of its round where no leader is left.

    None where it has no usable trial itself.
    """
    one = board.lead(capacity)
    if one is None:
        return None
    leading = leader.lead()
    other = leading or board.best() or one
    is_left = leading is None and other.trial == one.trial
    return Comparison(*(paired(one, other) or (one, other)), board.compare(one, other), is_left)


def settle_with(
    board: Board,
    capacity: Capacity,
    leader: Leader,
    accepts: Callable[[Comparison], bool],
) -> Walk[None]:
    """Settle what stands for a capacity against the leader, whoever that turns out to be.

    What would be accepted has to be so on all executions that it has, and against who leads when
    executions have been bought. When a bought execution rules one out, what is next stands for it. A
    comparison that `accepts` takes is one after which the search goes on from the capacity.
    """
    while (one := board.lead(capacity)) and (other := leader.lead()):
        gap = yield from settle(board, one, other)
        if gap is None:
            continue
        found = against(board, capacity, leader)
        if found is None or not accepts(found):
            return
        one, other = board.lead(capacity) or one, leader.lead() or other
        if other.executions < one.executions:
            reason = sentences.level(one, other)
            yield from board.ask((other.trial,), one.executions, reason)
        elif not leader.refresh():
            return


def explain(board: Board, found: Comparison, word: str, then: str) -> None:
    """Note a verdict on a capacity, with its sentence."""
    one, gap = found.one, found.gap
    error = board.rules.noise * gap.se
    is_slight = word == "same" and -gap.mean > error
    is_slight_loss = word == "smaller" and gap.mean > max(error, board.rules.one_se * gap.se)
    if found.is_left:
        reason = sentences.left(one, then)
    else:
        said = "slight" if is_slight else "slight loss" if is_slight_loss else word
        reason = sentences.comparison(one, found.other, gap, said, then)
    board.decide(one.trial.capacity.label, one.shown, gap.se, word, reason)
