"""Networks that are several in one: trained on the mean of their members' losses.

The last layer of such a network averages its members' outputs. Training must not: with the loss of
the mean, members would only have to be right together and become one large network (Gorishniy et
al. 2024, "TabM", section 3). Validation, early stopping and the saved model do look at the mean.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from pipeline.training.layers import MEAN

MEMBERS_AXIS = 1
"""Of the outputs of members: (rows, members, outputs)."""


def has_members(model: keras.Model) -> bool:
    """Return whether a network averages the outputs of members."""
    return bool(model.layers) and model.layers[-1].name == MEAN


def members_of(model: keras.Model) -> keras.Model:
    """Return the network that puts out what each member does, with the same weights.

    Returns:
        A model with outputs (rows, members, outputs); the network itself where it has no members.
    """
    if not has_members(model):
        return model
    return keras.Model(model.inputs[0], model.layers[-1].input, name=model.name)


def mean_over_members(values: Any) -> Any:
    """Return the mean over members, (rows, outputs), of what `members_of` puts out."""
    return ops.mean(values, axis=MEMBERS_AXIS)


def targets_of_members(targets: Any, members: int) -> Any:
    """Return the targets once for every member: Keras would pair (rows, 1) with members wrongly."""
    return ops.repeat(ops.expand_dims(targets, MEMBERS_AXIS), members, axis=MEMBERS_AXIS)


class MemberModel(keras.Model):
    """`members_of` a network for `model.fit`.

    The mean of the members' losses trains it; validation and metrics look at the mean of their outputs.
    """

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Return the mean of the members' losses in training, the loss of their mean else."""
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
    """Return what `model.fit` trains, with the weights of the network."""
    if not has_members(model):
        return model
    return MemberModel(model.inputs[0], model.layers[-1].input, name=model.name)
