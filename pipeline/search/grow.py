"""Growing: wider and deeper from the best while that pays beyond noise, and some steps further."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from pipeline.core.language import listing
from pipeline.core.records import Capacity
from pipeline.search import sentences
from pipeline.search.board import Walk
from pipeline.search.decide import Evidence
from pipeline.search.judge import Comparison, Leader, explain
from pipeline.search.measure import Bench, Candidate

Neighbour = Callable[[Capacity], Capacity | None]


def neighbours(
    bench: Bench, parents: Iterable[Evidence], steps: Sequence[Neighbour]
) -> list[Candidate]:
    """Return the untried capacities one step from some parents; those above the limit are ruled out."""
    board, limit = bench.board, bench.board.rules.max_parameters
    allowed = []
    for candidate, parameters in _untried(bench, parents, steps):
        if limit is None or parameters <= limit:
            allowed.append(candidate)
            continue
        label = candidate.capacity.label
        board.rule_out(candidate.capacity)
        reason = sentences.too_large(label, parameters, limit)
        board.decide(label, None, None, "infeasible", reason)
    return allowed


def _untried(
    bench: Bench, parents: Iterable[Evidence], steps: Sequence[Neighbour]
) -> list[tuple[Candidate, int]]:
    """Return the untried capacities one step from some parents, with their numbers of parameters."""
    untried: dict[Capacity, tuple[Candidate, int]] = {}
    best = bench.board.best()
    leading = best.trial.capacity if best else None
    for parent in parents:
        nuisance, rate = parent.trial.nuisance, parent.trial.learning_rate
        for step in steps:
            capacity = step(parent.trial.capacity)
            if capacity is None or capacity in {*untried, leading}:
                continue
            if not bench.board.is_tried(capacity, nuisance):
                parameters = bench.trial(capacity, rate, nuisance).parameters
                untried[capacity] = Candidate(capacity, rate, nuisance), parameters
    return list(untried.values())


def grow(
    bench: Bench, frontier: list[Evidence], patience: int, bumps: int = 0
) -> Walk[list[Evidence]]:
    """Grow from the frontier until nothing larger is better for `patience` capacities more.

    A capacity that does not improve is not the end: the capacities beyond all those of its round
    are looked at, as often as patience allows (double descent). An improvement starts anew.

    Args:
        frontier: The capacities to grow from first.
        patience: Capacities to look beyond one that did not improve.
        bumps: Capacities since the best that did not improve already.

    Returns:
        The last capacities: those directly beyond the best, which did not improve on it; or the
        best itself, where the space has nothing larger or all that is larger failed.
    """
    board, steps = bench.board, (bench.family.wider, bench.family.deeper)
    last: list[Evidence] = []
    doubt = board.rules.doubt if patience else 0
    while bumps <= patience + doubt:
        best = board.best()
        children = neighbours(bench, frontier, steps)
        if best is None or not children:
            larger = (step(evidence.trial.capacity) for evidence in frontier for step in steps)
            if frontier and patience and not any(larger):
                board.decide("", None, None, "stopped", sentences.limit(frontier))
            break
        labels = listing(child.capacity.label for child in children)
        yield from bench.measure(children, f"Larger than the last: {labels}.")
        accepted = yield from weigh(
            bench, children, best, further=bumps < patience, doubted=bumps < patience + doubt
        )
        leads = [lead for child in children if (lead := board.lead(child.capacity))]
        frontier = [accepted] if accepted else leads
        last = [] if accepted else (last or frontier)
        bumps = 0 if accepted else bumps + 1
        if bumps > patience:
            frontier = [lead for lead in leads if in_doubt(bench, lead)]
    best = board.best()
    return last or ([best] if best else [])


def weigh(
    bench: Bench,
    children: Sequence[Candidate],
    best: Evidence,
    *,
    further: bool = True,
    doubted: bool = True,
) -> Walk[Evidence | None]:
    """Judge measured capacities against the best before them; return the one that is better.

    Decisions are recorded when all are judged, because their sentences say what follows.

    Args:
        further: Whether growing looks beyond a capacity that did not improve.
        doubted: Whether it does where noise hides how that compares with the best.

    Returns:
        What growing goes on from: the best of those that are better; or, where bought executions
        have shown that another led before, that one, if something larger than it is untried.
    """
    board = bench.board
    measured = [child.capacity for child in children]
    leader = Leader(board, best.trial.capacity, frozenset(measured))
    judged = yield from _judged(leader)
    note_failed(bench, [*leader.leaders, *measured])
    better = (capacity for capacity, gap in judged.items() if gap.verdict == "better")
    accepted = next(better, None)
    onward = board.lead(accepted) if accepted else _unmasked(bench, leader, best)
    for capacity, comparison in judged.items():
        word = comparison.verdict
        if word == "better" and capacity != accepted:
            word = "behind"
        beyond = further or (doubted and in_doubt(bench, board.lead(capacity)))
        explain(board, comparison, word, _then(word, onward, looks_beyond=beyond))
    return onward


def _judged(leader: Leader) -> Walk[dict[Capacity, Comparison]]:
    """Return the comparison of every usable capacity of a round, best score first."""
    while capacity := _next_to_settle(leader):
        yield from leader.settle(capacity, lambda comparison: comparison.verdict == "better")
    compared = ((capacity, leader.compare(capacity)) for capacity in _by_score(leader))
    return {capacity: comparison for capacity, comparison in compared if comparison}


def _next_to_settle(leader: Leader) -> Capacity | None:
    """Return the capacity to settle next: first the best score, then any that seems to be better."""
    leader.refresh()
    for place, capacity in enumerate(_by_score(leader)):
        comparison = leader.compare(capacity)
        is_better = comparison is not None and comparison.verdict == "better"
        if not leader.is_settled(capacity):
            if is_better or (place == 0 and not leader.settled):
                return capacity
        elif is_better:
            break  # growing goes on from this one: those with worse scores need not be settled
    return None


def _by_score(leader: Leader) -> list[Capacity]:
    """Return the usable capacities of a round, best score first."""
    leads = (lead for capacity in leader.challengers if (lead := leader.board.lead(capacity)))
    return [lead.trial.capacity for lead in sorted(leads, key=lambda evidence: evidence.order)]


def _unmasked(bench: Bench, leader: Leader, best: Evidence) -> Evidence | None:
    """Return what leads now instead of the best before a round, if something beyond it is untried."""
    lead = leader.lead()
    if lead is None or lead.trial.capacity == best.trial.capacity:
        return None
    limit, steps = bench.board.rules.max_parameters, (bench.family.wider, bench.family.deeper)
    beyond = [parameters for _, parameters in _untried(bench, [lead], steps)]
    return lead if beyond and (limit is None or min(beyond) <= limit) else None


def in_doubt(bench: Bench, lead: Evidence | None) -> bool:
    """Return whether noise hides how a capacity that was not accepted compares with the best."""
    best = bench.board.best()
    if best is None or lead is None or best is lead:
        return best is lead
    gap = bench.board.compare(lead, best)
    return gap.se > 0.0 and gap.within(bench.board.rules.noise)


def note_failed(bench: Bench, capacities: Iterable[Capacity]) -> None:
    """Record that those of some capacities are out that have no usable trial."""
    for capacity in dict.fromkeys(capacities):
        if bench.board.lead(capacity) is None:
            note_unusable(bench, capacity)


def note_unusable(bench: Bench, capacity: Capacity) -> None:
    """Record that a capacity is out because every trial of it failed."""
    outcomes = {
        outcome.value
        for trial in bench.board.trials(capacity)
        for outcome in bench.board.outcomes(trial)
    }
    reason = sentences.unusable(capacity.label, listing(sorted(outcomes)))
    bench.board.decide(capacity.label, None, None, "infeasible", reason)


def _then(word: str, accepted: Evidence | None, *, looks_beyond: bool) -> str:
    if word == "better":
        return "the search goes on from it"
    if word == "behind" and accepted is not None:
        return f"but {accepted.trial.capacity.label}, measured with it, scored better"
    if accepted is not None:
        return f"the search goes on from {accepted.trial.capacity.label}"
    return "one more step is tried beyond it" if looks_beyond else "growing stops here"
