"""Judging one trial against another: a close call buys more executions, a clear one does not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.search import sentences
from pipeline.search.decide import paired

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from pipeline.records import Capacity
    from pipeline.search.board import Board, Walk
    from pipeline.search.decide import Difference, Evidence


def verdict(board: Board, gap: Difference, reference: float) -> str:
    """Return whether a difference is `better`, `worse` or, within noise, the `same`."""
    rules = board.rules
    if -gap.mean > max(rules.noise * gap.se, rules.min_gain * abs(reference)):
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
    return abs(gap.mean) + rules.close * gap.se > rules.min_gain * abs(other.score)


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
            executions = board.executions.after(executions)
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


def against(board: Board, capacity: Capacity, reference: Capacity) -> Comparison | None:
    """Compare two capacities; None where the first has no usable trial."""
    found = _leads(board, capacity, reference)
    if found is None:
        return None
    is_left = found[0].trial == found[1].trial and board.lead(reference) is None
    return Comparison(*(paired(*found) or found), board.compare(*found), is_left)


def settle_capacities(board: Board, capacity: Capacity, reference: Capacity) -> Walk[None]:
    """Settle what stands for two capacities; when a bought execution rules it out, what is next."""
    while found := _leads(board, capacity, reference):
        gap = yield from settle(board, *found)
        if gap is not None:
            return


def settle_with_best(
    board: Board,
    capacity: Capacity,
    reference: Capacity,
    young: Collection[Capacity],
    accepts: Callable[[Comparison], bool],
) -> Walk[Capacity]:
    """Settle a capacity against the best before it; return which capacity that turned out to be.

    The best of many on few executions is partly the luckiest. Where bought executions show that and
    another leads again, it proves little to be as good as the unmasked one: what would be accepted
    has to stand against that other.

    Args:
        board: What is known.
        capacity: To be judged.
        reference: The best before it, as far as was known.
        young: Capacities that are no reference: those measured together with it.
        accepts: Whether a comparison is one after which the search goes on from the capacity.
    """
    while True:
        yield from settle_capacities(board, capacity, reference)
        found = against(board, capacity, reference)
        if found is None or not accepts(found):
            return reference
        before = (lead.trial.capacity for lead in board.leads())
        best = next((one for one in before if one not in young), reference)
        if best == reference:
            return reference
        reference = best


def _leads(
    board: Board, capacity: Capacity, reference: Capacity
) -> tuple[Evidence, Evidence] | None:
    """Return what stands for both; the best there is for a reference without a usable trial."""
    lead, other = board.lead(capacity), board.lead(reference) or board.best()
    return None if lead is None or other is None else (lead, other)


def explain(board: Board, found: Comparison, word: str, then: str) -> None:
    """Note a verdict on a capacity, with its sentence."""
    one, gap = found.one, found.gap
    is_slight = word == "same" and -gap.mean > board.rules.noise * gap.se
    if found.is_left:
        reason = sentences.left(one, then)
    else:
        said = "slight" if is_slight else word
        reason = sentences.comparison(one, found.other, gap, said, then)
    board.decide(one.trial.capacity.label, one.shown, gap.se, word, reason)
