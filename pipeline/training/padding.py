"""To which widths the networks of a stack are padded. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pipeline.family import Family

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.records import Capacity

Widths = tuple[int, ...]
"""Units of every hidden layer, first layer first."""
Axes = tuple[int | None, ...]
"""For each axis of an array the hidden layer whose units lie along it, or None."""

STEPS = ((128, 16), (256, 32), (1024, 64))
"""Up to this width, padded to a multiple of that: vector registers are full and the programs of one
round are found again in the next. Beyond: multiples of 128."""
WIDE_STEP = 128


class PaddedFamily(Family, Protocol):
    """A family whose networks of one depth can be padded to common widths."""

    def unit_axes(self, capacity: Capacity) -> tuple[Axes, ...]:
        """Return which axes of the weights are units, in the order of `get_weights()`."""

    def unit_widths(self, capacity: Capacity) -> Widths:
        """Return the units of every hidden layer."""

    def of_widths(self, widths: Widths) -> Capacity:
        """Return the capacity with these hidden widths."""


def pad_to(networks: Iterable[Widths]) -> Widths:
    """Return the widths that networks of one depth are padded to."""
    columns = zip(*networks, strict=True)
    return tuple(_rounded(max(column)) for column in columns)


def _rounded(width: int) -> int:
    step = next((step for limit, step in STEPS if width <= limit), WIDE_STEP)
    return -(-width // step) * step
