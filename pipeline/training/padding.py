"""The widths that the networks of a stack are padded to. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from pipeline.core.family import Family
from pipeline.core.records import Capacity

Widths = tuple[int, ...]
"""Units of every hidden layer, first layer first."""
Axes = tuple[int | None, ...]
"""For each axis of an array the hidden layer whose units lie along it, or None."""

FINE_STEPS = ((128, 16), (256, 32), (1024, 64))
"""Widths up to the first of a pair are padded to a multiple of the second, which fills vector registers."""
WIDE_STEP = 128
"""Larger widths are padded to a multiple of this."""
COARSE = ((128, 4), (64, 2))
"""Coarse widths are the first of a pair times powers of the second; those of the first pair are coarser.

A search that doubles its units, or removes a fifth, then reuses the same program in several steps.
"""


class PaddedFamily(Family, Protocol):
    """A family whose networks of one depth can be padded to common widths."""

    def unit_axes(self, capacity: Capacity, encoding: str = "standard") -> tuple[Axes, ...]:
        """Return which axes of the weights are units, in the order of `get_weights()`."""

    def unit_widths(self, capacity: Capacity) -> Widths:
        """Return the units of every hidden layer."""

    def row_numbers(self, encoding: str) -> int:
        """Return the numbers of one row, inputs and targets."""

    def of_widths(self, widths: Widths) -> Capacity:
        """Return the capacity with these hidden widths."""


def pad_to(networks: Iterable[Widths]) -> Widths:
    """Return the smallest padded widths of networks of one depth."""
    return tuple(_fine(width) for width in widest(networks))


def candidates(networks: Iterable[Widths]) -> tuple[Widths, ...]:
    """Return the possible padded widths of networks of one depth: the coarsest first, `pad_to` last.

    The coarser the widths, the likelier is it that another round reuses the program.
    """
    widths = widest(networks)
    coarse = [tuple(_power(width, *steps) for width in widths) for steps in COARSE]
    return tuple(dict.fromkeys([*coarse, tuple(_fine(width) for width in widths)]))


def widest(networks: Iterable[Widths]) -> Widths:
    """Return the largest width of each layer of networks of one depth."""
    return tuple(max(column) for column in zip(*networks, strict=True))


def _fine(width: int) -> int:
    step = next((step for limit, step in FINE_STEPS if width <= limit), WIDE_STEP)
    return -(-width // step) * step


def _power(width: int, smallest: int, base: int) -> int:
    while smallest < width:
        smallest *= base
    return smallest
