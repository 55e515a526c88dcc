"""k networks in one (TabM-mini): members share every hidden layer and differ at both ends.

A member scales the inputs by a vector of its own and has an output layer of its own; the hidden layers
between are those of the MLP, so capacity is (layers, units) as there. The loss is the mean of the
members' losses, the prediction the mean of their outputs (Gorishniy et al. 2024, "TabM", arXiv
2410.24210). Stock Keras layers only: the saved model needs neither this package nor custom code.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from pipeline.training.families.mlp import Mlp, widths_of

if TYPE_CHECKING:
    from pipeline.core.records import Capacity, Trial
    from pipeline.training.families.base import Scope


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
        """Networks in one."""
        return self.scope.model.members

    def parameters(self, capacity: Capacity, encoding: str = "standard") -> int:
        """Return the trainable parameters in closed form."""
        widths = widths_of(capacity)
        if not widths:
            return super().parameters(capacity, encoding)
        shared = sum(before * after for before, after in pairwise(self._sizes(capacity, encoding)))
        per_unit = 2 if self.scope.model.batch_normalization else 1
        own = self.scope.inputs(encoding) + widths[-1] * self.scope.outputs
        return shared + per_unit * sum(widths) + self.members * own + self.scope.outputs

    def products(self, capacity: Capacity, encoding: str = "standard") -> int:
        """Return the multiplications of one row forward: every member passes the shared layers."""
        widths = widths_of(capacity)
        if not widths:
            return super().products(capacity, encoding)
        sizes = self._sizes(capacity, encoding)
        a_member = sum(before * after for before, after in pairwise(sizes))
        return self.members * (a_member + sizes[0] + widths[-1] * self.scope.outputs)

    def activations(self, capacity: Capacity, encoding: str = "standard") -> int:
        """Return the numbers that one row leaves in the hidden layers of all members."""
        return self.members * super().activations(capacity, encoding)

    def unit_axes(self, capacity: Capacity) -> tuple[tuple[int | None, ...], ...]:
        """Return which axes of the weights are units, as `Mlp.unit_axes` does."""
        shared = super().unit_axes(capacity)
        if not widths_of(capacity):
            return shared
        last = len(widths_of(capacity)) - 1
        return ((None, None), *shared[:-2], (None, last, None), (None,))

    def build(self, trial: Trial) -> Any:
        """Return an uncompiled keras.Sequential with fresh weights; it puts out the members' mean."""
        widths = widths_of(trial.capacity)
        if not widths:
            return super().build(trial)
        import keras

        from pipeline.training.families import layers

        scope, members = self.scope, self.members
        shape = scope.input_shape(trial.encoding)
        stack = layers.first_layers(shape, augment=scope.model.augment)
        if len(shape) > 1:
            stack.append(keras.layers.Flatten(name="flat"))
        stack += layers.split_layers(members, scope.inputs(trial.encoding))
        for number, units in enumerate(widths, start=1):
            stack += layers.hidden_layers(
                number,
                units,
                activation=scope.model.activation,
                batch_normalization=scope.model.batch_normalization,
                dropout=float(trial.nuisance_value("dropout", 0.0)),
                members=members,
            )
        stack += layers.member_outputs(members, scope.outputs, regression=scope.regression)
        return keras.Sequential(stack, name=self.name)

    def _sizes(self, capacity: Capacity, encoding: str) -> tuple[int, ...]:
        """Return the inputs and the widths of the shared layers."""
        return (self.scope.inputs(encoding), *widths_of(capacity))
