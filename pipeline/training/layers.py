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
"""Equation of a hidden layer that members share: (rows, members, inputs) to (rows, members, units)."""
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
        activation: Name of a Keras activation.
        number: 1 for the first hidden layer, whose layers are named `norm_1`, `activation_1`.
        normalised: Whether BatchNormalization comes before the activation.
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
        model: Its activation, and whether BatchNormalization comes before it.
        trial: Its dropout: share of outputs set to 0 in training; with 0 there is no Dropout layer.
        members: Networks that share the layer; with several it takes (rows, members, inputs).
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
    """Return a row in which every number of its grid is replaced by `EMBEDDED` trainable numbers.

    A number becomes `linear(x) + W e(x)` with its encoding e, and W starts at 0, so that at first the
    embedding is linear (Gorishniy et al. 2022; "version B" of its authors' later code).

    Args:
        row: Symbolic, (rows, inputs).
        inputs: Size of a row.
        grid: The embedded inputs at its start.
        biased: Whether there is a bias; False where BatchNormalization would subtract it.
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
    """Return the layers that repeat each row for every member, scaled by a vector of that member.

    The vectors start as random signs (`models.initial_weights`; Keras has no such initializer), so
    that members differ from the first step and their inputs have equal sizes.
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

    Each of several members has its own, and the mean of their outputs follows (`pooling.py`). All stay
    float32 under mixed precision, as Keras advises for losses.
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
            float(members),  # Keras counts the inputs and outputs of all members
            "fan_avg",
            "uniform",
        ),
        dtype="float32",
        name=OUTPUT,
    )
    return [heads, keras.layers.GlobalAveragePooling1D(name=MEAN, dtype="float32")]
