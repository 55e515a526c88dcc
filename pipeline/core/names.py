"""The names of a network's inputs and outputs, so that messages name them instead of positions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Input(NamedTuple):
    """One input of a network."""

    column: str
    """The column of the user's table."""
    name: str
    """The column and the part of it that this input holds: `sold (month)`, `city = Bonn`, `size, missing`."""
    slot: int | None = None
    """Its slot in the grid of embedded numbers; None: it is not embedded."""

    def part(self, what: str, slot: int | None = None) -> Input:
        """Return an input that is one part of this one."""
        return Input(self.column, f"{self.name}, {what}", slot)


class Grid(NamedTuple):
    """The embedded inputs at the start of a row, ordered by slot and within a slot by number."""

    slots: int
    """Inputs of each number: its scaled value, and one for each interval of the number that has most."""
    numbers: int
    """Embedded columns of numbers."""


@dataclass(frozen=True)
class Names:
    """The names of all inputs and outputs, in the network's order."""

    inputs: tuple[Input, ...] = ()
    """Empty where inputs are pixels."""
    outputs: tuple[str, ...] = ()
    """The classes; empty for a regression."""

    @property
    def columns(self) -> int:
        """Number of columns of the table that are inputs."""
        return len({entry.column for entry in self.inputs})

    def input(self, position: int) -> str:
        """Return the name of an input."""
        known = position < len(self.inputs)
        return self.inputs[position].name if known else f"input {position}"

    def column(self, position: int) -> str:
        """Return the column of an input; the name of the input where the column is not known."""
        known = position < len(self.inputs)
        return self.inputs[position].column if known else self.input(position)

    def output(self, position: int) -> str:
        """Return the name of an output."""
        return self.outputs[position] if position < len(self.outputs) else f"output {position}"


NAMELESS = Names()
"""The names of arrays that are no table."""
