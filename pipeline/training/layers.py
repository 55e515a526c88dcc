"""The layers with which every family's networks begin and end."""

from __future__ import annotations

from typing import Any

import keras

from pipeline.config.choices import EMBEDDED
from pipeline.config.schema import ModelConfig
from pipeline.core.names import Grid
from pipeline.core.records import Trial
from pipeline.training.families.base import EMBEDDING, SIGNS, is_image

BRIGHTEST = 255.0
"""Pixels arrive as 0 to 255; they are scaled inside the model so that it can be served as it is."""
OUTPUT = "output"
"""Name of the layer whose outputs are the prediction, or that of each member."""
SHARED = "bki,io->bko"
"""Equation of a hidden layer that members share."""
MEAN = "mean_of_members"
"""Name of the last layer of a network whose members' losses are averaged in training."""
LARGEST_SHIFT = 0.08
"""Augmentation: share of height and width, about two pixels of a digit of 28 x 28."""


def first_layers(shape: tuple[int, ...], *, augment: bool) -> list[Any]:
    """Return the input, and for images the scaling of pixels and the optional light shifts."""
    layers: list[Any] = [keras.Input(shape, name="inputs")]
    if is_image(shape):
        layers.append(keras.layers.Rescaling(1 / BRIGHTEST, name="pixels"))
        if augment:
            shift = keras.layers.RandomTranslation(
                LARGEST_SHIFT, LARGEST_SHIFT, fill_mode="constant", name="shift"
            )
            layers.append(shift)
    return layers


def activated(layer: Any, activation: str, number: int, *, normalised: bool) -> list[Any]:
    """Return a layer with weights and its activation, optionally normalised in between.

    Args:
        layer: Dense or convolution, linear; without a bias where it is normalised, because the
            normalisation would subtract it again.
        activation: A Keras activation by name.
        number: 1 for the first hidden layer; the names are `norm_1`, `activation_1`.
        normalised: Put BatchNormalization before the activation.
    """
    if not normalised:
        layer.activation = keras.activations.get(activation)
        return [layer]
    return [
        layer,
        keras.layers.BatchNormalization(name=f"norm_{number}"),
        keras.layers.Activation(activation, name=f"activation_{number}"),
    ]


def hidden_layers(
    number: int, units: int, model: ModelConfig, trial: Trial, members: int = 1
) -> list[Any]:
    """Return one hidden Dense layer with its activation and optional Dropout.

    Args:
        number: 1 for the first hidden layer, which is named `hidden_1`.
        units: Its width.
        model: Says the activation, and whether to normalise between the weights and it.
        trial: Says the dropout: share of outputs set to 0 in training; 0 leaves the layer out.
        members: Networks that share the layer; more than one: it takes (rows, members, inputs).
    """
    name, biased = f"hidden_{number}", not model.batch_normalization
    if members == 1:
        dense = keras.layers.Dense(units, use_bias=biased, name=name)
    else:  # one product of (rows x members) rows; Dense would make one of every row
        dense = keras.layers.EinsumDense(
            SHARED, (members, units), bias_axes="o" if biased else None, name=name
        )
    layers = activated(dense, model.activation, number, normalised=model.batch_normalization)
    dropout = float(trial.nuisance_value("dropout", 0.0))
    if dropout > 0:
        layers.append(keras.layers.Dropout(dropout, name=f"dropout_{number}"))
    return layers


def embedding(row: Any, inputs: int, grid: Grid, *, biased: bool) -> Any:
    """Return a row with `EMBEDDED` trainable numbers in the place of every number of its grid.

    A number becomes `linear(x) + W e(x)` with its encoding e, and W starts at 0, so that at first the
    network sees a linear input (Gorishniy et al. 2022; "version B" of its authors' later code).

    Args:
        row: Symbolic, (rows, inputs).
        inputs: Numbers of a row.
        grid: Those at its start.
        biased: Add a bias; False where BatchNormalization would subtract it again.
    """
    first, column = grid.slots * grid.numbers, keras.layers.Reshape((inputs, 1), name="column")
    numbers = row
    if inputs > first:
        numbers = keras.layers.Cropping1D((0, inputs - first), name="numbers")(column(row))
    numbers = keras.layers.Reshape((grid.slots, grid.numbers), name="grid")(numbers)
    layer = keras.layers.EinsumDense(
        "bsn,snd->bnd",
        (grid.numbers, EMBEDDED),
        bias_axes="nd" if biased else None,
        name=EMBEDDING,
    )
    embedded = keras.layers.Flatten(name="embedded")(layer(numbers))
    if inputs == first:
        return embedded
    others = keras.layers.Cropping1D((first, 0), name="others")(column(row))
    others = keras.layers.Flatten(name="other_inputs")(others)
    return keras.layers.Concatenate(name="all_inputs")([embedded, others])


def split_layers(members: int, inputs: int) -> list[Any]:
    """Return the layers that give each row to every member, scaled by a vector of the member's own.

    The vectors start as random signs (`models.initial_weights`; Keras has no such initializer), so
    that members differ from the first step and no input is larger for one than for another.
    """
    scales = keras.layers.EinsumDense(
        "bki,ki->bki",
        (members, inputs),
        kernel_initializer="ones",
        name=SIGNS,
    )
    return [keras.layers.RepeatVector(members, name="members"), scales]


def last_layers(outputs: int, members: int = 1, *, regression: bool) -> list[Any]:
    """Return the output layer: linear for numbers, softmax for class probabilities.

    Several members each have one of their own, and the mean of what they put out follows (`pooling.py`).
    All stay float32 under mixed precision, as Keras advises for losses.
    """
    activation = "linear" if regression else "softmax"
    if members == 1:
        return [keras.layers.Dense(outputs, activation=activation, dtype="float32", name=OUTPUT)]
    heads = keras.layers.EinsumDense(
        "bki,kio->bko",
        (members, outputs),
        bias_axes="o",  # shared: Keras takes (members, 1) for channels first
        activation=activation,
        kernel_initializer=keras.initializers.VarianceScaling(
            float(members),  # of each member's own inputs and outputs: Keras counts those of all
            "fan_avg",
            "uniform",
        ),
        dtype="float32",
        name=OUTPUT,
    )
    return [heads, keras.layers.GlobalAveragePooling1D(name=MEAN, dtype="float32")]
