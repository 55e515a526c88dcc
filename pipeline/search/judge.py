"""Judging one trial against another: a close call buys more executions, a clear one does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
        reason = (
            f"{one.trial.capacity.label} against {other.trial.capacity.label} is close "
            f"({gap.mean:+.4g}, standard error {gap.se:.4g}): {executions} executions each."
        )
        asked = yield from board.ask((one.trial, other.trial), executions, reason)
        if not asked:
            return gap
        one_again, other_again = board.evidence(one.trial), board.evidence(other.trial)
        if one_again is None or other_again is None:
            return None
        one, other = one_again, other_again
