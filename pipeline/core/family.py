"""The interface of a model family: its capacities, their neighbours, and how a network is built."""

from __future__ import annotations

from typing import Any, Protocol

from pipeline.core.records import Capacity, Trial, Value

Nuisance = tuple[tuple[str, Value], ...]
"""Per-trial values by name, sorted; they are declared in pipeline/config/schema_search.py."""


class Family(Protocol):
    """A model family, bound to the input shapes (by encoding) and the number of outputs of one data set.

    Pure but for `build`, which alone may import Keras (late). Neighbours are None at a limit.
    """

    name: str

    @property
    def stackable(self) -> bool:
        """Whether fits may share a program; then the family is also a `training.padding.PaddedFamily`."""

    @property
    def padded(self) -> bool:
        """Whether fits of different widths may share a program, their units padded with zeros."""

    @property
    def convolutional(self) -> bool:
        """Whether its networks convolve: TensorFlow maps no kernels that differ by member."""

    def like(self, values: Nuisance) -> Family:
        """Return the family with a trial's values in place of the configured ones."""

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
        """Return the number of hidden activations of one row."""

    def build(self, trial: Trial) -> Any:
        """Return an uncompiled keras.Model with fresh weights."""
