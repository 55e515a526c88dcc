"""What is validated and kept with `search.nuisance.ema`: Keras' moving averages of the weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import pytest

from pipeline.core.records import Fit, Trial
from pipeline.training.families.mlp import of_widths
from pipeline.training.models import initial_weights, seed_layers
from pipeline.training.order import batch_size
from pipeline.training.program import Batches
from tests.training.agreement import WEIGHTS_CLOSE

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.core.records import Arrays, FitResult

TRIAL = Trial(of_widths(6), 0.03, 100, (("ema", 0.8),))


@pytest.mark.parametrize("engine", ["fit", "stacked"])
def test_kept_are_the_averages_that_keras_leaves_in_the_network(
    engine: str,
    regression: Arrays,
    make_family: Callable[..., Any],
    train: Callable[..., list[FitResult]],
) -> None:
    """Of the best epoch; training itself goes on from the weights, not from their averages."""
    family = make_family(regression)
    found = train((Fit(TRIAL, 0, 3, 4),), regression, family, engine)[0]
    assert found.epochs == 4

    network = family.build(TRIAL)
    seed_layers(network, 3)
    network.set_weights(initial_weights(family, TRIAL, 3))
    adam = keras.optimizers.Adam(TRIAL.learning_rate, use_ema=True, ema_momentum=0.8)
    network.compile(optimizer=adam, loss=regression.loss)
    rows = Batches(regression, batch_size(None, len(regression.x_train)))

    def begin(epoch: int, logs: Any = None) -> None:
        del logs
        rows.start(3, epoch)

    order = keras.callbacks.LambdaCallback(on_epoch_begin=begin)
    network.fit(rows, epochs=found.best_epoch + 1, callbacks=[order], shuffle=False, verbose=0)
    assert found.weights is not None
    for ours, theirs in zip(found.weights, network.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=WEIGHTS_CLOSE)
    loss = network.evaluate(regression.x_val, regression.y_val, verbose=0)
    assert found.best("val_loss") == pytest.approx(loss, rel=1e-4)
