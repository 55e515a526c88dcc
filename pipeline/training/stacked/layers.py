"""Layers of a stack whose settings differ from member to member."""

from __future__ import annotations

from typing import Any

import keras


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
