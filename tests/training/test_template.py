"""What stands in for the layers of a network while its members train."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import pytest

from pipeline.core.records import Trial
from pipeline.training.families.mlp import of_widths
from pipeline.training.stacked.backend import gradients
from pipeline.training.stacked.template import Template

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.core.family import Family
    from pipeline.core.records import Arrays

ROWS, MEMBERS, UNITS = 16, 2, 32


@pytest.fixture
def network(regression: Arrays, make_family: Callable[..., Family]) -> Any:
    """Two networks in one with two hidden layers."""
    family = make_family(regression, family="tabm", members=MEMBERS)
    return family.build(Trial(of_widths(UNITS, UNITS), 0.01, 0))


def test_a_shared_layer_puts_out_what_its_einsum_does(network: Any) -> None:
    """It takes the weights in the same order, too."""
    template = Template(network)
    x = np.random.default_rng(0).normal(size=(ROWS, *network.input_shape[1:])).astype(np.float32)
    template.model.set_weights(network.get_weights())
    found, expected = (
        keras.ops.convert_to_numpy(one(x, training=False)) for one in (template.model, network)
    )
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="JAX makes one product of it")
def test_the_slope_of_a_shared_layer_is_not_made_row_by_row(network: Any) -> None:
    """A matrix for every row, 16 times the weights, was written to memory and then added up."""
    import tensorflow as tf

    template = Template(network)
    rest = [tf.constant(variable) for variable in template.rest]

    def slopes(weights: list[Any], x: Any) -> Any:
        def loss(own: list[Any]) -> tuple[Any, Any]:
            outputs, _ = template.trained.stateless_call(own, rest, x, training=True)
            return keras.ops.sum(outputs**2), outputs

        return gradients(loss, weights)

    weights = [tf.constant(variable) for variable in template.trainable]
    x = tf.zeros((ROWS, *network.input_shape[1:]))
    graph = tf.function(slopes, autograph=False).get_concrete_function(weights, x).graph
    made = [
        one.shape.num_elements() or 0 for node in graph.get_operations() for one in node.outputs
    ]
    assert max(made) == max(UNITS * UNITS, ROWS * MEMBERS * UNITS)
