"""The network that all members of a stack share: built at the padded widths, traced once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from pipeline.core.records import Fit
from pipeline.training.layers import SHARED
from pipeline.training.models import layer_seed, random_states
from pipeline.training.pooling import members_of


class MemberDropout(keras.layers.Layer):
    """Dropout whose rate is a variable, so that members of one program may differ in it.

    Draws from the seed generator of the layer that it stands in for, as keras.layers.Dropout does.
    """

    def __init__(self, **kwargs: Any) -> None:
        """Create the layer; the rate is set with the other state of a member."""
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator(0)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Create the rate."""
        del input_shape
        self.rate = self.add_weight(shape=(), initializer="zeros", trainable=False, name="rate")

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return inputs of which a share is 0 and the others are scaled up."""
        if not training:
            return inputs
        kept = 1.0 - keras.ops.cast(self.rate, inputs.dtype)
        draws = keras.random.uniform(
            keras.ops.shape(inputs), dtype=inputs.dtype, seed=self.seed_generator
        )
        return keras.ops.where(draws < kept, inputs / kept, 0.0)


class RowNormalization(keras.layers.BatchNormalization):
    """BatchNormalization over the rows of the table that a step has.

    `present` names them: the mask that Keras passes from layer to layer is dropped by Flatten, by
    augmentation, and by the scaling of pixels under 16-bit arithmetic.
    """

    present: Any = None
    """True for rows of the table, False for those that fill up a step; None: all are."""

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        """Return normalised inputs."""
        del mask
        present = self.present
        if present is not None:  # a row may be an image of many pixels
            rows, *pixels = keras.ops.shape(inputs)[:-1]
            present = keras.ops.reshape(present, (rows, *[1] * len(pixels)))
            present = keras.ops.broadcast_to(present, (rows, *pixels))
        return super().call(inputs, training=training, mask=present)


class SharedDense(keras.layers.EinsumDense):
    """A hidden layer that the members of a network share, as one product of (rows x members) rows.

    The same numbers to float32 rounding. As the einsum that it stands in for, its slope is one matrix for
    every row on TensorFlow, written to memory and then added up (docs/experiments.md).
    """

    def call(self, inputs: Any, training: Any = None) -> Any:
        """Return activated outputs, (rows, members, units)."""
        del training
        members, width = inputs.shape[1:]
        outputs = keras.ops.matmul(keras.ops.reshape(inputs, (-1, width)), self.kernel)
        outputs = keras.ops.reshape(outputs, (-1, members, self.kernel.shape[1]))
        if self.bias is not None:
            outputs = outputs + self.bias
        return self.activation(outputs)


class Template:
    """A Keras model as a function of its weights, and the places of a member's own values."""

    def __init__(self, model: keras.Model) -> None:
        """Take over a model as the family builds it, at the padded widths; its weights are never used."""
        self.model = keras.models.clone_model(model, clone_function=_for_members)
        self.trained = members_of(self.model)
        """The model whose outputs the training loss is computed from; it shares the weights."""
        self._norms = [layer for layer in self.model.layers if isinstance(layer, RowNormalization)]
        states = enumerate(random_states(self.model))
        self._seeds = {id(state): index for index, state in states}
        rates = {id(layer.rate) for layer in self.model.layers if isinstance(layer, MemberDropout)}
        self._own = [v for v in self.model.weights if id(v) not in rates]
        self.fingerprint = repr(model.get_config())
        """Equal for models that make the same program."""

    @property
    def trainable(self) -> list[Any]:
        """Variables that the optimizer changes."""
        variables: list[Any] = self.model.trainable_variables
        return variables

    @property
    def rest(self) -> list[Any]:
        """Running statistics, dropout rates and random states."""
        variables: list[Any] = self.model.non_trainable_variables
        return variables

    @contextmanager
    def of_rows(self, present: Any) -> Iterator[None]:
        """Normalise over the `present` rows of a step alone, (rows,), in code traced inside; None: all."""
        for layer in self._norms:
            layer.present = present
        try:
            yield
        finally:
            for layer in self._norms:
                layer.present = None

    def places(self) -> list[tuple[bool, int]]:
        """Return for every array of `get_weights()` whether it is trainable, and its position."""
        spots = {id(v): (True, i) for i, v in enumerate(self.trainable)}
        spots |= {id(v): (False, i) for i, v in enumerate(self.rest)}
        return [spots[id(v)] for v in self._own]

    def first_rest(self, fit: Fit) -> list[np.ndarray]:
        """Return the initial values of `rest`; running statistics are set later."""
        rate = np.float32(fit.trial.nuisance_value("dropout", 0.0))
        values = []
        for variable in self.rest:
            shape = tuple(variable.shape)
            if id(variable) in self._seeds:
                state = layer_seed(fit.seed, self._seeds[id(variable)])
                values.append(state.astype(variable.dtype))  # TensorFlow's are signed
            elif shape == ():
                values.append(np.asarray(rate))
            else:
                values.append(np.zeros(shape, np.float32))
        return values


def _for_members(layer: keras.layers.Layer) -> keras.layers.Layer:
    if isinstance(layer, keras.layers.Dropout):
        return MemberDropout(name=layer.name, dtype=layer.dtype_policy)
    if isinstance(layer, keras.layers.BatchNormalization):
        normalization: keras.layers.Layer = RowNormalization.from_config(layer.get_config())
        return normalization
    if isinstance(layer, keras.layers.EinsumDense) and layer.equation == SHARED:
        shared: keras.layers.Layer = SharedDense.from_config(layer.get_config())
        return shared
    copy: keras.layers.Layer = layer.__class__.from_config(layer.get_config())
    return copy
