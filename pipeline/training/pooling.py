"""Networks with several members, trained on the mean of the members' losses.

The last layer of such a network averages its members' outputs. The training loss must not be that of the
mean: the members would become one large network (Gorishniy et al. 2024, "TabM", section 3). Validation,
early stopping and the saved model use the mean.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from pipeline.training.layers import MEAN

MEMBERS_AXIS = 1
"""Axis of the members in their outputs, (rows, members, outputs)."""


def has_members(model: keras.Model) -> bool:
    """Return whether a network averages the outputs of members."""
    return bool(model.layers) and model.layers[-1].name == MEAN


def members_of(model: keras.Model) -> keras.Model:
    """Return the network before its average, with the same weights.

    Returns:
        A model with outputs (rows, members, outputs); the network itself where it has no members.
    """
    if not has_members(model):
        return model
    return keras.Model(model.inputs[0], model.layers[-1].input, name=model.name)


def mean_over_members(values: Any) -> Any:
    """Return the mean over members, (rows, outputs), of the outputs of `members_of`."""
    return ops.mean(values, axis=MEMBERS_AXIS)


def targets_of_members(targets: Any, members: int) -> Any:
    """Return the targets once for every member: Keras would pair (rows, 1) with members wrongly."""
    return ops.repeat(ops.expand_dims(targets, MEMBERS_AXIS), members, axis=MEMBERS_AXIS)


class MemberModel(keras.Model):
    """`members_of` a network for `model.fit`.

    It trains on the mean of the members' losses; validation and metrics use the mean of their outputs.
    """

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Return the mean of the members' losses in training, else the loss of their mean."""
        if training:
            y = targets_of_members(y, y_pred.shape[MEMBERS_AXIS])
            if sample_weight is not None:
                sample_weight = ops.expand_dims(sample_weight, MEMBERS_AXIS)
        else:
            y_pred = mean_over_members(y_pred)
        return super().compute_loss(x, y, y_pred, sample_weight, training)

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Return the metrics of the members' mean."""
        return super().compute_metrics(x, y, mean_over_members(y_pred), sample_weight)


def to_fit(model: keras.Model) -> keras.Model:
    """Return the model for `model.fit`, with the weights of the network."""
    if not has_members(model):
        return model
    return MemberModel(model.inputs[0], model.layers[-1].input, name=model.name)
