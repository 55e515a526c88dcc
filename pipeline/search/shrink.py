"""Shrinking: narrower and shallower from the last capacities, while the score gets no worse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.search import sentences
from pipeline.search.decide import Difference, Evidence, smallest_within
from pipeline.search.grow import neighbours, note_unusable
from pipeline.search.judge import settle, verdict

if TYPE_CHECKING:
    from pipeline.search.board import Walk
    from pipeline.search.measure import Bench, Candidate


def shrink(bench: Bench, last: list[Evidence]) -> Walk[bool]:
    """Shrink from the smallest good capacity and the last ones grown to; True if the best improved.

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
        labels = sentences.listed(child.capacity.label for child in children)
        yield from bench.measure(children, f"Slightly smaller than the last ones: {labels}.")
        frontier = []
        for child in children:
            word = yield from _weigh(bench, child, best, good)
            lead = board.lead(child.capacity)
            if lead and word in {"better", "smaller"}:
                frontier.append(lead)
            improved = improved or word == "better"
    return improved


def standing(bench: Bench) -> tuple[Evidence, Evidence] | None:
    """Return the smallest capacity within the rule of the best, and the best; None without any."""
    board = bench.board
    leads = board.leads()
    if not leads:
        return None
    good, best, _ = smallest_within(leads, board.rules.one_se, splits=board.executions.splits)
    return good, best


def _weigh(bench: Bench, child: Candidate, best: Evidence, good: Evidence) -> Walk[str]:
    board = bench.board
    lead = board.lead(child.capacity)
    if lead is None:
        note_unusable(bench, child.capacity)
        return "infeasible"
    reference = board.lead(best.trial.capacity) or best
    raw = board.compare(lead, reference)
    gap: Difference | None = raw
    is_smaller = lead.trial.parameters < good.trial.parameters
    if is_smaller or verdict(board, raw, reference.score) == "better":
        gap = yield from settle(board, lead, reference)
    lead = board.lead(child.capacity)
    reference = board.lead(best.trial.capacity) or best
    if gap is None or lead is None:
        note_unusable(bench, child.capacity)
        return "infeasible"
    word = verdict(board, gap, reference.score)
    if word != "better" and is_smaller and gap.within(board.rules.one_se):
        word = "smaller"
    then = "kept: shrinking goes on from it" if word in {"better", "smaller"} else "not kept"
    reason = sentences.comparison(lead, reference, gap, word, then)
    board.decide(lead.trial.capacity.label, lead.score, gap.se, word, reason)
    return word
