"""Refining: the finalists at the rate where a parabola through their bracket has its minimum."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pipeline.core.language import rate
from pipeline.search.confirm import finalists
from pipeline.search.shrink import standing
from pipeline.search.space import rounded

if TYPE_CHECKING:
    from pipeline.core.records import Trial
    from pipeline.search.board import Walk
    from pipeline.search.decide import Evidence
    from pipeline.search.measure import Bench


def refine(bench: Bench) -> Walk[None]:
    """Try each finalist between the rungs of its bracket, where that promises a gain.

    Rungs lie half a decade apart; one capacity may meet its best rate on a rung and another between
    two, which would pass for a difference of capacity.
    """
    board = bench.board
    found = standing(bench)
    if not board.rules.refine or found is None:
        return
    contest = finalists(bench, []) or list(dict.fromkeys(found))
    for executions in sorted({one.executions for one in contest}):
        trials = [
            trial
            for one in contest
            if one.executions == executions and (trial := _between(bench, one)) is not None
        ]
        rates = ", ".join(f"{one.capacity.label} at {rate(one.learning_rate)}" for one in trials)
        yield from board.ask(
            trials, executions, f"Between the rates of the bracket, by its parabola: {rates}."
        )


def _between(bench: Bench, lead: Evidence) -> Trial | None:
    """Return the trial at the vertex, or None where it promises less than `min_gain`."""
    board = bench.board
    rates = sorted(
        (trial.learning_rate, board.compare(found, lead).mean)
        for trial in board.trials(lead.trial.capacity)
        if trial.nuisance == lead.trial.nuisance and (found := board.evidence(trial))
    )
    middle = next(i for i, (rate, _) in enumerate(rates) if rate == lead.trial.learning_rate)
    if not 0 < middle < len(rates) - 1:
        return None
    log_rate, gain = vertex(
        [(math.log(rate), score) for rate, score in rates[middle - 1 : middle + 2]]
    )
    if gain <= board.rule.least_gain(lead.score):
        return None
    return bench.trial(lead.trial.capacity, rounded(math.exp(log_rate)), lead.trial.nuisance)


def vertex(points: list[tuple[float, float]]) -> tuple[float, float]:
    """Return where the parabola through three points is lowest, and how far below the middle one.

    Points that do not bend upwards have no lowest point between them: the middle one, and no gain.
    """
    (x0, y0), (x1, y1), (x2, y2) = points
    left, right = (y1 - y0) / (x1 - x0), (y2 - y1) / (x2 - x1)
    bend = (right - left) / (x2 - x0)
    if bend <= 0.0:
        return x1, 0.0
    slope = left + bend * (x1 - x0)  # at the middle point
    shift = min(max(-slope / (2.0 * bend), x0 - x1), x2 - x1)
    return x1 + shift, -(slope * shift + bend * shift * shift)
