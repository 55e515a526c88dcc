"""Every arithmetic row of the course, on the product's own models and engines."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from pipeline.config.schema import ModelConfig
from pipeline.config.schema_search import CapacityConfig
from pipeline.core.records import Arrays, Trial
from pipeline.training.families.base import Scope
from pipeline.training.families.mlp import Mlp, of_widths
from pipeline.training.models import rebuild

pytestmark = pytest.mark.slow

STANDING_STILL = 1e-12
"""A learning rate that changes no float32 weight of this file."""
ENGINES = pytest.mark.parametrize("kind", ["fit", "stacked"])


@keras.saving.register_keras_serializable("tests")
class Given(keras.initializers.Initializer):
    """Starts a kernel from given numbers; zeros at any other shape (a padded template)."""

    def __init__(self, values: list[list[float]]) -> None:
        """Take the kernel as rows."""
        self.values = values

    def __call__(self, shape: Any, dtype: Any = None) -> Any:  # noqa: ARG002
        """Return the kernel."""
        given = np.asarray(self.values, dtype=np.float32)
        return keras.ops.convert_to_tensor(
            given if given.shape == tuple(shape) else np.zeros(shape, "f4")
        )

    def get_config(self) -> dict[str, Any]:
        """Return what makes the same initializer again."""
        return {"values": self.values}


class GivenWeights(Mlp):
    """The product's MLP, started from the course's kernels; biases start at 0 as always."""

    kernels: tuple[list[list[float]], ...]

    def build(self, trial: Trial) -> Any:
        """Return the product's network with other initializers."""
        model = super().build(trial)
        dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
        for layer, kernel in zip(dense, self.kernels, strict=True):
            layer.kernel_initializer = Given(kernel)
        return model


def network(*kernels: list[list[float]], activation: str = "linear") -> GivenWeights:
    """Return a family whose networks start from these kernels, one list of rows per layer."""
    shapes = {"standard": (len(kernels[0]),)}
    scope = Scope(ModelConfig(activation=activation), CapacityConfig(), shapes, 1, regression=True)
    found = GivenWeights(scope)
    object.__setattr__(found, "kernels", kernels)
    return found


def hidden(family: GivenWeights) -> tuple[int, ...]:
    """Return the hidden widths that the kernels imply."""
    return tuple(len(kernel[0]) for kernel in family.kernels[:-1])


def one_row(inputs: list[float], target: float) -> Arrays:
    """Return one row as training and validation rows."""
    x, y = np.array([inputs], "f4"), np.array([[target]], "f4")
    return Arrays(x, y, x, y, regression=True)


@pytest.fixture
def step(train: Any, make_fits: Any) -> Any:
    """`step(kind, family, inputs, target, rate)`: one SGD step through an engine."""

    def run(
        kind: str, family: GivenWeights, inputs: list[float], target: float, rate: float
    ) -> Any:
        fits = make_fits(family, of_widths(*hidden(family)), rates=(rate,), epochs=1)
        return train(fits, one_row(inputs, target), family, kind, optimizer="sgd")[0]

    return run


def predict(family: GivenWeights, inputs: list[float]) -> tuple[np.ndarray, float]:
    """Return hidden outputs of the first layer and the prediction of the product's own model."""
    trial = Trial(of_widths(*hidden(family)), 1.0, 0)
    weights: list[np.ndarray] = []
    for kernel in family.kernels:
        weights += [np.array(kernel, "f4"), np.zeros(len(kernel[0]), "f4")]
    model = rebuild(family, trial, weights)
    row = np.array([inputs], "f4")
    nodes = keras.Model(model.inputs[0], model.layers[0].output)(row)
    return np.asarray(nodes)[0], float(np.asarray(model(row))[0, 0])


def test_forward_pass_with_identity() -> None:
    """Inputs (2, 3) through nodes 5 and 1 give 9."""
    nodes, prediction = predict(network([[1, -1], [1, 1]], [[2], [-1]]), [2, 3])
    assert nodes.tolist() == [5, 1]
    assert prediction == 9


def test_forward_pass_with_tanh() -> None:
    """The same with tanh: 2 tanh(5) - tanh(1)."""
    _, prediction = predict(network([[1, -1], [1, 1]], [[2], [-1]], activation="tanh"), [2, 3])
    assert prediction == pytest.approx(1.2382, abs=5e-5)


def test_relu_cuts_below_zero() -> None:
    """Inputs (3, 5): 26, and 0 because -13 is cut."""
    nodes, _ = predict(network([[2, 4], [4, -5]], [[1], [1]], activation="relu"), [3, 5])
    assert nodes.tolist() == [26, 0]


@ENGINES
@pytest.mark.parametrize(("output", "error"), [([[2], [-1]], 4), ([[3], [-2]], 0)])
def test_error_of_a_prediction(
    step: Any, kind: str, output: list[list[float]], error: float
) -> None:
    """Target 13: prediction 9 misses by 4; output weights (3, -2) hit."""
    result = step(kind, network([[1, -1], [1, 1]], output), [2, 3], 13, STANDING_STILL)
    assert result.curves["val_loss"].tolist() == [error**2]
    assert result.curves["val_mae"].tolist() == [error]


@ENGINES
@pytest.mark.parametrize(("output", "error"), [([[1], [1]], 6), ([[1], [0]], 0)])
def test_error_with_relu(step: Any, kind: str, output: list[list[float]], error: float) -> None:
    """Inputs (0, 3), target 3: prediction 9, then 3."""
    family = network([[2, 1], [1, 2]], output, activation="relu")
    result = step(kind, family, [0, 3], 3, STANDING_STILL)
    assert result.curves["val_mae"].tolist() == [error]


@ENGINES
def test_one_step_with_one_weight(step: Any, kind: str) -> None:
    """Input 3, weight 2, target 10: slope -24, and one step at rate 0.01 leads to 2.24."""
    kernel = step(kind, network([[2]]), [3], 10, 0.01).weights[0]
    assert kernel.item() == pytest.approx(2.24, abs=1e-6)
    assert (2 - kernel.item()) / 0.01 == pytest.approx(-24, abs=1e-3)


@ENGINES
def test_one_step_with_two_weights(step: Any, kind: str) -> None:
    """Inputs (3, 4), weights (1, 2), target 6: error 5, gradient (30, 40), weights (0.7, 1.6)."""
    result = step(kind, network([[1], [2]]), [3, 4], 6, 0.01)
    kernel = result.weights[0][:, 0]
    assert result.curves["loss"].tolist() == [5**2]
    assert kernel == pytest.approx([0.7, 1.6], abs=1e-6)
    assert (np.array([1, 2]) - kernel) / 0.01 == pytest.approx([30, 40], abs=1e-3)
    assert kernel @ [3, 4] - 6 == pytest.approx(2.5, abs=1e-5)


@ENGINES
def test_backpropagation_through_relu(step: Any, kind: str) -> None:
    """Inputs (0, 1), nodes 1 and 3, output weights (1, 2), error 3: every slope of the course."""
    rate = 2.0**-10  # exact in float32, so that the slopes are too
    family = network([[5, 7], [1, 3]], [[1], [2]], activation="relu")
    hidden_kernel, _, output_kernel, output_bias = step(kind, family, [0, 1], 4, rate).weights
    assert -output_bias / rate == pytest.approx([6])
    assert ([1, 2] - output_kernel[:, 0]) / rate == pytest.approx([6, 18])
    slopes = ([[5, 7], [1, 3]] - hidden_kernel) / rate
    assert slopes[:, 0] == pytest.approx([0, 6])
    assert slopes[:, 1] == pytest.approx([0, 12])
