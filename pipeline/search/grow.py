"""Growing: wider and deeper from the best, as long as it pays beyond noise, and a look further."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.search import sentences
from pipeline.search.judge import against, explain, settle_with_best, verdict
from pipeline.search.measure import Candidate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pipeline.records import Capacity
    from pipeline.search.board import Board, Walk
    from pipeline.search.decide import Evidence
    from pipeline.search.judge import Comparison
    from pipeline.search.measure import Bench

    Neighbour = Callable[[Capacity], Capacity | None]


def neighbours(
    bench: Bench, parents: Iterable[Evidence], steps: Sequence[Neighbour]
) -> list[Candidate]:
    """Return the untried capacities one step from some parents, within the limit on parameters."""
    board, limit = bench.board, bench.board.rules.max_parameters
    found: dict[Capacity, Candidate] = {}
    best = board.best()
    leading = best.trial.capacity if best else None
    for parent in parents:
        for step in steps:
            capacity = step(parent.trial.capacity)
            if capacity is None or capacity in {*found, leading}:
                continue
            if board.is_tried(capacity, parent.trial.nuisance):
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
        The last capacities: those directly beyond the best, which did not improve on it; or the
        best itself, where the space has nothing larger.
    """
    board, steps = bench.board, (bench.family.wider, bench.family.deeper)
    last: list[Evidence] = []
    doubt = board.rules.doubt if patience else 0
    while bumps <= patience + doubt:
        best = board.best()
        children = neighbours(bench, frontier, steps)
        if best is None or not children:
            if best is not None and not last:
                last = [best]
            if (
                frontier
                and patience
                and not any(step(one.trial.capacity) for one in frontier for step in steps)
            ):
                board.decide("", None, None, "stopped", sentences.limit(frontier))
            break
        labels = sentences.listed(child.capacity.label for child in children)
        yield from bench.measure(children, f"Larger than the last: {labels}.")
        look = Look(bumps < patience, bumps < patience + doubt)
        accepted = yield from weigh(bench, children, best, look)
        leads = [lead for child in children if (lead := board.lead(child.capacity))]
        frontier = [accepted] if accepted else leads
        last = [] if accepted else (last or frontier)
        bumps = 0 if accepted else bumps + 1
        if bumps > patience:
            frontier = [lead for lead in leads if in_doubt(bench, lead)]
    return last


@dataclass(frozen=True)
class Look:
    """Whether growing looks beyond a capacity that did not improve."""

    at_all: bool
    """In any case."""
    in_doubt: bool
    """Where noise hides how it compares with the best."""


LOOK_ON = Look(at_all=True, in_doubt=True)


def weigh(
    bench: Bench, children: Sequence[Candidate], best: Evidence, look: Look
) -> Walk[Evidence | None]:
    """Judge measured capacities against the best before them; return the one that is better.

    What is said of them waits until all are judged: it tells what follows.
    """
    board, reference = bench.board, best.trial.capacity
    judged = yield from _judged(board, children, best)
    for capacity in dict.fromkeys([reference, *(child.capacity for child in children)]):
        if board.lead(capacity) is None:
            note_unusable(bench, capacity)
    better = (capacity for capacity, (_, word) in judged.items() if word == "better")
    accepted = next((board.lead(capacity) for capacity in better), None)
    for capacity, (found, word) in judged.items():
        beyond = look.at_all or (look.in_doubt and in_doubt(bench, board.lead(capacity)))
        explain(board, found, word, _then(word, accepted, looks_beyond=beyond))
    return accepted


def _judged(
    board: Board, children: Sequence[Candidate], best: Evidence
) -> Walk[dict[Capacity, tuple[Comparison, str]]]:
    """Return comparison and verdict of every usable capacity, best score first."""
    leads = [lead for child in children if (lead := board.lead(child.capacity))]
    young = {child.capacity for child in children}
    judged: dict[Capacity, tuple[Comparison, str]] = {}
    accepted = False
    for place, lead in enumerate(sorted(leads, key=lambda one: one.order)):
        capacity, reference = lead.trial.capacity, best.trial.capacity
        gains = verdict(board, board.compare(lead, best), best.score) == "better"
        if place == 0 or (gains and not accepted):
            reference = yield from settle_with_best(
                board, capacity, reference, young, lambda found: found.verdict(board) == "better"
            )
        found = against(board, capacity, reference)
        if found is not None:
            word = found.verdict(board)
            judged[capacity] = found, "behind" if accepted and word == "better" else word
            accepted = accepted or word == "better"
    return judged


def in_doubt(bench: Bench, lead: Evidence | None) -> bool:
    """Return whether noise hides how a capacity that was not accepted compares with the best."""
    best = bench.board.best()
    if best is None or lead is None or best is lead:
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


def _then(word: str, accepted: Evidence | None, *, looks_beyond: bool) -> str:
    if word == "better":
        return "the search goes on from it"
    if word == "behind" and accepted is not None:
        return f"but {accepted.trial.capacity.label}, measured with it, scored better"
    if accepted is not None:
        return f"the search goes on from {accepted.trial.capacity.label}"
    return "one more step is tried beyond it" if looks_beyond else "growing stops here"
