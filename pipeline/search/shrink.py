"""Shrinking: narrower and shallower from the last capacities, while the score gets no worse."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.core.language import listing
from pipeline.core.records import Capacity
from pipeline.search.board import Board, Walk
from pipeline.search.decide import Evidence
from pipeline.search.grow import neighbours, note_failed, note_unusable
from pipeline.search.judge import Comparison, Leader, against, explain, settle_with
from pipeline.search.measure import Bench, Candidate

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
        found = standing(bench)
        if found is None:
            break
        good, best = found
        if good.trial.capacity == family.simplest():
            break  # nothing is smaller than the simplest, and it is as good as any
        sources = list(dict.fromkeys([good, *frontier]))
        children = neighbours(bench, sources, (family.narrower, family.shallower))
        if not children:
            break
        labels = listing(child.capacity.label for child in children)
        yield from bench.measure(children, f"Slightly smaller than the last ones: {labels}.")
        frontier = []
        young = frozenset(child.capacity for child in children)
        leader = Leader(board, best.trial.capacity, young)
        yield from _settle(bench, children, leader, good)
        for child in children:
            word = _judge(bench, child.capacity, leader, good)
            lead = board.lead(child.capacity)
            if lead and word in KEPT:
                frontier.append(lead)
            improved = improved or word == "better"
        note_failed(bench, leader.faced)
        if leader.capacity != best.trial.capacity and (lead := leader.lead()):
            frontier.append(lead)  # who leads after all: what is around it may be untried
            improved = True
    return improved


def standing(bench: Bench) -> tuple[Evidence, Evidence] | None:
    """Return the smallest capacity within the rule of the best, and the best; None without any."""
    known = bench.board.usable()
    if not known:
        return None
    good, best, _ = bench.board.rule.standing(known)
    return good, best


def _settle(
    bench: Bench, children: Sequence[Candidate], leader: Leader, good: Evidence
) -> Walk[None]:
    """Settle whatever may be kept against the leader, and again when that has turned out another."""
    board = bench.board
    settled: set[tuple[Capacity, Capacity]] = set()

    def following() -> Capacity | None:
        leader.refresh()
        for child in children:
            found = against(board, child.capacity, leader)
            if found is None or (child.capacity, leader.capacity) in settled:
                continue
            if _is_smaller(found, good) or found.verdict(board) == "better":
                return child.capacity
        return None

    while capacity := following():
        yield from settle_with(
            board, capacity, leader, lambda found: _word(board, found, good) in KEPT
        )
        settled.add((capacity, leader.capacity))


def _judge(bench: Bench, capacity: Capacity, leader: Leader, good: Evidence) -> str:
    """Note and return the verdict on a capacity."""
    board = bench.board
    found = against(board, capacity, leader)
    if found is None:
        note_unusable(bench, capacity)
        return "infeasible"
    word = _word(board, found, good)
    then = "kept: shrinking goes on from it" if word in KEPT else "not kept"
    explain(board, found, word, then)
    return word


def _is_smaller(found: Comparison, good: Evidence) -> bool:
    return found.one.trial.parameters < good.trial.parameters


def _word(board: Board, found: Comparison, good: Evidence) -> str:
    """Return the verdict on a capacity that may be worth keeping because it is smaller."""
    word = found.verdict(board)
    least = board.rule.least_gain(found.other.score)
    if word != "better" and _is_smaller(found, good):
        return "smaller" if found.gap.within(board.rules.one_se, least) else word
    return word
