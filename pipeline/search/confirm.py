"""Confirming: the finalists get equal and more executions before one of them is chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.core.language import listing, trial
from pipeline.search.judge import is_close
from pipeline.search.shrink import standing

if TYPE_CHECKING:
    from pipeline.core.records import Trial
    from pipeline.search.board import Walk
    from pipeline.search.decide import Evidence
    from pipeline.search.measure import Bench

TINY = 1e-300
"""Orders differences without noise by their size alone."""


def confirm(bench: Bench) -> Walk[None]:
    """Give whoever may still win more executions, until nobody is close or all have the most.

    The best of many scores is partly the luckiest. Executions that took no part in its selection
    correct that, and may change who is best: so it is asked again.
    """
    board = bench.board
    rivals: list[Trial] = []
    while found := standing(bench):
        names = listing(dict.fromkeys(trial(one.trial.name) for one in found))
        reason = f"What may be chosen: {board.executions.first} executions of {names}."
        asked = yield from board.ask([one.trial for one in found], board.executions.first, reason)
        if not asked:
            break
    while contest := finalists(bench, rivals):
        executions = max(one.executions for one in contest)
        if all(one.executions == executions for one in contest):
            gaps = [(one, board.compare(one, contest[0])) for one in contest[1:]]
            if any(is_close(board, one, contest[0], gap) for one, gap in gaps):
                executions = board.executions.after(executions)
        names = listing(trial(one.trial.name) for one in contest)
        asked = yield from board.ask(
            [one.trial for one in contest],
            executions,
            f"{names} are close: {executions} executions each, to tell the best from the luckiest.",
        )
        if not asked:
            return


def finalists(bench: Bench, rivals: list[Trial]) -> list[Evidence]:
    """Return the best, the one that would be chosen, and their closest rivals; none when alone.

    Rivals are trials, not capacities: the rate of the best may be the luckiest of its bracket, too.

    Args:
        bench: Where capacities are measured.
        rivals: Trials that were finalists before; new ones are added while there is room.
    """
    found = standing(bench)
    if found is None:
        return []
    good, best = found
    board = bench.board
    keep = [best] if good is best else [best, good]
    gaps = [(one, board.compare(one, best)) for one in board.usable() if one not in keep]
    for one, gap in sorted(gaps, key=lambda pair: pair[1].mean / max(pair[1].se, TINY)):
        is_known = one.trial in rivals
        if (is_known or len(rivals) < board.rules.finalists) and is_close(board, one, best, gap):
            keep.append(one)
            rivals += [] if is_known else [one.trial]
    return keep if len(keep) > 1 else []
