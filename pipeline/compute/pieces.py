"""A round cut into the tasks of a cluster: smaller than stacks, with the same numbers. Pure.

What a fit learns does not depend on its neighbours, so a stack may be trained in pieces: they spread
over the nodes, and a node that dies costs less. Only fits that are compared while they train (the
learning rates of a trial, where clear losers are dropped) stay together.
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
"""Tiles of a piece on CPUs: seconds of work against the milliseconds of sending it."""
WAVES = 2
"""Pieces for every slot of the cluster, so that the slots end together."""


@dataclass(frozen=True)
class Slots:
    """What a cluster has for pieces: a CPU each, or a GPU each where it has any."""

    count: int
    gpu: bool = False


@dataclass(frozen=True)
class Piece:
    """Fits of one stack that one task trains."""

    number: int
    """Within its round."""
    stack: Stack
    """The stack with these fits alone; its number is that of the whole stack."""


def pieces(plan: StackPlan, slots: Slots, tile: int, *, compared: bool) -> list[Piece]:
    """Cut the stacks of a round into pieces, the largest first so that the round ends evenly.

    Args:
        slots: Of the cluster as it is now; pieces stay small enough for one that grows.
        tile: Fits that a CPU trains together.
        compared: Whether the learning rates of a trial are compared while they train.

    Returns:
        Pieces that have every fit of the plan exactly once.
    """
    most = _most_fits(sum(len(stack.fits) for stack in plan.stacks), slots, tile)
    parts = [part for stack in plan.stacks for part in _parts(stack, most, compared=compared)]
    parts.sort(key=_work, reverse=True)
    return [Piece(number, stack) for number, stack in enumerate(parts)]


def halves(piece: Piece, number: int) -> list[Piece]:
    """Return a piece of two fits or more as two, the first with this number."""
    fits = piece.stack.fits
    middle = len(fits) // 2
    both = (fits[:middle], fits[middle:])
    return [Piece(number + at, replace(piece.stack, fits=part)) for at, part in enumerate(both)]


def standing(open_pieces: Iterable[Piece], heard: Mapping[int, Progress]) -> list[Progress]:
    """Return how far the stacks are of which pieces are at work, as an engine would report it.

    Args:
        open_pieces: The pieces that have not come back, waiting ones too.
        heard: The last report of each piece that was begun, by its number.
    """
    stacks: dict[int, list[tuple[Piece, Progress | None]]] = defaultdict(list)
    for piece in open_pieces:
        stacks[piece.stack.number].append((piece, heard.get(piece.number)))
    found = []
    for number, both in stacks.items():
        reports = [report for _, report in both if report is not None]
        if reports:
            live = [report.live if report else len(piece.stack.fits) for piece, report in both]
            done = [report.epoch if report else 0 for _, report in both]
            epoch = sum(map(mul, live, done)) // max(1, sum(live))
            last = reports[-1]
            found.append(replace(last, stack=number, epoch=epoch, live=sum(live)))
    return found


def _most_fits(fits: int, slots: Slots, tile: int) -> int:
    """Return how many fits a piece should have: on CPUs full tiles, a few of them."""
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
