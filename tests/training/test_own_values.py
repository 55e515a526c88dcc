"""A trial's own values are trained as if the configuration said them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pipeline.training.families.mlp import of_widths
from pipeline.training.models import rebuild

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.core.records import Arrays, FitResult

OWN = {"activation": "tanh", "batch_normalization": True, "optimizer": "rmsprop"}


@pytest.mark.parametrize("kind", ["stacked", "fit"])
def test_own_values_train_what_the_configuration_would(
    kind: str,
    regression: Arrays,
    make_family: Callable[..., Any],
    make_fits: Callable[..., Any],
    train: Callable[..., list[FitResult]],
) -> None:
    """Optimizer, activation and normalisation; and the network is rebuilt from the trial alone."""
    plain = make_family(regression)
    configured = make_family(regression, activation="tanh", batch_normalization=True)
    sizes = of_widths(8), (0.01, 0.003), 3
    own = train(make_fits(plain, *sizes, **OWN), regression, plain, kind)
    fits = make_fits(configured, *sizes)
    said = train(fits, regression, configured, kind, optimizer="rmsprop")
    for one, other in zip(own, said, strict=True):
        np.testing.assert_array_equal(one.curves["val_loss"], other.curves["val_loss"])
        for ours, theirs in zip(one.weights or [], other.weights or [], strict=True):
            np.testing.assert_array_equal(ours, theirs)
    network = rebuild(plain, own[0].fit.trial, own[0].weights or [])
    trainable = sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)
    assert trainable == plain.like(own[0].fit.trial.nuisance).parameters(of_widths(8))
    assert trainable == configured.parameters(of_widths(8)) != plain.parameters(of_widths(8))


def test_the_family_of_no_own_values_is_itself(
    regression: Arrays, make_family: Callable[..., Any]
) -> None:
    """And that of the same values is the same object: programs are remembered by it."""
    family = make_family(regression)
    assert family.like((("dropout", 0.2),)) is family
    values = (("activation", "tanh"), ("dropout", 0.2))
    assert family.like(values) is family.like(values) is not family
