"""The first rungs: the simplest model and the configured start, and their nuisance values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipeline.core.family import Nuisance
from pipeline.core.language import listing
from pipeline.core.records import Capacity, Value
from pipeline.search import sentences
from pipeline.search.board import Walk
from pipeline.search.decide import Evidence
from pipeline.search.grow import in_doubt, note_unusable, weigh
from pipeline.search.judge import verdict
from pipeline.search.measure import Bench, Candidate
from pipeline.search.tune import others, tune


def begin(
    bench: Bench, first: Sequence[Capacity], values: Mapping[str, tuple[Value, ...]]
) -> Walk[int]:
    """Measure the first capacities, simplest first, and tune their nuisance values.

    The first round tries every other nuisance value too, at the middle rate of the start: a budget that
    ends early has then seen what an encoding does.

    Args:
        bench: Where capacities are measured.
        first: The simplest model and the start, or the one of them that there is.
        values: Every nuisance parameter with its values.

    Returns:
        How often growing has failed already: 1 when the start is clearly worse than the simplest.
    """
    board = bench.board
    nuisance = tuple((name, options[0]) for name, options in values.items())
    candidates = [Candidate(one, bench.ladder.first, nuisance) for one in first]
    labels = listing(one.label for one in first)
    trial = bench.trial(first[-1], bench.ladder.first, nuisance)
    early = [one for some in others(bench, trial, values).values() for one in some]
    more = f", beside it other {listing(options)}" if (options := _several(values)) else ""
    yield from bench.measure(candidates, f"The simplest first: {labels}{more}.", early)
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
    """Decide that the search starts from the first capacity, where it is usable."""
    lead = bench.board.lead(first[0]) if first else None
    if lead is not None:
        label = lead.trial.capacity.label
        bench.board.decide(label, lead.shown, None, "start", sentences.first(lead))
    elif first:
        note_unusable(bench, first[0])
    return lead


def _several(values: Mapping[str, tuple[Value, ...]]) -> list[str]:
    return [name for name, options in values.items() if len(options) > 1]


def _tune(
    bench: Bench,
    first: Sequence[Capacity],
    values: Mapping[str, tuple[Value, ...]],
    nuisance: Nuisance,
) -> Walk[None]:
    """Tune the start, and give the simplest model what helped: an encoding may be all it lacks."""
    board = bench.board
    tuned = yield from tune(bench, first[-1], values, nuisance)
    simplest, start = board.lead(first[0]), board.lead(first[-1])
    if not tuned or len(first) == 1 or simplest is None or start is None:
        return
    label = simplest.trial.capacity.label
    again = Candidate(first[0], simplest.trial.learning_rate, start.trial.nuisance)
    yield from bench.measure([again], f"{label} with what helped {start.trial.capacity.label}.")
    lead = board.lead(first[0])
    if lead is not None and lead.trial.nuisance != simplest.trial.nuisance:
        gap = board.compare(lead, start)
        word = verdict(board, gap, start.score)
        reason = sentences.comparison(lead, start, gap, word, "growing goes on from the best")
        board.decide(label, lead.shown, gap.se, word, reason)
