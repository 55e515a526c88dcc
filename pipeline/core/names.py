"""What a network's inputs and outputs are called, so that no sentence speaks of positions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Input(NamedTuple):
    """One input of a network."""

    column: str
    """Of the user's table."""
    name: str
    """The column with what this input is of it: `sold (month)`, `city = Bonn`, `size, missing`."""
    slot: int | None = None
    """Its slot in the grid of numbers that the network embeds; None: it is not in it."""

    def part(self, what: str, slot: int | None = None) -> Input:
        """Return an input that is one part of this one."""
        return Input(self.column, f"{self.name}, {what}", slot)


class Grid(NamedTuple):
    """The inputs at the start of a row that a network embeds, slot by slot and in each number by number."""

    slots: int
    """Inputs of a number: itself, scaled, and one for each of the most intervals that any has."""
    numbers: int


@dataclass(frozen=True)
class Names:
    """The names of all inputs and outputs, in the network's order."""

    inputs: tuple[Input, ...] = ()
    """Empty where inputs are pixels."""
    outputs: tuple[str, ...] = ()
    """The classes; empty for a regression."""

    @property
    def columns(self) -> int:
        """How many columns the network sees."""
        return len({entry.column for entry in self.inputs})

    def input(self, position: int) -> str:
        """Return what one input is called."""
        known = position < len(self.inputs)
        return self.inputs[position].name if known else f"input {position}"

    def column(self, position: int) -> str:
        """Return the column that one input is made of; the input itself where it is not known."""
        known = position < len(self.inputs)
        return self.inputs[position].column if known else self.input(position)

    def output(self, position: int) -> str:
        """Return what one output is called."""
        return self.outputs[position] if position < len(self.outputs) else f"output {position}"


NAMELESS = Names()
"""Of arrays that came from no table."""
