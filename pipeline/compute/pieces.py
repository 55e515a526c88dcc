"""A round cut into the tasks of a cluster: smaller than stacks, with the same numbers. Pure.

The result of a fit does not depend on the other members of its stack, so a stack may be trained in pieces:
they spread over the nodes, and a node that dies costs less. Only fits that are compared while they train
(the learning rates of a trial, where clear losers are dropped) stay together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from math import ceil
from operator import mul

from pipeline.core.control import Progress
from pipeline.core.records import Fit, Stack, StackPlan

MOST_TILES = 4
"""Most tiles of a piece on CPUs: it trains for seconds, and is sent in milliseconds."""
WAVES = 2
"""Pieces for every slot of the cluster, so that all slots end at about the same time."""


@dataclass(frozen=True)
class Slots:
    """The pieces that a cluster can train at once: one for each GPU, or without GPUs one for each CPU."""

    count: int
    gpu: bool = False


@dataclass(frozen=True)
class Piece:
    """Fits of one stack that one task trains."""

    number: int
    """Unique within its round."""
    stack: Stack
    """The stack with only the fits of the piece; its number is that of the whole stack."""


def pieces(plan: StackPlan, slots: Slots, tile: int, *, compared: bool) -> list[Piece]:
    """Cut the stacks of a round into pieces, the largest first so that the round ends evenly.

    Args:
        slots: Those of the cluster now; pieces stay small enough for a cluster that grows.
        tile: Most fits that a core trains together.
        compared: Whether the learning rates of a trial are compared while they train.

    Returns:
        Pieces that have every fit of the plan exactly once.
    """
    most = _most_fits(sum(len(stack.fits) for stack in plan.stacks), slots, tile)
    parts = [part for stack in plan.stacks for part in _parts(stack, most, compared=compared)]
    parts.sort(key=_work, reverse=True)
    return [Piece(number, stack) for number, stack in enumerate(parts)]


def halves(piece: Piece, number: int) -> list[Piece]:
    """Return a piece of two fits or more as two, numbered from `number`."""
    fits = piece.stack.fits
    middle = len(fits) // 2
    parts = fits[:middle], fits[middle:]
    return [Piece(number + at, replace(piece.stack, fits=part)) for at, part in enumerate(parts)]


def standing(open_pieces: Iterable[Piece], reports: Mapping[int, Progress]) -> list[Progress]:
    """Return the progress of each stack that is being trained, as an engine would report it.

    Args:
        open_pieces: The pieces that have not come back, waiting ones included.
        reports: The last report of each piece that was begun, by its number.
    """
    stacks: dict[int, list[tuple[Piece, Progress | None]]] = defaultdict(list)
    for piece in open_pieces:
        stacks[piece.stack.number].append((piece, reports.get(piece.number)))
    standings = []
    for number, own in stacks.items():
        last = next((report for _, report in reversed(own) if report is not None), None)
        if last is not None:
            live = [report.live if report else len(piece.stack.fits) for piece, report in own]
            done = [report.epoch if report else 0 for _, report in own]
            epoch = sum(map(mul, live, done)) // max(1, sum(live))
            standings.append(replace(last, stack=number, epoch=epoch, live=sum(live)))
    return standings


def _most_fits(fits: int, slots: Slots, tile: int) -> int:
    """Return the most fits of a piece: on CPUs whole tiles, a few of them."""
    if slots.gpu:
        return max(1, ceil(fits / max(1, slots.count)))
    tiles = ceil(fits / (WAVES * max(1, slots.count)) / tile)
    return min(MOST_TILES, max(1, tiles)) * tile


def _parts(stack: Stack, most: int, *, compared: bool) -> list[Stack]:
    groups: dict[Hashable, list[Fit]] = defaultdict(list)
    for fit in stack.fits:
        groups[(fit.trial.with_rate(1.0), fit.fold) if compared else fit].append(fit)
    parts: list[list[Fit]] = [[]]
    for group in groups.values():
        if parts[-1] and len(parts[-1]) + len(group) > most:
            parts.append([])
        parts[-1] += group
    return [replace(stack, fits=tuple(part)) for part in parts]


def _work(stack: Stack) -> int:
    return max(fit.trial.parameters for fit in stack.fits) * len(stack.fits)
