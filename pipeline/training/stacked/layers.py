"""Layers of a stack: settings that differ from member to member, rows that only fill up a step."""

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


class RowNormalization(keras.layers.BatchNormalization):
    """BatchNormalization over the rows of the table that a step has.

    It is told which they are: a mask that Keras hands from layer to layer is dropped by Flatten, by
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
