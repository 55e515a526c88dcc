"""The capacity search: start simple, grow while it pays, then shrink, and choose beyond noise.

The search is one readable script (`script`) that yields rounds and is sent their finished fits.
`propose` replays the finished fits into a fresh script, so it is a pure function of them: a resumed
sweep, another process and another hash seed all get the same next round.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pipeline.config.schema_search import CapacityConfig
from pipeline.core.family import Family, Nuisance
from pipeline.core.language import listing
from pipeline.core.records import Capacity, Scored, Value
from pipeline.search import sentences, space
from pipeline.search.board import Board, OutOfRounds, Walk
from pipeline.search.choose import choose, chosen, complete_enough, rule_of, usable
from pipeline.search.confirm import confirm, refine
from pipeline.search.decide import Evidence
from pipeline.search.executions import Executions
from pipeline.search.grow import grow, in_doubt, note_unusable, weigh
from pipeline.search.judge import verdict
from pipeline.search.measure import Bench, Candidate
from pipeline.search.protocol import Choice, Proposal, key
from pipeline.search.shrink import shrink
from pipeline.search.tune import others, tune


def begin(
    bench: Bench, first: Sequence[Capacity], values: Mapping[str, tuple[Value, ...]]
) -> Walk[int]:
    """Measure the first capacities, simplest first, and tune their nuisance values.

    The first round tries every other nuisance value too, at the middle rate of the start: so a sweep that
    its budget ends early has measured them all.

    Args:
        first: The simplest model and the start, or the one of them that there is.
        values: Every nuisance parameter with its values.

    Returns:
        How many capacities have failed to improve already: 1 where the start is clearly worse than the
        simplest, else 0.
    """
    board = bench.board
    nuisance = tuple((name, options[0]) for name, options in values.items())
    candidates = [Candidate(capacity, bench.ladder.first, nuisance) for capacity in first]
    labels = listing(capacity.label for capacity in first)
    trial = bench.trial(first[-1], bench.ladder.first, nuisance)
    other_values = others(bench, trial, values)
    beside = [trial for trials in other_values.values() for trial in trials]
    suffix = f", beside it other {listing(other_values)}" if other_values else ""
    yield from bench.measure(candidates, f"The simplest first: {labels}{suffix}.", beside)
    simplest = board.lead(first[0])
    accepted = simplest
    if simplest is None:
        note_unusable(bench, first[0])
        accepted = _note_start(bench, first[1:])
    else:
        _note_start(bench, first[:1])
        if len(first) > 1:
            accepted = yield from weigh(bench, candidates[1:], simplest)
    yield from _tune(bench, first, values, nuisance)
    start = board.lead(first[-1])
    failed = accepted is None and start is not None and not in_doubt(bench, start)
    return 1 if failed else 0


def _note_start(bench: Bench, first: Sequence[Capacity]) -> Evidence | None:
    """Record that the search starts from the first capacity, where it is usable."""
    lead = bench.board.lead(first[0]) if first else None
    if lead is not None:
        label = lead.trial.capacity.label
        bench.board.decide(label, lead.shown, None, "start", sentences.first(lead))
    elif first:
        note_unusable(bench, first[0])
    return lead


def _tune(
    bench: Bench,
    first: Sequence[Capacity],
    values: Mapping[str, tuple[Value, ...]],
    nuisance: Nuisance,
) -> Walk[None]:
    """Tune the start; then try what helped on the simplest model, which may lack nothing else."""
    board = bench.board
    tuned = yield from tune(bench, first[-1], values, nuisance)
    simplest, start = board.lead(first[0]), board.lead(first[-1])
    if not tuned or len(first) == 1 or simplest is None or start is None:
        return
    label = simplest.trial.capacity.label
    tuned_simplest = Candidate(first[0], simplest.trial.learning_rate, start.trial.nuisance)
    reason = f"{label} with what helped {start.trial.capacity.label}."
    yield from bench.measure([tuned_simplest], reason)
    lead = board.lead(first[0])
    if lead is not None and lead.trial.nuisance != simplest.trial.nuisance:
        gap = board.compare(lead, start)
        word = verdict(board, gap, start.score)
        reason = sentences.comparison(lead, start, gap, word, "growing goes on from the best")
        board.decide(label, lead.shown, gap.se, word, reason)


@dataclass(frozen=True)
class CapacitySearch:
    """Grow, then shrink. Holds only its configuration; every proposal follows from the finished fits."""

    config: CapacityConfig
    family: Family
    executions: Executions
    constant: float | None = None
    """The loss of the best constant prediction, in the objective; None where it is not known."""

    def propose(self, finished: Sequence[Scored]) -> Proposal:
        """Return the first round of which a fit is missing, or the end."""
        board = Board(self.config, self.executions, self.constant)
        done = {key(scored.fit): scored for scored in finished if scored.outcome.is_done}
        walk = self.script(board)
        try:
            requested = next(walk)
            while all(key(fit) in done for fit in requested.fits):
                requested = walk.send([done[key(fit)] for fit in requested.fits])
        except StopIteration as end:
            return Proposal(None, tuple(board.decisions), end.value)
        return Proposal(requested, tuple(board.decisions))

    def choose(self, finished: Sequence[Scored]) -> Choice | None:
        """Return the best so far by the configured rule; None without a usable trial."""
        plan = self.executions
        known = complete_enough(usable(finished), plan.fewest, plan.folds)
        return self._choice(known, over=False)

    def script(self, board: Board) -> Walk[Choice | None]:
        """Yield the search round by round onto an empty board; return the choice at its end."""
        bench = Bench(board, self.family, space.ladder(self.config.learning_rate))
        over = True
        try:
            yield from self._explore(bench)
        except OutOfRounds:
            over = False
            limit = self.config.max_rounds
            board.decide("", None, None, "stopped", f"search.max_rounds={limit} are used up.")
        choice = self._choice(board.usable(), over=over)
        if choice is not None:
            board.decisions.append(chosen(choice, max(board.rounds - 1, 0)))
        return choice

    def _explore(self, bench: Bench) -> Walk[None]:
        board, values = bench.board, self.config.nuisance.values()
        patience = self.config.patience
        simplest = self.family.simplest() if self.config.include_linear else None
        first = dict.fromkeys(
            capacity for capacity in (simplest, self.family.start()) if capacity is not None
        )
        bumps = yield from begin(bench, list(first), values)
        frontier = board.leads()
        while True:
            board.phase = "grow"
            last = yield from grow(bench, frontier, patience, bumps)
            best = board.best()
            if best is None:
                break
            adopted = yield from tune(bench, best.trial.capacity, values)
            if adopted != "better":
                break  # within noise it changes no verdict on the capacities around
            frontier, bumps = board.leads()[:1], 0
        improved = True
        while improved:
            board.phase = "shrink"
            improved = yield from shrink(bench, last)
            if improved:
                board.phase = "grow"
                last = yield from grow(bench, board.leads()[:1], patience=0)
        board.phase = "confirm"
        yield from refine(bench)
        yield from confirm(bench)

    def _choice(self, known: Sequence[Evidence], *, over: bool) -> Choice | None:
        """Choose among the leads of the capacities by the configured rule; `over`: all was tried."""
        rule = rule_of(self.config, self.executions, self.constant)
        choice = choose(known, rule)
        simplest = self.family.simplest()
        if choice is None or choice.trial.capacity != simplest:
            return choice
        good, _, _ = rule.standing(known)
        others = {evidence.trial.capacity for evidence in known} - {simplest}
        # The start alone is a guess: growing must have been tried, or the space have nothing larger.
        if len(others) < 1 + (not over) or good.trial.capacity != simplest:
            return choice
        return replace(choice, reason=choice.reason + sentences.NO_NETWORK)
