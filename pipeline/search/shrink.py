"""Shrinking: narrower and shallower from the last capacities, while the score gets no worse."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.core.language import listing
from pipeline.core.records import Capacity
from pipeline.search.board import Board, Walk
from pipeline.search.decide import Evidence
from pipeline.search.grow import neighbours, note_failed, note_unusable
from pipeline.search.judge import Comparison, Leader, explain
from pipeline.search.measure import Bench

KEPT = ("better", "smaller")
"""Verdicts after which shrinking goes on from a capacity."""


def shrink(bench: Bench, last: list[Evidence]) -> Walk[bool]:
    """Shrink from the smallest good capacity and the last ones grown to; True if another leads.

    Every candidate is compared with the best score, never with the step before it: small losses,
    each within noise, must not add up.
    """
    board, family = bench.board, bench.family
    improved = False
    frontier = last
    while frontier:
        standing = board.standing()
        if standing is None:
            break
        good, best = standing
        if good.trial.capacity == family.simplest():
            break  # nothing is smaller than the simplest, and it is as good as any
        sources = list(dict.fromkeys([good, *frontier]))
        children = neighbours(bench, sources, (family.narrower, family.shallower))
        if not children:
            break
        labels = listing(child.capacity.label for child in children)
        yield from bench.measure(children, f"Slightly smaller than the last ones: {labels}.")
        frontier = []
        measured = [child.capacity for child in children]
        leader = Leader(board, best.trial.capacity, frozenset(measured))
        yield from _settle(leader, measured, good)
        for capacity in measured:
            word = _judge(bench, capacity, leader, good)
            lead = board.lead(capacity)
            if lead and word in KEPT:
                frontier.append(lead)
            improved = improved or word == "better"
        note_failed(bench, leader.leaders)
        if leader.capacity != best.trial.capacity and (lead := leader.lead()):
            frontier.append(lead)  # it leads after all: what is around it may be untried
            improved = True
    return improved


def _settle(leader: Leader, measured: Sequence[Capacity], good: Evidence) -> Walk[None]:
    """Settle every capacity that may be kept, and once more where the leader has changed."""
    board = leader.board
    while capacity := _next_to_settle(leader, measured, good):
        yield from leader.settle(capacity, lambda found: _word(board, found, good) in KEPT)


def _next_to_settle(
    leader: Leader, measured: Sequence[Capacity], good: Evidence
) -> Capacity | None:
    """Return a capacity that may be kept and is not settled against the leader of now; None: no more."""
    leader.refresh()
    for capacity in measured:
        comparison = leader.compare(capacity)
        if comparison is None or leader.is_settled(capacity):
            continue
        if _is_smaller(comparison, good) or comparison.verdict == "better":
            return capacity
    return None


def _judge(bench: Bench, capacity: Capacity, leader: Leader, good: Evidence) -> str:
    """Record and return the verdict on a capacity."""
    board = bench.board
    comparison = leader.compare(capacity)
    if comparison is None:
        note_unusable(bench, capacity)
        return "infeasible"
    word = _word(board, comparison, good)
    then = "kept: shrinking goes on from it" if word in KEPT else "not kept"
    explain(board, comparison, word, then)
    return word


def _is_smaller(comparison: Comparison, good: Evidence) -> bool:
    return comparison.candidate.trial.parameters < good.trial.parameters


def _word(board: Board, comparison: Comparison, good: Evidence) -> str:
    """Return the verdict on a capacity that may be worth keeping because it is smaller."""
    if comparison.verdict == "better" or not _is_smaller(comparison, good):
        return comparison.verdict
    least = board.rule.least_gain(comparison.reference.score)
    is_kept = comparison.gap.within(board.rules.one_se, least)
    return "smaller" if is_kept else comparison.verdict
