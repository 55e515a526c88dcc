"""Networks of k members (TabM-mini), which share every hidden layer and differ at both ends.

A member has its own vector that scales the inputs, and its own output layer; the hidden layers are those
of an MLP, and so is the capacity, (layers, units). The loss is the mean of the members' losses, the
prediction the mean of their outputs (Gorishniy et al. 2024, "TabM", arXiv 2410.24210). Only Keras' own
layers: the saved model needs neither this package nor custom code.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from pipeline.core.records import Capacity
from pipeline.training.families.base import Scope
from pipeline.training.families.mlp import Mlp, widths_of


def create(scope: Scope) -> TabM:
    """Return the family for one data set."""
    return TabM(scope)


@dataclass(frozen=True, eq=False)
class TabM(Mlp):
    """Capacities and neighbours as of the MLP; `model.members` networks share the hidden layers.

    The model without hidden layers is the plain linear one: members would only be averages of it.
    """

    name: str = "tabm"

    @property
    def members(self) -> int:
        """Members of the network."""
        return self.scope.model.members

    def parameters(self, capacity: Capacity, encoding: str = "standard") -> int:
        """Return the trainable parameters in closed form: those of an MLP and of every member's ends."""
        widths = widths_of(capacity)
        if not widths:
            return super().parameters(capacity, encoding)
        scales = self.members * self._first(encoding)[0]
        further_heads = (self.members - 1) * widths[-1] * self.scope.outputs
        return super().parameters(capacity, encoding) + scales + further_heads

    def products(self, capacity: Capacity, encoding: str = "standard") -> int:
        """Return the multiplications of one row forward: shared layers are used by every member."""
        widths, (inputs, embedding) = widths_of(capacity), self._first(encoding)
        if not widths:
            return super().products(capacity, encoding)
        layers = pairwise((inputs, *widths, self.scope.outputs))
        return embedding + self.members * (inputs + sum(before * after for before, after in layers))

    def activations(self, capacity: Capacity, encoding: str = "standard") -> int:
        """Return the number of hidden activations of one row, of all members."""
        return self.members * super().activations(capacity, encoding)

    def unit_axes(
        self, capacity: Capacity, encoding: str = "standard"
    ) -> tuple[tuple[int | None, ...], ...]:
        """Return the axes of the weights that are units, as `Mlp.unit_axes` does."""
        shared = super().unit_axes(capacity, encoding)
        if not widths_of(capacity):
            return shared
        last, first = len(widths_of(capacity)) - 1, len(self._embedding_axes(encoding))
        return (*shared[:first], (None, None), *shared[first:-2], (None, last, None), (None,))
