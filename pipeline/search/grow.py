"""Growing: wider and deeper from the best, as long as it pays beyond noise, and a look further."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.search import sentences
from pipeline.search.judge import settle, verdict
from pipeline.search.measure import Candidate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pipeline.records import Capacity
    from pipeline.search.board import Walk
    from pipeline.search.decide import Difference, Evidence
    from pipeline.search.measure import Bench

    Neighbour = Callable[[Capacity], Capacity | None]


def neighbours(
    bench: Bench, parents: Iterable[Evidence], steps: Sequence[Neighbour]
) -> list[Candidate]:
    """Return the untried capacities one step from some parents, within the limit on parameters."""
    board, limit = bench.board, bench.board.rules.max_parameters
    found: dict[Capacity, Candidate] = {}
    for parent in parents:
        for step in steps:
            capacity = step(parent.trial.capacity)
            if capacity is None or capacity in found or board.is_known(capacity):
                continue
            parameters = bench.family.parameters(capacity, parent.trial.encoding)
            if limit is not None and parameters > limit:
                board.rule_out(capacity)
                reason = sentences.too_large(capacity.label, parameters, limit)
                board.decide(capacity.label, None, None, "infeasible", reason)
                continue
            found[capacity] = Candidate(capacity, parent.trial.learning_rate, parent.trial.nuisance)
    return list(found.values())


def grow(
    bench: Bench, frontier: list[Evidence], patience: int, bumps: int = 0
) -> Walk[list[Evidence]]:
    """Grow from the frontier until nothing larger is better for `patience` capacities more.

    A capacity that does not improve is not the end: the capacities beyond all those of its round
    are looked at, as often as patience allows (double descent). An improvement starts anew.

    Args:
        bench: Where capacities are measured.
        frontier: The capacities to grow from first.
        patience: Capacities to look beyond one that did not improve.
        bumps: Capacities since the best that did not improve already.

    Returns:
        The last capacities: those directly beyond the best, which did not improve on it.
    """
    board, family = bench.board, bench.family
    last: list[Evidence] = []
    doubt = board.rules.doubt if patience else 0
    while bumps <= patience + doubt:
        best = board.best()
        children = neighbours(bench, frontier, (family.wider, family.deeper))
        if best is None or not children:
            break
        labels = sentences.listed(child.capacity.label for child in children)
        yield from bench.measure(children, f"Larger than the last: {labels}.")
        accepted = yield from weigh(bench, children, best, looking_on=bumps < patience)
        leads = [lead for child in children if (lead := board.lead(child.capacity))]
        frontier = [accepted] if accepted else leads
        last = [] if accepted else (last or frontier)
        bumps = 0 if accepted else bumps + 1
        if bumps > patience:
            frontier = [lead for lead in leads if in_doubt(bench, lead)]
    return last


def weigh(
    bench: Bench, children: Sequence[Candidate], best: Evidence, *, looking_on: bool
) -> Walk[Evidence | None]:
    """Judge measured capacities against the best before them; return the one that is better."""
    board = bench.board
    for child in children:
        if board.lead(child.capacity) is None:
            note_unusable(bench, child.capacity)
    leads = [lead for child in children if (lead := board.lead(child.capacity))]
    leads.sort(key=lambda one: one.order)
    accepted = None
    for place, lead in enumerate(leads):
        raw = board.compare(lead, best)
        gap: Difference | None = raw
        if place == 0 or (accepted is None and verdict(board, raw, best.score) == "better"):
            gap = yield from settle(board, lead, best)
        now = board.lead(lead.trial.capacity)
        reference = board.lead(best.trial.capacity)
        if gap is None or now is None or reference is None:
            continue
        word = verdict(board, gap, reference.score)
        if word == "better" and accepted is not None:
            word = "behind"
        then = _then(word, accepted, looking_on=looking_on)
        reason = sentences.comparison(now, reference, gap, word, then)
        board.decide(now.trial.capacity.label, now.score, gap.se, word, reason)
        if word == "better":
            accepted = now
    return accepted


def in_doubt(bench: Bench, lead: Evidence) -> bool:
    """Return whether noise hides how a capacity that was not accepted compares with the best."""
    best = bench.board.best()
    if best is None or best is lead:
        return best is lead
    gap = bench.board.compare(lead, best)
    return gap.se > 0.0 and gap.within(bench.board.rules.noise)


def note_unusable(bench: Bench, capacity: Capacity) -> None:
    """Decide that a capacity is out because every trial of it failed."""
    outcomes = {
        outcome.value
        for trial in bench.board.trials(capacity)
        for outcome in bench.board.outcomes(trial)
    }
    reason = sentences.unusable(capacity.label, sentences.listed(sorted(outcomes)))
    bench.board.decide(capacity.label, None, None, "infeasible", reason)


def _then(word: str, accepted: Evidence | None, *, looking_on: bool) -> str:
    if word == "better":
        return "the search goes on from it"
    if word == "behind" and accepted is not None:
        return f"but {accepted.trial.capacity.label} of the same round gains more"
    if accepted is not None:
        return f"the search goes on from {accepted.trial.capacity.label}"
    return "one more step is tried beyond it" if looking_on else "growing stops here"
