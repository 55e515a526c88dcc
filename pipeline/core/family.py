"""What a model family is to the other rooms: its capacities, their neighbours, and how one is built."""

from __future__ import annotations

from typing import Any, Protocol

from pipeline.core.records import Capacity, Trial, Value

Nuisance = tuple[tuple[str, Value], ...]
"""Per-trial values by name, sorted; which there are: pipeline/config/fields.py."""


class Family(Protocol):
    """A model family: what its capacity is, its neighbours, and how it is built.

    Pure but for `build`, which alone may import Keras (late). Bound to one data set: it knows the
    input shape of every encoding and the number of outputs. Neighbours return None at a limit.
    """

    name: str

    @property
    def stackable(self) -> bool:
        """Whether fits may share a program; then it is also a `training.padding.PaddedFamily`."""

    @property
    def padded(self) -> bool:
        """Whether members of different widths may, their units padded with zeros."""

    @property
    def convolutional(self) -> bool:
        """Whether its networks convolve: TensorFlow maps no kernels that differ by member."""

    def like(self, values: Nuisance) -> Family:
        """Return the family whose networks have a trial's own values instead of the configured ones."""

    def simplest(self) -> Capacity | None:
        """Return the model without hidden layers, or None where the family has none."""

    def start(self) -> Capacity:
        """Return the configured start."""

    def wider(self, capacity: Capacity) -> Capacity | None:
        """Return units times growth."""

    def deeper(self, capacity: Capacity) -> Capacity | None:
        """Return one layer (or block) more."""

    def narrower(self, capacity: Capacity) -> Capacity | None:
        """Return units times shrink."""

    def shallower(self, capacity: Capacity) -> Capacity | None:
        """Return one layer (or block) less."""

    def enumerate(self) -> tuple[Capacity, ...]:
        """Return the explicit capacities that grid, random, Bayesian and Hyperband choose from."""

    def parameters(self, capacity: Capacity, encoding: str = "standard") -> int:
        """Return the trainable parameters in closed form."""

    def products(self, capacity: Capacity, encoding: str = "standard") -> int:
        """Return the multiplications of one row forward."""

    def activations(self, capacity: Capacity, encoding: str = "standard") -> int:
        """Return the numbers that one row leaves in the hidden layers."""

    def build(self, trial: Trial) -> Any:
        """Return an uncompiled keras.Model with fresh weights."""
