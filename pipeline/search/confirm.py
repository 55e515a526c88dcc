"""Confirming: finalists are tried between the rungs of their brackets, then get more executions."""

from __future__ import annotations

import math

from pipeline.core.language import listing, rate, trial
from pipeline.core.records import Trial
from pipeline.search.board import Board, Walk
from pipeline.search.decide import Evidence
from pipeline.search.judge import is_close
from pipeline.search.measure import Bench
from pipeline.search.space import rounded

TINY = 1e-300
"""Orders differences without noise by their size alone."""


def confirm(bench: Bench) -> Walk[None]:
    """Give the trials that may still be chosen more executions, until none is close or all have the most.

    The best of many scores is partly the luckiest. Executions that took no part in its selection
    correct that, and may change which trial is best: the finalists are then chosen anew.
    """
    board = bench.board
    rivals: list[Trial] = []
    while standing := board.standing():
        names = listing(dict.fromkeys(trial(evidence.trial.name) for evidence in standing))
        reason = f"What may be chosen: {board.executions.first} executions of {names}."
        trials = [evidence.trial for evidence in standing]
        if not (yield from board.request(trials, board.executions.first, reason)):
            break
    while contest := finalists(board, rivals):
        executions = max(evidence.executions for evidence in contest)
        if all(evidence.executions == executions for evidence in contest):
            gaps = [(evidence, board.compare(evidence, contest[0])) for evidence in contest[1:]]
            if any(is_close(board, evidence, contest[0], gap) for evidence, gap in gaps):
                executions = board.executions.after(executions)
        names = listing(trial(evidence.trial.name) for evidence in contest)
        reason = (
            f"{names} are close: {executions} executions each, to tell the best from the luckiest."
        )
        trials = [evidence.trial for evidence in contest]
        if not (yield from board.request(trials, executions, reason)):
            return


def finalists(board: Board, rivals: list[Trial]) -> list[Evidence]:
    """Return the best, the one that would be chosen, and their closest rivals; none when alone.

    Rivals are trials, not capacities: the rate of the best may be the luckiest of its bracket, too.

    Args:
        rivals: The finalists so far; new ones are added in place while there is room.
    """
    standing = board.standing()
    if standing is None:
        return []
    good, best = standing
    contest = [best] if good is best else [best, good]
    others = [evidence for evidence in board.usable() if evidence not in contest]
    gaps = [(evidence, board.compare(evidence, best)) for evidence in others]
    for evidence, gap in sorted(gaps, key=lambda pair: pair[1].mean / max(pair[1].se, TINY)):
        is_known = evidence.trial in rivals
        has_room = is_known or len(rivals) < board.rules.finalists
        if has_room and is_close(board, evidence, best, gap):
            contest.append(evidence)
            rivals += [] if is_known else [evidence.trial]
    return contest if len(contest) > 1 else []


def refine(bench: Bench) -> Walk[None]:
    """Try each finalist between the rungs of its bracket, where that promises a gain.

    Rungs lie half a decade apart; one capacity may meet its best rate on a rung and another between
    two, which would pass for a difference of capacity.
    """
    board = bench.board
    standing = board.standing()
    if not board.rules.refine or standing is None:
        return
    contest = finalists(board, []) or list(dict.fromkeys(standing))
    for executions in sorted({evidence.executions for evidence in contest}):
        trials = [
            trial
            for member in contest
            if member.executions == executions and (trial := _between(bench, member)) is not None
        ]
        rates = (f"{trial.capacity.label} at {rate(trial.learning_rate)}" for trial in trials)
        reason = f"Between the rates of the bracket, by its parabola: {', '.join(rates)}."
        yield from board.request(trials, executions, reason)


def _between(bench: Bench, lead: Evidence) -> Trial | None:
    """Return the trial at the vertex, or None where it promises less than `min_gain`."""
    board = bench.board
    tried = board.usable(board.tried(lead.trial.capacity, lead.trial.nuisance))
    rates = sorted((each.trial.learning_rate, board.compare(each, lead).mean) for each in tried)
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
